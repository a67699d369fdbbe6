// The kinds of source: a file, bytes in memory, a reader that the caller supplies, and a source with some bytes
// replaced.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <shared_mutex>
#include <span>
#include <string>
#include <vector>

#include "dicom/source.h"
#include "os/file.h"

namespace dcmturbo {

// A regular file. If the file shrinks, reads return fewer bytes.
class FileSource final : public Source {
  public:
    // Throws DecodeError(source) with the error message of the operating system.
    explicit FileSource(const std::string& path);
    // Uses a file that is open already. It duplicates the descriptor, so the caller may close the original.
    explicit FileSource(int descriptor);

    [[nodiscard]] std::uint64_t size() const override { return file_.size(); }
    std::size_t read_at(std::uint64_t offset, std::byte* to, std::size_t size) const override;
    // While another thread reads, the file stays open until the source is freed.
    void close() override;

  private:
    std::string path_;
    mutable std::shared_mutex mutex_;  // shared by those who read
    os::File file_;
};

// The bytes must outlive the source.
class BufferSource final : public Source {
  public:
    explicit BufferSource(std::span<const std::byte> bytes) : bytes_(bytes) {}

    [[nodiscard]] std::uint64_t size() const override { return bytes_.size(); }
    std::size_t read_at(std::uint64_t offset, std::byte* to, std::size_t size) const override;
    [[nodiscard]] std::span<const std::byte> span() const override { return bytes_; }

  private:
    std::span<const std::byte> bytes_;
};

// `read` returns the number of bytes that it has read. It returns fewer than `size` only at the end of the source, and
// a negative number if it fails. Several threads call it at the same time.
class CallbackSource final : public Source {
  public:
    using Read = std::int64_t (*)(void* context, std::uint64_t offset, void* to, std::size_t size);

    CallbackSource(Read read, void* context, std::uint64_t size) : read_(read), context_(context), size_(size) {}

    [[nodiscard]] std::uint64_t size() const override { return size_; }
    std::size_t read_at(std::uint64_t offset, std::byte* to, std::size_t size) const override;
    [[nodiscard]] bool is_far() const override { return true; }

  private:
    Read read_;
    void* context_;
    std::uint64_t size_;
};

// Four bytes that replace a wrong length field.
struct Patch {
    std::uint64_t offset = 0;
    std::array<std::byte, 4> bytes{};
};

// Shows another source with some bytes replaced. The other source must outlive this one.
class PatchedSource final : public Source {
  public:
    PatchedSource(const Source& source, std::vector<Patch> patches);

    [[nodiscard]] std::uint64_t size() const override { return source_.size(); }
    std::size_t read_at(std::uint64_t offset, std::byte* to, std::size_t size) const override;
    [[nodiscard]] bool is_far() const override { return source_.is_far(); }

  private:
    const Source& source_;
    std::vector<Patch> patches_;  // sorted by offset
};

}  // namespace dcmturbo
