#include "bits/zero_byte_stuffing.h"

#include <algorithm>
#include <bit>

#include "base/endian.h"

namespace dcmturbo {

namespace {

// The top bit of every FF among eight bytes; above the lowest one there may be others that are not.
std::uint64_t find_ff(std::uint64_t bytes) { return (~bytes - 0x0101010101010101u) & bytes & 0x8080808080808080u; }

// Copies up to the next FF or the end.
void copy_data(const std::uint8_t*& from, const std::uint8_t* end, std::uint8_t*& to) {
    while (end - from >= 8) {
        const auto bytes = load_le<std::uint64_t>(from);
        store_le(to, bytes);
        const std::uint64_t found = find_ff(bytes);
        const int count = found == 0 ? 8 : std::countr_zero(found) / 8;
        from += count;
        to += count;
        if (found != 0) return;
    }
    while (from != end && *from != 0xFF) *to++ = *from++;
}

}  // namespace

StuffedRun unstuff(const Fragments& frame, std::size_t position, std::size_t last, std::uint8_t* to) {
    const std::uint8_t* const begin_of_output = to;
    std::size_t span_begin = 0;
    bool after_ff = false;
    std::size_t ff_position = 0;
    for (const Bytes& span : frame.spans()) {
        if (span_begin >= last) break;
        const std::size_t span_end = span_begin + span.size();
        if (position < span_end) {
            const auto* const base = reinterpret_cast<const std::uint8_t*>(span.data());
            const std::uint8_t* from = base + (position > span_begin ? position - span_begin : 0);
            const std::uint8_t* const end = base + std::min(span.size(), last - span_begin);
            while (from != end) {
                if (after_ff) {
                    const std::uint8_t code = *from;
                    if (code != 0 && code != 0xFF)
                        return {static_cast<std::size_t>(to - begin_of_output), ff_position, code};
                    if (code == 0) {
                        *to++ = 0xFF;
                        after_ff = false;
                    } else {
                        ff_position = span_begin + static_cast<std::size_t>(from - base);
                    }
                    ++from;
                    continue;
                }
                copy_data(from, end, to);
                if (from == end) break;
                if (end - from >= 2 && from[1] == 0) {  // nearly always
                    *to++ = 0xFF;
                    from += 2;
                    continue;
                }
                after_ff = true;
                ff_position = span_begin + static_cast<std::size_t>(from - base);
                ++from;
            }
        }
        span_begin = span_end;
    }
    return {static_cast<std::size_t>(to - begin_of_output), last, 0};
}

std::size_t place_to_cut(const Fragments& frame, std::size_t position) {
    std::size_t span_begin = 0;
    for (const Bytes& span : frame.spans()) {
        const std::size_t span_end = span_begin + span.size();
        while (position > span_begin && position <= span_end && span[position - 1 - span_begin] == std::byte{0xFF})
            ++position;
        if (position <= span_end) return position;
        span_begin = span_end;
    }
    return frame.size();
}

std::size_t stuffed_position(const Fragments& frame, std::size_t position, std::size_t index) {
    std::size_t at = 0;
    bool after_ff = false;
    for (const Bytes& span : frame.spans()) {
        for (const std::byte value : span) {
            const std::size_t here = at++;
            if (here < position) continue;
            const auto byte = std::to_integer<std::uint8_t>(value);
            if (!after_ff && byte != 0xFF) {
                if (index-- == 0) return here;
            } else if (!after_ff) {
                after_ff = true;
            } else if (byte == 0) {
                after_ff = false;
                if (index-- == 0) return here - 1;
            } else if (byte != 0xFF) {
                after_ff = false;  // a marker
            }
        }
    }
    return frame.size();
}

std::uint8_t* stuff(const std::uint8_t* from, std::size_t size, std::uint8_t* to) {
    const std::uint8_t* const end = from + size;
    while (from != end) {
        copy_data(from, end, to);
        if (from == end) break;
        *to++ = 0xFF;
        *to++ = 0;
        ++from;
    }
    return to;
}

}  // namespace dcmturbo
