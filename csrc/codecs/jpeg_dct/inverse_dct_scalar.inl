// For instruction sets that multiply pairs of 16 bits no faster.
constexpr std::size_t bytes_at_once = 1;  // blocks

typedef DctColumns DctBetween;

static inline __attribute__((always_inline)) bool transform_columns(const std::int16_t* const blocks[],
                                                                    const std::uint16_t* const steps[],
                                                                    DctBetween& between) {
    if (has_only_first(blocks[0])) return false;
    transform_block_columns<std::uint8_t>(blocks[0], steps[0], between);
    return true;
}

static inline __attribute__((always_inline)) void transform_rows(const DctBetween& between, std::byte* const to[],
                                                                 const std::ptrdiff_t strides[]) {
    transform_block_rows<std::uint8_t>(between, to[0], strides[0]);
}
