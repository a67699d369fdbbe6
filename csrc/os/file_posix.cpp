// Files on POSIX systems.
#if !defined(_WIN32)

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <system_error>

#include "os/file.h"

namespace dcmturbo::os {

namespace {

// Linux reads at most this many bytes per call; macOS at most 2^31 - 1.
constexpr std::size_t largest_read = 0x7FFFF000;

std::string reason(int error) { return std::generic_category().message(error); }

int descriptor_of(std::intptr_t handle) { return static_cast<int>(handle); }

}  // namespace

void File::close() noexcept {
    if (is_open()) ::close(descriptor_of(handle_));
    handle_ = none;
}

File File::open(const std::string& path, std::string& problem) {
    int descriptor = -1;
    // O_NONBLOCK is needed because opening a FIFO without a writer would wait forever. It has no effect on regular
    // files.
    do {
        descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    } while (descriptor < 0 && errno == EINTR);
    if (descriptor < 0) {
        problem = reason(errno);
        return {};
    }
    File file(descriptor);
    file.take_size(problem);
    return file;
}

File File::of_descriptor(int descriptor, std::string& problem) {
    // Both descriptors share a file position, but pread neither uses nor changes it.
    const int own = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    if (own < 0) {
        problem = reason(errno);
        return {};
    }
    File file(own);
    file.take_size(problem);
    return file;
}

void File::take_size(std::string& problem) {
    struct stat status {};
    if (::fstat(descriptor_of(handle_), &status) != 0) {
        problem = reason(errno);
    } else if (S_ISDIR(status.st_mode)) {
        problem = "is a directory, not a file";
    } else if (!S_ISREG(status.st_mode)) {
        problem = "is not a regular file";
    } else {
        size_ = static_cast<std::uint64_t>(status.st_size);
        return;
    }
    close();
}

std::size_t File::read_at(std::uint64_t offset, std::byte* to, std::size_t size, std::string& problem) const {
    std::size_t done = 0;
    while (done < size) {
        // There are no bytes past the largest off_t. pread would return an error.
        if (offset + done > static_cast<std::uint64_t>(std::numeric_limits<off_t>::max())) break;
        const ssize_t count = ::pread(descriptor_of(handle_), to + done, std::min(size - done, largest_read),
                                      static_cast<off_t>(offset + done));
        if (count > 0) {
            done += static_cast<std::size_t>(count);
        } else if (count == 0) {
            break;
        } else if (errno != EINTR) {
            problem = reason(errno);
            break;
        }
    }
    return done;
}

}  // namespace dcmturbo::os

#endif
