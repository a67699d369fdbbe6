// Windows' own header, without its macros for names that C++ uses, and what the files of this room share.
#pragma once

#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <windows.h>

#include <string>

namespace dcmturbo::os {

// What the system says of an error, without the end of line.
std::string windows_reason(DWORD error);

// Text in UTF-16. Bytes that are not UTF-8 become U+FFFD, which no file has in its name; the three bytes that Python
// writes for half of a surrogate pair become that half.
std::wstring utf16_of(const std::string& text);

// A path as every function takes it: absolute, with backslashes and the prefix that lifts the limit of 260 characters.
std::wstring long_path_of(const std::string& path);

}  // namespace dcmturbo::os
