// Converts texts, paths and error messages for Windows.
#if defined(_WIN32)

#include <cstdint>

#include "os/windows.h"

namespace dcmturbo::os {

namespace {

std::string utf8_of(const wchar_t* text, int length) {
    const int size = WideCharToMultiByte(CP_UTF8, 0, text, length, nullptr, 0, nullptr, nullptr);
    std::string result(static_cast<std::size_t>(size), '\0');
    WideCharToMultiByte(CP_UTF8, 0, text, length, result.data(), size, nullptr, nullptr);
    return result;
}

}  // namespace

std::string windows_reason(DWORD error) {
    wchar_t text[512];
    const DWORD flags = FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS;
    DWORD length = FormatMessageW(flags, nullptr, error, 0, text, 512, nullptr);
    while (length > 0 && (text[length - 1] == L'\r' || text[length - 1] == L'\n' || text[length - 1] == L' ')) --length;
    if (length == 0) return "error " + std::to_string(error);
    return utf8_of(text, static_cast<int>(length));
}

std::wstring utf16_of(const std::string& text) {
    constexpr wchar_t replacement = 0xFFFD;
    std::wstring result;
    for (std::size_t i = 0; i < text.size();) {
        const auto byte = [&](std::size_t k) -> unsigned {
            return i + k < text.size() ? static_cast<unsigned char>(text[i + k]) : 0;
        };
        const unsigned first = byte(0);
        const unsigned length = first < 0x80       ? 1
                                : first >> 5 == 6  ? 2
                                : first >> 4 == 14 ? 3
                                : first >> 3 == 30 ? 4
                                                   : 0;
        bool valid = length != 0;
        std::uint32_t character = length == 1 ? first : length == 0 ? 0 : first & (0x7FU >> length);
        for (unsigned k = 1; k < length; ++k) {
            valid = valid && byte(k) >> 6 == 2;
            character = character << 6 | (byte(k) & 0x3F);
        }
        constexpr std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        valid = valid && character >= least[length] && character <= 0x10FFFF;
        if (!valid) {
            result += replacement;
            ++i;
            continue;
        }
        if (character >= 0x10000) {
            result += static_cast<wchar_t>(0xD800 + ((character - 0x10000) >> 10));
            result += static_cast<wchar_t>(0xDC00 + (character & 0x3FF));
        } else {
            result += static_cast<wchar_t>(character);
        }
        i += length;
    }
    return result;
}

std::wstring long_path_of(const std::string& path) {
    const std::wstring given = utf16_of(path);
    // A path that begins with \\?\ or \\.\ is passed on unchanged.
    const auto begins_with = [](const std::wstring& text, const wchar_t* prefix) { return text.rfind(prefix, 0) == 0; };
    if (begins_with(given, L"\\\\?\\") || begins_with(given, L"\\\\.\\")) return given;
    const DWORD size = GetFullPathNameW(given.c_str(), 0, nullptr, nullptr);
    if (size == 0) return given;
    std::wstring full(size, L'\0');
    const DWORD length = GetFullPathNameW(given.c_str(), size, full.data(), nullptr);
    if (length == 0 || length >= size) return given;
    full.resize(length);
    // Short paths stay unchanged, because device names such as NUL have a meaning only without the prefix.
    if (length < MAX_PATH || begins_with(full, L"\\\\?\\") || begins_with(full, L"\\\\.\\")) return full;
    if (begins_with(full, L"\\\\")) return L"\\\\?\\UNC" + full.substr(1);
    return L"\\\\?\\" + full;
}

}  // namespace dcmturbo::os

#endif
