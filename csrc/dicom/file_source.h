// The three kinds of source: a file, bytes in memory, and a reader that the caller supplies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "dicom/source.h"

namespace dcmturbo {

// A regular file, read with pread: a file that shrinks gives short reads, never SIGBUS.
class FileSource final : public Source {
  public:
    // Throws DecodeError(source) with the system's reason.
    explicit FileSource(const std::string& path);
    ~FileSource() override;

    [[nodiscard]] std::uint64_t size() const override { return size_; }
    std::size_t read_at(std::uint64_t offset, std::byte* to, std::size_t size) const override;

  private:
    std::string path_;
    int descriptor_ = -1;
    std::uint64_t size_ = 0;
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

// `read` returns the number of bytes read, fewer than `size` only at the end, or a negative number on
// failure. It is called from several threads at once.
class CallbackSource final : public Source {
  public:
    using Read = std::int64_t (*)(void* context, std::uint64_t offset, void* to, std::size_t size);

    CallbackSource(Read read, void* context, std::uint64_t size) : read_(read), context_(context), size_(size) {}

    [[nodiscard]] std::uint64_t size() const override { return size_; }
    std::size_t read_at(std::uint64_t offset, std::byte* to, std::size_t size) const override;

  private:
    Read read_;
    void* context_;
    std::uint64_t size_;
};

}  // namespace dcmturbo
