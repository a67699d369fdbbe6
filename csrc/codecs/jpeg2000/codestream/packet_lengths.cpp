#include "codecs/jpeg2000/codestream/packet_lengths.h"

#include <algorithm>
#include <utility>

#include "codecs/jpeg2000/codestream/codestream.h"

namespace dcmturbo::jpeg2000 {

// Seven bits a byte, in segments that are in the order of Zplt.
std::vector<std::uint64_t> packet_lengths(Bytes codestream, const TilePartData& part) {
    std::vector<std::pair<unsigned, Bytes>> segments;
    for (std::size_t at = part.header;;) {
        const jpeg::Segment segment = next_segment(codestream, at);
        if (segment.code == SOD) break;
        if (segment.code == PLT && !segment.parameters.empty())
            segments.emplace_back(segment.u8(0), segment.parameters.subspan(1));
    }
    std::stable_sort(segments.begin(), segments.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<std::uint64_t> lengths;
    std::uint64_t length = 0;
    for (const auto& [index, bytes] : segments) {
        for (const std::byte byte : bytes) {
            length = (length & 0xFFFFFFFF) << 7 | std::to_integer<unsigned>(byte & std::byte{0x7F});
            if ((byte & std::byte{0x80}) != std::byte{}) continue;
            lengths.push_back(length);
            length = 0;
        }
    }
    return lengths;
}

bool write_packet_lengths(std::span<const std::uint64_t> lengths, std::vector<std::byte>& to) {
    constexpr std::size_t most = 0xFFFF - 8;  // of a segment, less the longest entry
    const auto put = [&](std::uint64_t value) { to.push_back(static_cast<std::byte>(value & 0xFF)); };
    std::size_t next = 0;
    for (unsigned index = 0; next < lengths.size(); ++index) {
        if (index > 255) return false;
        put(0xFF);
        put(PLT);
        const std::size_t at = to.size();
        put(0);
        put(0);
        put(index);
        for (; next < lengths.size() && to.size() - at < most; ++next) {
            unsigned groups = 1;
            while (groups < 5 && lengths[next] >> (7 * groups) != 0) ++groups;
            while (groups-- > 0) put((lengths[next] >> (7 * groups) & 0x7F) | (groups > 0 ? 0x80U : 0U));
        }
        const std::size_t size = to.size() - at;
        to[at] = static_cast<std::byte>(size >> 8);
        to[at + 1] = static_cast<std::byte>(size & 0xFF);
    }
    return true;
}

}  // namespace dcmturbo::jpeg2000
