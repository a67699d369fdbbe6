#include "entropy/packbits.h"

#include <algorithm>
#include <cstring>

namespace dcmturbo {

void packbits_decode_bounded(PackBitsLane& lane, std::uint8_t* hard_end) {
    const std::uint8_t* cursor = lane.cursor;
    std::uint8_t* to = lane.to;
    while (cursor < lane.end && to < lane.wanted) {
        const int control = static_cast<std::int8_t>(*cursor);
        ++cursor;
        const auto room = static_cast<std::size_t>(hard_end - to);
        const auto left = static_cast<std::size_t>(lane.end - cursor);
        if (control >= 0) {
            const std::size_t length = std::min(static_cast<std::size_t>(control) + 1, left);
            std::memcpy(to, cursor, std::min(length, room));
            to += std::min(length, room);
            cursor += length;
        } else if (control != -128 && left > 0) {
            const std::size_t length = std::min(static_cast<std::size_t>(1 - control), room);
            std::memset(to, *cursor, length);
            to += length;
            ++cursor;
        }
    }
    lane.cursor = cursor;
    lane.to = to;
}

std::uint64_t packbits_decoded_size(const PackBitsLane& lane, std::uint64_t enough) {
    const std::uint8_t* cursor = lane.cursor;
    std::uint64_t size = 0;
    while (cursor < lane.end && size < enough) {
        const int control = static_cast<std::int8_t>(*cursor++);
        const auto left = static_cast<std::size_t>(lane.end - cursor);
        if (control >= 0) {
            const std::size_t length = std::min(static_cast<std::size_t>(control) + 1, left);
            size += length;
            cursor += length;
        } else if (control != -128 && left > 0) {
            size += static_cast<std::uint64_t>(1 - control);
            ++cursor;
        }
    }
    return size;
}

#define DCMTURBO_KERNELS "entropy/packbits.inl"
#include "cpu/each_isa.h"

const PackBitsKernels& packbits_kernels(Isa isa) { return table_of(isa); }

}  // namespace dcmturbo
