// For instruction sets that multiply pairs of 16 bits no faster.
constexpr std::size_t bytes_at_once = 1;  // blocks

static inline __attribute__((always_inline)) void transform_bytes(const std::int16_t* const blocks[],
                                                                  const std::uint16_t* const steps[],
                                                                  std::byte* const to[],
                                                                  const std::ptrdiff_t strides[]) {
    transform_block<std::uint8_t>(blocks[0], steps[0], to[0], strides[0]);
}
