#include "codecs/rle/segments.h"

#include <algorithm>

#include "base/endian.h"
#include "base/error.h"
#include "codecs/rle/codec.h"

namespace dcmturbo::rle {

Segments read_segments(Bytes frame, unsigned expected) {
    if (frame.size() < header_size) {
        fail(ErrorCode::truncated, frame.size(),
             "an RLE frame begins with a header of 64 bytes (PS3.5, G.5), but this one has only %zu bytes",
             frame.size());
    }
    Segments segments;
    const auto count = load_le<std::uint32_t>(frame.data());
    if (count != expected) {
        fail(count >= 1 && count <= max_segments ? ErrorCode::mismatch : ErrorCode::malformed, 0,
             "the RLE header has %u segments, but the image needs %u", count, expected);
    }
    segments.count = count;
    std::array<std::uint32_t, max_segments> offsets{};
    for (unsigned i = 0; i < count; ++i) {
        offsets[i] = load_le<std::uint32_t>(frame.data() + 4 + 4 * std::size_t{i});
        if (offsets[i] < header_size || offsets[i] > frame.size()) {
            fail(offsets[i] > frame.size() ? ErrorCode::truncated : ErrorCode::malformed, 4 + 4 * std::uint64_t{i},
                 "RLE segment %u begins at byte %u, but the frame has %zu bytes", i, offsets[i], frame.size());
        }
    }
    // A segment ends where the next one in the file begins: writers exist that store them out of order.
    for (unsigned i = 0; i < count; ++i) {
        std::size_t end = frame.size();
        for (unsigned other = 0; other < count; ++other) {
            if (offsets[other] > offsets[i]) end = std::min<std::size_t>(end, offsets[other]);
        }
        segments.bytes[i] = frame.subspan(offsets[i], end - offsets[i]);
    }
    return segments;
}

std::vector<std::uint8_t> clean(Bytes data, const Header&) {
    if (data.size() < header_size) fail(ErrorCode::truncated, data.size(), "the frame ends inside its RLE header");
    const auto* const bytes = reinterpret_cast<const std::uint8_t*>(data.data());
    std::vector<std::uint8_t> to(bytes, bytes + data.size());
    const auto count = std::min(load_le<std::uint32_t>(data.data()), std::uint32_t{max_segments});
    std::size_t first = data.size();
    for (std::uint32_t i = 0; i < count; ++i)
        first = std::min<std::size_t>(first, load_le<std::uint32_t>(data.data() + 4 + 4 * std::size_t{i}));
    // From behind the offsets to the first segment.
    const std::size_t used = 4 + 4 * std::size_t{count};
    if (first > used)
        std::fill(to.begin() + static_cast<std::ptrdiff_t>(used), to.begin() + static_cast<std::ptrdiff_t>(first),
                  std::uint8_t{0});
    return to;
}

}  // namespace dcmturbo::rle
