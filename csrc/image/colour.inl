// Three-component loops over 8-bit samples. image/kernels.inl includes this file, which is compiled once per
// instruction set.

// Three planes are interleaved into vectors of `width` bytes. For byte `byte` of output vector `part`, these return the
// plane that it comes from and its position in that plane.
constexpr int source_plane(int width, int part, int byte) { return (width * part + byte) % 3; }
constexpr int source_byte(int width, int part, int byte) { return (width * part + byte) / 3; }

// Computes one of three output vectors: first places the bytes of the first two planes, then fills the gaps with the
// third.
template <int part, int... byte>
static inline __attribute__((always_inline)) void interleave_part(const ShuffleBlock& a, const ShuffleBlock& b,
                                                                  const ShuffleBlock& c, std::uint8_t* to,
                                                                  std::integer_sequence<int, byte...>) {
    constexpr int width = sizeof(ShuffleBlock);
    const ShuffleBlock two =
        __builtin_shufflevector(a, b,
                                (source_plane(width, part, byte) == 1   ? width + source_byte(width, part, byte)
                                 : source_plane(width, part, byte) == 0 ? source_byte(width, part, byte)
                                                                        : 0)...);
    const ShuffleBlock three = __builtin_shufflevector(
        two, c, (source_plane(width, part, byte) == 2 ? width + source_byte(width, part, byte) : byte)...);
    __builtin_memcpy(to + width * part, &three, sizeof three);
}

static void interleave3(const std::uint8_t* __restrict a, const std::uint8_t* __restrict b,
                        const std::uint8_t* __restrict c, std::uint8_t* __restrict to, std::size_t pixels) {
    std::size_t i = 0;
    if constexpr (shuffles_bytes) {
        constexpr std::size_t width = sizeof(ShuffleBlock);
        constexpr auto bytes = std::make_integer_sequence<int, static_cast<int>(width)>{};
        for (; i + width <= pixels; i += width) {
            ShuffleBlock first;
            ShuffleBlock second;
            ShuffleBlock third;
            __builtin_memcpy(&first, a + i, width);
            __builtin_memcpy(&second, b + i, width);
            __builtin_memcpy(&third, c + i, width);
            interleave_part<0>(first, second, third, to + 3 * i, bytes);
            interleave_part<1>(first, second, third, to + 3 * i, bytes);
            interleave_part<2>(first, second, third, to + 3 * i, bytes);
        }
    }
    for (; i < pixels; ++i) {
        to[3 * i] = a[i];
        to[3 * i + 1] = b[i];
        to[3 * i + 2] = c[i];
    }
}

// Computes one plane from three vectors of interleaved bytes: first takes its bytes from the first two vectors, then
// appends those from the third.
template <int plane, int... byte>
static inline __attribute__((always_inline)) void deinterleave_part(const ShuffleBlock& first,
                                                                    const ShuffleBlock& second,
                                                                    const ShuffleBlock& third, std::uint8_t* to,
                                                                    std::integer_sequence<int, byte...>) {
    constexpr int width = sizeof(ShuffleBlock);
    const ShuffleBlock two =
        __builtin_shufflevector(first, second, (3 * byte + plane < 2 * width ? 3 * byte + plane : 0)...);
    const ShuffleBlock all =
        __builtin_shufflevector(two, third, (3 * byte + plane < 2 * width ? byte : 3 * byte + plane - width)...);
    __builtin_memcpy(to, &all, sizeof all);
}

static void deinterleave3(const std::uint8_t* __restrict from, std::uint8_t* __restrict a, std::uint8_t* __restrict b,
                          std::uint8_t* __restrict c, std::size_t pixels) {
    std::size_t i = 0;
    if constexpr (shuffles_bytes) {
        constexpr std::size_t width = sizeof(ShuffleBlock);
        constexpr auto bytes = std::make_integer_sequence<int, static_cast<int>(width)>{};
        for (; i + width <= pixels; i += width) {
            ShuffleBlock first;
            ShuffleBlock second;
            ShuffleBlock third;
            __builtin_memcpy(&first, from + 3 * i, width);
            __builtin_memcpy(&second, from + 3 * i + width, width);
            __builtin_memcpy(&third, from + 3 * i + 2 * width, width);
            deinterleave_part<0>(first, second, third, a + i, bytes);
            deinterleave_part<1>(first, second, third, b + i, bytes);
            deinterleave_part<2>(first, second, third, c + i, bytes);
        }
    }
    for (; i < pixels; ++i) {
        a[i] = from[3 * i];
        b[i] = from[3 * i + 1];
        c[i] = from[3 * i + 2];
    }
}

static void expand_422(const std::uint8_t* __restrict from, std::uint8_t* __restrict y, std::uint8_t* __restrict cb,
                       std::uint8_t* __restrict cr, std::size_t pixels) {
    for (std::size_t i = 0; i < pixels / 2; ++i) {
        y[2 * i] = from[4 * i];
        y[2 * i + 1] = from[4 * i + 1];
        cb[2 * i] = cb[2 * i + 1] = from[4 * i + 2];
        cr[2 * i] = cr[2 * i + 1] = from[4 * i + 3];
    }
}
