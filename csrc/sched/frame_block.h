// Memory of one frame. A worker passes it to the caller that asked for the frame.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "base/fragments.h"
#include "process/output_memory.h"

namespace dcmturbo {

class FrameBlock {
  public:
    FrameBlock() = default;
    // The memory is uninitialised. Throws bad_alloc.
    explicit FrameBlock(std::size_t size) : size_(size) {
        void* const block = is_large(size) ? allocate_output(size) : std::malloc(size == 0 ? 1 : size);
        if (block == nullptr) throw std::bad_alloc();
        data_ = static_cast<std::byte*>(block);
    }
    explicit FrameBlock(Bytes bytes) : FrameBlock(bytes.size()) {
        if (!bytes.empty()) std::memcpy(data_, bytes.data(), bytes.size());
    }
    FrameBlock(FrameBlock&& other) noexcept
        : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
    FrameBlock& operator=(FrameBlock&& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~FrameBlock() { free(data_, size_); }

    [[nodiscard]] std::byte* data() const { return data_; }
    [[nodiscard]] std::size_t size() const { return size_; }
    // Gives up ownership. The caller must pass the memory to free().
    std::byte* release() {
        size_ = 0;
        return std::exchange(data_, nullptr);
    }
    static void free(void* data, std::size_t size) {
        if (is_large(size)) free_output(data, size);
        else std::free(data);
    }

  private:
    // Blocks of this size and above are kept when they are freed: process/output_memory.h.
    static bool is_large(std::size_t size) { return size >= std::size_t{1} << 20; }

    std::byte* data_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace dcmturbo
