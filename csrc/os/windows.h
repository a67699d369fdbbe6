// Includes the header of Windows without its macros for names that C++ uses, and declares functions that the files of
// this room share.
#pragma once

#define WIN32_LEAN_AND_MEAN
#if !defined(NOMINMAX)  // libstdc++ defines it
#define NOMINMAX
#endif
#include <windows.h>

#include <string>

namespace dcmturbo::os {

// The system's message for an error, without a line end.
std::string windows_reason(DWORD error);

// Converts UTF-8 to UTF-16. Invalid bytes become U+FFFD, which occurs in no file name. Three bytes that Python writes
// for one half of a surrogate pair become that half.
std::wstring utf16_of(const std::string& text);

// Converts a path to a form that all functions of Windows accept: absolute, with backslashes, and with the prefix that
// lifts the limit of 260 characters.
std::wstring long_path_of(const std::string& path);

}  // namespace dcmturbo::os
