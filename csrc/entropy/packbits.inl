// The PackBits loops that are compiled once per instruction set. See cpu/each_isa.h.

// One operation without a branch on its kind or its length, which WG-04 images make unpredictable
// (17 to 86 bytes an operation): all 128 bytes that it could produce are written, from the literal or
// from the replicated byte, and the cursors move by what it did produce. Measured against branching on
// the kind, or on lengths above 32 or 64, it takes 0.6 to 0.9 of the time.
static inline __attribute__((always_inline)) void packbits_step(const std::uint8_t*& cursor, std::uint8_t*& to) {
    const int control = static_cast<std::int8_t>(*cursor);
    const int sign = control >> 31;
    const auto is_run = Block{} + static_cast<std::uint8_t>(sign);
    const auto run = (Block{} + cursor[1]) & is_run;
    for (std::size_t i = 0; i < 128; i += sizeof(Block)) {
        Block literal;
        __builtin_memcpy(&literal, cursor + 1 + i, sizeof literal);
        const Block chosen = run | (literal & ~is_run);
        __builtin_memcpy(to + i, &chosen, sizeof chosen);
    }
    to += 1 + ((control ^ sign) - sign);
    cursor += 2 + (control & ~sign);
}

// Proof of the margins. One step reads the control byte and the 128 bytes behind it, so it may run
// while at least 129 bytes of the segment are left; it never uses more than 129, so an operation that
// starts inside the margin is complete. It writes 128 bytes from `to`, which is below `wanted`: up to
// wanted + 127, within packbits_slack.
constexpr std::ptrdiff_t packbits_margin = 129;

static void packbits_lane(PackBitsLane& lane) {
    const std::uint8_t* cursor = lane.cursor;
    std::uint8_t* to = lane.to;
    while (lane.end - cursor >= packbits_margin && to < lane.wanted) {
        if (__builtin_expect(*cursor == 0x80, 0)) {
            ++cursor;
            continue;
        }
        packbits_step(cursor, to);
    }
    lane.cursor = cursor;
    lane.to = to;
    if (to < lane.wanted) packbits_decode_bounded(lane, lane.wanted + packbits_overshoot);
}

// Two segments in lockstep: the steps of one fill the latency of the other's.
static void packbits_two_lanes(PackBitsLane& a, PackBitsLane& b) {
    const std::uint8_t* cursor_a = a.cursor;
    const std::uint8_t* cursor_b = b.cursor;
    std::uint8_t* to_a = a.to;
    std::uint8_t* to_b = b.to;
    while (a.end - cursor_a >= packbits_margin && to_a < a.wanted && b.end - cursor_b >= packbits_margin &&
           to_b < b.wanted) {
        if (__builtin_expect(*cursor_a == 0x80, 0)) {
            ++cursor_a;
            continue;
        }
        if (__builtin_expect(*cursor_b == 0x80, 0)) {
            ++cursor_b;
            continue;
        }
        packbits_step(cursor_a, to_a);
        packbits_step(cursor_b, to_b);
    }
    a.cursor = cursor_a;
    a.to = to_a;
    b.cursor = cursor_b;
    b.to = to_b;
}

static void packbits_three_lanes(PackBitsLane& a, PackBitsLane& b, PackBitsLane& c) {
    const std::uint8_t* cursor_a = a.cursor;
    const std::uint8_t* cursor_b = b.cursor;
    const std::uint8_t* cursor_c = c.cursor;
    std::uint8_t* to_a = a.to;
    std::uint8_t* to_b = b.to;
    std::uint8_t* to_c = c.to;
    while (a.end - cursor_a >= packbits_margin && to_a < a.wanted && b.end - cursor_b >= packbits_margin &&
           to_b < b.wanted && c.end - cursor_c >= packbits_margin && to_c < c.wanted) {
        if (__builtin_expect((*cursor_a == 0x80) | (*cursor_b == 0x80) | (*cursor_c == 0x80), 0)) {
            cursor_a += *cursor_a == 0x80;
            cursor_b += *cursor_b == 0x80;
            cursor_c += *cursor_c == 0x80;
            continue;
        }
        packbits_step(cursor_a, to_a);
        packbits_step(cursor_b, to_b);
        packbits_step(cursor_c, to_c);
    }
    a.cursor = cursor_a;
    a.to = to_a;
    b.cursor = cursor_b;
    b.to = to_b;
    c.cursor = cursor_c;
    c.to = to_c;
}

static void packbits_decode(PackBitsLane* lanes, int count) {
    if (count == 3) {
        packbits_three_lanes(lanes[0], lanes[1], lanes[2]);
    } else {
        for (int i = 0; i + 1 < count; i += 2) packbits_two_lanes(lanes[i], lanes[i + 1]);
    }
    for (int i = 0; i < count; ++i) packbits_lane(lanes[i]);
}

// Bit i of the result's word i / 64: byte i equals byte i + 1. `equal` has room for size / 64 + 2 words.
static void packbits_equal_mask(const std::uint8_t* from, std::size_t size, std::uint64_t* equal) {
    const std::size_t pairs = size - 1;
    std::size_t i = 0;
    for (; i + 64 <= pairs; i += 64) {
        std::uint64_t word = 0;
        for (std::size_t part = 0; part < 64; part += 8) {
            std::uint64_t here;
            std::uint64_t next;
            __builtin_memcpy(&here, from + i + part, 8);
            __builtin_memcpy(&next, from + i + part + 1, 8);
            // Zero bytes of the difference become 0x80, exactly: no carry leaves its byte.
            const std::uint64_t difference = here ^ next;
            const std::uint64_t low = (difference & 0x7f7f7f7f7f7f7f7fu) + 0x7f7f7f7f7f7f7f7fu;
            const std::uint64_t zero = ~(low | difference | 0x7f7f7f7f7f7f7f7fu);
            word |= ((zero >> 7) * 0x0102040810204080u >> 56) << part;
        }
        equal[i / 64] = word;
    }
    std::uint64_t word = 0;
    for (; i < pairs; ++i) word |= static_cast<std::uint64_t>(from[i] == from[i + 1]) << (i % 64);
    equal[pairs / 64] = word;
    equal[pairs / 64 + 1] = 0;
}

// Encodes one row (PS3.5, G.3.1: an operation does not cross rows). `to` has room for packbits_bound(size) bytes, past
// which nothing is written, and `equal` for size / 64 + 2 words. A run of three or more is replicated; a run of two
// only where no literal is open, since it would cost one more control byte.
static std::uint8_t* packbits_encode_row(const std::uint8_t* from, std::size_t size, std::uint8_t* to,
                                         std::uint64_t* equal) {
    packbits_equal_mask(from, size, equal);
    const auto bit = [equal](std::size_t i) { return (equal[i / 64] >> (i % 64)) & 1; };
    std::size_t position = 0;
    while (position < size) {
        // The next position from which three equal bytes follow.
        std::size_t run = size;
        if (bit(position) != 0) {
            run = position;
        } else {
            std::size_t word = position / 64;
            std::uint64_t mask = ~std::uint64_t{0} << (position % 64);
            const std::size_t last = (size - 1) / 64;
            for (;; ++word, mask = ~std::uint64_t{0}) {
                const std::uint64_t triple = equal[word] & ((equal[word] >> 1) | (equal[word + 1] << 63)) & mask;
                if (triple != 0) {
                    run = word * 64 + static_cast<std::size_t>(__builtin_ctzll(triple));
                    break;
                }
                if (word == last) break;
            }
        }
        while (position < run) {
            const std::size_t length = run - position < 128 ? run - position : 128;
            *to++ = static_cast<std::uint8_t>(length - 1);
            __builtin_memcpy(to, from + position, length);
            to += length;
            position += length;
        }
        if (position >= size) break;
        // The first position from which the next byte differs; the mask is zero from size - 1 on.
        std::size_t word = position / 64;
        std::uint64_t different = ~equal[word] & (~std::uint64_t{0} << (position % 64));
        while (different == 0) different = ~equal[++word];
        const std::size_t end = word * 64 + static_cast<std::size_t>(__builtin_ctzll(different)) + 1;
        while (end - position > 1) {
            const std::size_t length = end - position < 128 ? end - position : 128;
            *to++ = static_cast<std::uint8_t>(257 - length);
            *to++ = from[position];
            position += length;
        }
        // What is left of a run of 128 n + 1 bytes opens the next literal.
    }
    return to;
}

constexpr PackBitsKernels table = {
    .decode = packbits_decode,
    .encode_row = packbits_encode_row,
};
