#include "dicom/file_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <string>
#include <system_error>
#include <utility>

#include "base/error.h"

namespace dcmturbo {

namespace {

// Linux reads at most this much a call.
constexpr std::size_t largest_read = 0x7FFFF000;

std::string reason(int error) { return std::generic_category().message(error); }

}  // namespace

FileSource::FileSource(const std::string& path) : path_(path) {
    // O_NONBLOCK: opening a FIFO without a writer would wait forever. It has no effect on regular files.
    do {
        descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    } while (descriptor_ < 0 && errno == EINTR);
    if (descriptor_ < 0) fail(ErrorCode::source, no_offset, "%s: %s", path.c_str(), reason(errno).c_str());
    take_size();
}

FileSource::FileSource(int descriptor) : path_("the open file") {
    descriptor_ = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    if (descriptor_ < 0) fail(ErrorCode::source, no_offset, "%s: %s", path_.c_str(), reason(errno).c_str());
    take_size();
}

void FileSource::take_size() {
    struct stat status {};
    const char* problem = nullptr;
    std::string text;
    if (::fstat(descriptor_, &status) != 0) {
        text = reason(errno);
        problem = text.c_str();
    } else if (S_ISDIR(status.st_mode)) {
        problem = "is a directory, not a file";
    } else if (!S_ISREG(status.st_mode)) {
        problem = "is not a regular file";
    }
    if (problem != nullptr) {
        ::close(descriptor_);
        descriptor_ = -1;
        fail(ErrorCode::source, no_offset, "%s: %s", path_.c_str(), problem);
    }
    size_ = static_cast<std::uint64_t>(status.st_size);
}

FileSource::~FileSource() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

std::size_t FileSource::read_at(std::uint64_t offset, std::byte* to, std::size_t size) const {
    std::size_t done = 0;
    while (done < size) {
        // Past what off_t can hold there is nothing to read, and pread would call it an error.
        if (offset + done > static_cast<std::uint64_t>(std::numeric_limits<off_t>::max())) break;
        const ssize_t count =
            ::pread(descriptor_, to + done, std::min(size - done, largest_read), static_cast<off_t>(offset + done));
        if (count > 0) {
            done += static_cast<std::size_t>(count);
        } else if (count == 0) {
            break;
        } else if (errno != EINTR) {
            fail(ErrorCode::source, offset + done, "%s: %s", path_.c_str(), reason(errno).c_str());
        }
    }
    return done;
}

std::size_t BufferSource::read_at(std::uint64_t offset, std::byte* to, std::size_t size) const {
    if (offset >= bytes_.size()) return 0;
    const std::size_t count = std::min<std::uint64_t>(size, bytes_.size() - offset);
    if (count != 0) std::memcpy(to, bytes_.data() + offset, count);
    return count;
}

std::size_t CallbackSource::read_at(std::uint64_t offset, std::byte* to, std::size_t size) const {
    std::size_t done = 0;
    while (done < size && offset + done < size_) {
        const std::size_t wanted = std::min<std::uint64_t>(size - done, size_ - offset - done);
        const std::int64_t count = read_(context_, offset + done, to + done, wanted);
        if (count < 0) fail(ErrorCode::source, offset + done, "the reader failed");
        if (static_cast<std::uint64_t>(count) > wanted) {
            fail(ErrorCode::source, offset + done, "the reader returned more bytes than it was asked for");
        }
        if (count == 0) break;
        done += static_cast<std::size_t>(count);
    }
    return done;
}

PatchedSource::PatchedSource(const Source& source, std::vector<Patch> patches)
    : source_(source), patches_(std::move(patches)) {
    std::sort(patches_.begin(), patches_.end(), [](const Patch& a, const Patch& b) { return a.offset < b.offset; });
}

std::size_t PatchedSource::read_at(std::uint64_t offset, std::byte* to, std::size_t size) const {
    const std::size_t read = source_.read_at(offset, to, size);
    const std::uint64_t end = offset + read;
    const auto reaches = [](const Patch& patch, std::uint64_t at) { return patch.offset + patch.bytes.size() <= at; };
    for (auto patch = std::lower_bound(patches_.begin(), patches_.end(), offset, reaches);
         patch != patches_.end() && patch->offset < end; ++patch) {
        for (std::size_t i = 0; i < patch->bytes.size(); ++i) {
            const std::uint64_t at = patch->offset + i;
            if (at >= offset && at < end) to[at - offset] = patch->bytes[i];
        }
    }
    return read;
}

}  // namespace dcmturbo
