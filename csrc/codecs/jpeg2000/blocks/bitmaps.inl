// A word of a bitmap of a code-block, and its neighbours: 16 columns of a stripe, one bit a coefficient, in the order
// of the scan (ISO/IEC 15444-1, D.1): bit 4 x column + row. Compiled once per instruction set.

constexpr std::uint64_t first_rows = 0x1111111111111111u;
constexpr std::uint64_t last_rows = 0x8888888888888888u;

// A word of significance, and of its columns, those to the left and those to the right.
struct Columns {
    std::uint64_t sides;
    std::uint64_t all;
};
static inline __attribute__((always_inline)) Columns columns_at(const std::uint64_t* significant) {
    const std::uint64_t own = significant[0];
    const std::uint64_t sides = own << 4 | significant[-1] >> 60 | own >> 4 | significant[1] << 60;
    return {sides, sides | own};
}

// Which coefficients have a significant neighbour.
static inline __attribute__((always_inline)) std::uint64_t neighbourhood(const std::uint64_t* significant,
                                                                         std::size_t pitch, bool is_causal) {
    const Columns columns = columns_at(significant);
    const std::uint64_t above = columns_at(significant - pitch).all >> 3 & first_rows;
    const std::uint64_t below = columns_at(significant + pitch).all << 3 & last_rows & (is_causal ? 0 : ~0ull);
    return columns.sides | (columns.all << 1 & ~first_rows) | (columns.all >> 1 & ~last_rows) | above | below;
}

// Coefficients of a word that exist.
template <typename Block>
static inline __attribute__((always_inline)) std::uint64_t existing(const Block& block, std::size_t stripe,
                                                                    std::size_t word) {
    return (word + 1 == block.words ? block.last_word : ~0ull) &
           (stripe + 1 == block.stripes ? block.last_stripe : ~0ull);
}
