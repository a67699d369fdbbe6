// Reads bits out of bytes where a zero bit is stuffed after every byte FF, the first bit at the top of its byte:
// headers of packets (ISO/IEC 15444-1, B.10.1).
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/fragments.h"

namespace dcmturbo {

class ZeroBitReader {
  public:
    explicit ZeroBitReader(Bytes bytes) : bytes_(bytes) {}

    unsigned bit() {
        if (left_ == 0) fill();
        return (current_ >> --left_) & 1;
    }
    std::uint32_t bits(unsigned count) {
        std::uint32_t value = 0;
        while (count > 0) {
            if (left_ == 0) fill();
            const unsigned now = count < left_ ? count : left_;
            left_ -= now;
            count -= now;
            value = value << now | (current_ >> left_ & ((1U << now) - 1));
        }
        return value;
    }
    // Whether bits were read that are not there. Such bits are 1, which ends every code of a packet header.
    [[nodiscard]] bool is_overrun() const { return is_overrun_; }
    // Whether a stuffed bit was 1: then FF and its byte are a marker.
    [[nodiscard]] bool holds_marker() const { return holds_marker_; }
    // The first byte that no bit was read from. If FF came last, the byte with the stuffed bit after it counts as read.
    [[nodiscard]] std::size_t end() {
        if (current_ == 0xFF && !is_overrun_) fill();
        return at_;
    }

  private:
    void fill() {
        left_ = current_ == 0xFF ? 7 : 8;
        if (at_ < bytes_.size()) {
            const unsigned before = current_;
            current_ = std::to_integer<unsigned>(bytes_[at_++]);
            holds_marker_ = holds_marker_ || (before == 0xFF && current_ >= 0x80);
        } else {
            is_overrun_ = true;
            current_ = 0x7F;
            left_ = 7;
        }
    }

    Bytes bytes_;
    std::size_t at_ = 0;
    unsigned current_ = 0;
    unsigned left_ = 0;
    bool is_overrun_ = false;
    bool holds_marker_ = false;
};

}  // namespace dcmturbo
