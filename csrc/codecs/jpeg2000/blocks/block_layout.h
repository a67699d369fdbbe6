// How the bitmaps of a code-block are laid out, for decoding and for encoding.
#pragma once

#include <cstddef>
#include <cstdint>

namespace dcmturbo::jpeg2000 {

// A word of a bitmap is 16 columns of a stripe, one bit a coefficient, in the order of the scan (ISO/IEC 15444-1, D.1):
// bit 4 x column + row.
struct BlockLayout {
    std::size_t words = 0;          // of a bitmap in a stripe
    std::size_t stripes = 0;        // of four rows
    std::uint64_t last_word = 0;    // coefficients that exist in the last word of a stripe
    std::uint64_t last_stripe = 0;  // and in any word of the last stripe
    bool last_is_whole = true;      // the last stripe has four rows
    bool is_causal = false;         // vertically causal contexts (D.7)

    void set_size(unsigned width, unsigned height) {
        words = (width + 15) / 16;
        stripes = (height + 3) / 4;
        const unsigned columns = (width - 1) % 16 + 1;
        const unsigned rows = (height - 1) % 4 + 1;
        last_word = ~std::uint64_t{0} >> (64 - 4 * columns);
        last_stripe = 0x1111111111111111U * ((1U << rows) - 1);
        last_is_whole = rows == 4;
    }
    [[nodiscard]] std::size_t bitmap_pitch() const { return words + 2; }
    [[nodiscard]] std::size_t plane_words() const { return words * stripes; }
};

}  // namespace dcmturbo::jpeg2000
