// Files on Windows.
#if defined(_WIN32)

#include <io.h>

#include <algorithm>

#include "os/file.h"
#include "os/windows.h"

namespace dcmturbo::os {

namespace {

constexpr std::size_t largest_read = std::size_t{1} << 30;
constexpr DWORD share_all = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;

HANDLE handle_of(std::intptr_t handle) { return reinterpret_cast<HANDLE>(handle); }

}  // namespace

void File::close() noexcept {
    if (is_open()) CloseHandle(handle_of(handle_));
    handle_ = none;
}

File File::open(const std::string& path, std::string& problem) {
    const std::wstring name = long_path_of(path);
    const DWORD attributes = GetFileAttributesW(name.c_str());
    if (attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY) != 0) {
        problem = "is a directory, not a file";
        return {};
    }
    HANDLE handle =
        CreateFileW(name.c_str(), GENERIC_READ, share_all, nullptr, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr);
    if (handle == INVALID_HANDLE_VALUE) {
        problem = windows_reason(GetLastError());
        return {};
    }
    File file(reinterpret_cast<std::intptr_t>(handle));
    file.take_size(problem);
    return file;
}

File File::of_descriptor(int descriptor, std::string& problem) {
    const auto theirs = static_cast<std::intptr_t>(_get_osfhandle(descriptor));
    if (theirs == none || theirs == -2) {
        problem = "is not an open file";
        return {};
    }
    // A duplicated handle would share its position, which ReadFile moves. This one has a position of its own.
    HANDLE handle = ReOpenFile(handle_of(theirs), GENERIC_READ, share_all, 0);
    if (handle == INVALID_HANDLE_VALUE) {
        problem = windows_reason(GetLastError());
        return {};
    }
    File file(reinterpret_cast<std::intptr_t>(handle));
    file.take_size(problem);
    return file;
}

void File::take_size(std::string& problem) {
    LARGE_INTEGER size{};
    if (GetFileType(handle_of(handle_)) != FILE_TYPE_DISK) {
        problem = "is not a regular file";
    } else if (GetFileSizeEx(handle_of(handle_), &size) == 0) {
        problem = windows_reason(GetLastError());
    } else {
        size_ = static_cast<std::uint64_t>(size.QuadPart);
        return;
    }
    close();
}

std::size_t File::read_at(std::uint64_t offset, std::byte* to, std::size_t size, std::string& problem) const {
    std::size_t done = 0;
    while (done < size) {
        const std::uint64_t position = offset + done;
        if (position >> 63 != 0) break;  // no file is this long
        OVERLAPPED place{};
        place.Offset = static_cast<DWORD>(position);
        place.OffsetHigh = static_cast<DWORD>(position >> 32);
        DWORD count = 0;
        const auto wanted = static_cast<DWORD>(std::min(size - done, largest_read));
        if (ReadFile(handle_of(handle_), to + done, wanted, &count, &place) == 0) {
            if (const DWORD error = GetLastError(); error != ERROR_HANDLE_EOF) problem = windows_reason(error);
            break;
        }
        if (count == 0) break;
        done += count;
    }
    return done;
}

}  // namespace dcmturbo::os

#endif
