// Reads files, bytes in memory, callbacks, and sources with replaced bytes.
#include "dicom/file_source.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <string>
#include <utility>

#include "base/error.h"

namespace dcmturbo {

FileSource::FileSource(const std::string& path) : path_(path) {
    std::string problem;
    file_ = os::File::open(path, problem);
    if (!file_.is_open()) fail(ErrorCode::source, no_offset, "%s: %s", path_.c_str(), problem.c_str());
}

FileSource::FileSource(int descriptor) : path_("the open file") {
    std::string problem;
    file_ = os::File::of_descriptor(descriptor, problem);
    if (!file_.is_open()) fail(ErrorCode::source, no_offset, "%s: %s", path_.c_str(), problem.c_str());
}

std::size_t FileSource::read_at(std::uint64_t offset, std::byte* to, std::size_t size) const {
    std::string problem;
    const std::shared_lock lock(mutex_);
    if (!file_.is_open()) fail(ErrorCode::source, offset, "%s: it has been closed", path_.c_str());
    const std::size_t done = file_.read_at(offset, to, size, problem);
    if (!problem.empty()) fail(ErrorCode::source, offset + done, "%s: %s", path_.c_str(), problem.c_str());
    return done;
}

void FileSource::close() {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (lock.owns_lock()) file_.close();
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
