// Recognises the markers of codestreams and RLE headers (PS3.5 annex G) in fragments.
#include "dicom/frame_starts.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "base/endian.h"

namespace dcmturbo {

namespace {

// Padding may follow EOI and EOC. PS3.5 A.4 allows one byte, but real files have more.
constexpr std::size_t tail_size = 10;

const Signature* marker_at(std::span<const std::byte> head) {
    const std::span<const Signature> all = signatures();
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const Signature& signature) { return signature.begins(head); });
    return found == all.end() ? nullptr : &*found;
}

}  // namespace

const Signature* start_marker(ReadAhead& reader, const FragmentRange& fragment, std::size_t ahead) {
    return marker_at(reader.view(fragment.offset, std::min<std::uint64_t>(Signature::most, fragment.size), ahead));
}

const Signature* start_marker(ReadAhead& reader, const std::vector<FragmentRange>& fragments, std::uint64_t first,
                              std::size_t ahead) {
    if (fragments[first].size >= Signature::most) return start_marker(reader, fragments[first], ahead);
    std::array<std::byte, Signature::most> head{};
    return marker_at(std::span(head).first(FragmentStream(reader, fragments, first, ahead).read(head)));
}

bool ends_codestream(ReadAhead& reader, const FragmentRange& fragment, std::size_t ahead) {
    const std::size_t size = std::min<std::uint64_t>(tail_size, fragment.size);
    const auto tail = reader.view(fragment.offset + fragment.size - size, size, ahead);
    for (std::size_t i = 0; i + 1 < tail.size(); ++i) {
        if (tail[i] == std::byte{0xFF} && tail[i + 1] == std::byte{0xD9}) return true;
    }
    return false;
}

bool starts_with_codestream(const Source& source, const FragmentRange& fragment) {
    ReadAhead reader(source);
    return start_marker(reader, fragment, Signature::most) != nullptr;
}

bool parse_rle_header(std::span<const std::byte> bytes, RleHeader& header) {
    if (bytes.size() < rle_header_size) return false;
    const auto number = [&](std::size_t i) { return load_le<std::uint32_t>(bytes.data() + 4 * i); };
    const std::uint32_t segments = number(0);
    if (segments == 0 || segments > 15 || number(1) != rle_header_size) return false;
    for (std::size_t i = 2; i < 16; ++i) {
        if (i <= segments ? number(i) <= number(i - 1) : number(i) != 0) return false;
    }
    header.segments = segments;
    header.last = number(segments);
    return true;
}

void FragmentStream::pass_empty() {
    while (fragment_ < fragments_.size() && offset_ >= fragments_[fragment_].size) {
        ++fragment_;
        offset_ = 0;
    }
}

std::size_t FragmentStream::read(std::span<std::byte> to) {
    for (std::size_t i = 0; i < to.size(); ++i) {
        std::uint8_t byte = 0;
        if (!next(byte)) return i;
        to[i] = std::byte{byte};
    }
    return to.size();
}

bool FragmentStream::next(std::uint8_t& byte) {
    if (fragment_ == fragments_.size()) return false;
    const auto view = reader_.view(fragments_[fragment_].offset + offset_, 1, ahead_);
    if (view.empty()) return false;
    byte = std::to_integer<std::uint8_t>(view[0]);
    ++offset_;
    pass_empty();
    return true;
}

bool FragmentStream::skip(std::uint64_t count) {
    while (count != 0) {
        if (fragment_ == fragments_.size()) return false;
        const std::uint64_t step = std::min(count, fragments_[fragment_].size - offset_);
        offset_ += step;
        count -= step;
        pass_empty();
    }
    return true;
}

bool read_rle_header(ReadAhead& reader, const std::vector<FragmentRange>& fragments, std::uint64_t first,
                     std::size_t ahead, RleHeader& header) {
    if (fragments[first].size >= rle_header_size)
        return parse_rle_header(reader.view(fragments[first].offset, rle_header_size, ahead), header);
    std::array<std::byte, rle_header_size> bytes{};
    const std::size_t size = FragmentStream(reader, fragments, first, ahead).read(bytes);
    return parse_rle_header(std::span(bytes).first(size), header);
}

}  // namespace dcmturbo
