// For instruction sets that multiply pairs of 16 bits no faster.
static inline __attribute__((always_inline)) void transform_bytes(const std::int16_t* block, std::byte* to,
                                                                  std::ptrdiff_t stride) {
    transform_block<std::uint8_t>(block, to, stride);
}
