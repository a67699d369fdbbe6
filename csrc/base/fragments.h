// The bytes of a frame in memory: one span, or several consecutive ones.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>

#include "base/arena.h"

namespace dcmturbo {

using Bytes = std::span<const std::byte>;

class Fragments {
  public:
    Fragments() = default;
    explicit Fragments(std::span<const Bytes> spans) : spans_(spans) {
        for (const Bytes& span : spans_) size_ += span.size();
    }
    // The span object that is passed here must outlive this view, and so must its bytes.
    explicit Fragments(const Bytes& only) : spans_(&only, 1), size_(only.size()) {}

    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] std::span<const Bytes> spans() const { return spans_; }

    // Returns the frame as one span. If it has several spans, they are joined in scratch memory.
    [[nodiscard]] Bytes contiguous(Arena& arena) const {
        if (spans_.size() == 1) return spans_[0];
        std::byte* joined = arena.allocate(size_);
        std::byte* cursor = joined;
        for (const Bytes& span : spans_) {
            if (!span.empty()) std::memcpy(cursor, span.data(), span.size());
            cursor += span.size();
        }
        return {joined, size_};
    }

  private:
    std::span<const Bytes> spans_;
    std::size_t size_ = 0;
};

}  // namespace dcmturbo
