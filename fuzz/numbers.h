// The choices of a fuzz target that encodes: numbers out of the input, then out of what its bytes seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>

namespace dcmturbo::fuzz {

class Numbers {
  public:
    Numbers(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {
        std::uint32_t sum = 1;
        for (std::size_t i = 0; i < size; ++i) sum = sum * 31 + data[i];
        noise_.seed(sum | 1);
    }
    unsigned byte() { return at_ < size_ ? data_[at_++] : static_cast<unsigned>(noise_()) >> 8 & 0xff; }
    unsigned below(unsigned limit) {
        const unsigned high = byte();
        return (high << 8 | byte()) % limit;
    }

  private:
    const std::uint8_t* data_;
    std::size_t size_;
    std::size_t at_ = 0;
    std::minstd_rand noise_;
};

}  // namespace dcmturbo::fuzz
