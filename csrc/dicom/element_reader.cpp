// Reads element headers: PS3.5 clause 7.1.
#include "dicom/element_reader.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/endian.h"

namespace dcmturbo {

namespace {

// One or two reads of this size are enough for most datasets, and little of the pixel data after them is read.
constexpr std::size_t window = 8 << 10;
constexpr std::size_t largest_far_window = 1 << 20;
constexpr unsigned enough = 4;

enum class LengthField : std::uint8_t { none, bits16, bits32 };

// VRs with a 16-bit and with a 32-bit length: PS3.5 table 6.2-1 and clause 7.1.2.
constexpr std::string_view vrs_of_16_bits = "AEASATCSDADSDTFDFLISLOLTPNSHSLSSSTTMUIULUS";
constexpr std::string_view vrs_of_32_bits = "OBODOFOLOVOWSQSVUCUNURUTUV";

constexpr auto length_fields = [] {
    std::array<std::array<LengthField, 26>, 26> fields{};
    const auto enter = [&](std::string_view names, LengthField field) {
        for (std::size_t i = 0; i < names.size(); i += 2) {
            fields[static_cast<std::size_t>(names[i] - 'A')][static_cast<std::size_t>(names[i + 1] - 'A')] = field;
        }
    };
    enter(vrs_of_16_bits, LengthField::bits16);
    enter(vrs_of_32_bits, LengthField::bits32);
    return fields;
}();

bool is_capital(std::byte c) { return c >= std::byte{'A'} && c <= std::byte{'Z'}; }

LengthField length_field(const std::byte* vr) {
    if (!is_capital(vr[0]) || !is_capital(vr[1])) return LengthField::none;
    return length_fields[std::to_integer<std::size_t>(vr[0]) - 'A'][std::to_integer<std::size_t>(vr[1]) - 'A'];
}

bool may_be_undefined(const ElementHeader& header) {
    return header.vr[0] == 0 || header.has_vr("SQ") || header.has_vr("UN") || header.has_vr("OB") ||
           header.has_vr("OW");
}

std::uint16_t load16(const std::byte* at, bool big) {
    return big ? load_be<std::uint16_t>(at) : load_le<std::uint16_t>(at);
}
std::uint32_t load32(const std::byte* at, bool big) {
    return big ? load_be<std::uint32_t>(at) : load_le<std::uint32_t>(at);
}
std::uint32_t load_tag(const std::byte* at, bool big) {
    return static_cast<std::uint32_t>(load16(at, big)) << 16 | load16(at + 2, big);
}

}  // namespace

ElementReader::ElementReader(const Source& source)
    : far_window_(source.is_far() ? window : 0), reader_(source), probe_(source) {}

std::span<const std::byte> ElementReader::bytes(std::uint64_t offset, std::size_t size) {
    if (far_window_ == 0) return reader_.view(offset, size, window);
    if (!reader_.holds(offset, size)) far_window_ = std::min(far_window_ * 2, largest_far_window);
    return reader_.view(offset, size, far_window_);
}

bool ElementReader::read_header(std::uint64_t offset, Encoding encoding, ElementHeader& header) {
    const auto at = bytes(offset, 12);
    if (at.size() < 8) return false;
    const bool big = encoding.big_endian;
    header.tag = load_tag(at.data(), big);
    header.vr[0] = header.vr[1] = 0;
    header.value = offset + 8;

    if (header.group() == 0xFFFE) {  // items and delimiters have no VR: 7.5
        header.length = load32(at.data() + 4, big);
        return true;
    }
    const LengthField field = length_field(at.data() + 4);
    if (!encoding.explicit_vr) {
        header.length = load32(at.data() + 4, big);
        // A writer may have used explicit VR where implicit VR is expected. The VR then looks like an impossible
        // length.
        const bool impossible = !header.is_undefined() && header.end() > size();
        if (!impossible || field == LengthField::none) return true;
    } else if (field == LengthField::none) {
        resolve_unknown_vr(at, offset, big, header);
        return true;
    }

    if (field == LengthField::bits32) {
        if (at.size() < 12) return false;
        header.length = load32(at.data() + 8, big);
        header.value = offset + 12;
        // The two bytes before the length are reserved. Some writers put a 16-bit length there. It is used only if it
        // leads to an element and the 32-bit length does not.
        const std::uint16_t reserved = load16(at.data() + 6, big);
        if (reserved != 0 && !header.is_undefined() && header.end() > size() &&
            lands(offset + 8 + reserved, header.tag, big)) {
            header.length = reserved;
            header.value = offset + 8;
        }
    } else {
        header.length = load16(at.data() + 6, big);
    }
    header.vr[0] = static_cast<char>(at[4]);
    header.vr[1] = static_cast<char>(at[5]);
    return true;
}

// Handles an element of explicit VR whose VR is unknown. It may be an element in implicit VR, a VR of a later edition
// (which has a 32-bit length, 7.1.2), or a broken VR with a 16-bit length. The length that leads to another element is
// the right one.
void ElementReader::resolve_unknown_vr(std::span<const std::byte> at, std::uint64_t offset, bool big,
                                       ElementHeader& header) {
    const bool capitals = is_capital(at[4]) && is_capital(at[5]);
    const std::uint32_t implicit = load32(at.data() + 4, big);
    const std::uint16_t short_length = load16(at.data() + 6, big);

    const auto take = [&](std::uint32_t length, unsigned header_size, bool with_vr) {
        header.length = length;
        header.value = offset + header_size;
        if (!with_vr) return;
        header.vr[0] = static_cast<char>(at[4]);
        header.vr[1] = static_cast<char>(at[5]);
    };
    if (!capitals && (implicit == ElementHeader::undefined || lands(offset + 8 + implicit, header.tag, big))) {
        return take(implicit, 8, false);
    }
    if (at.size() == 12 && short_length == 0) {
        const std::uint32_t long_length = load32(at.data() + 8, big);
        if (lands(offset + 12 + long_length, header.tag, big)) return take(long_length, 12, true);
    }
    if (capitals || lands(offset + 8 + short_length, header.tag, big)) return take(short_length, 8, true);
    take(implicit, 8, false);
}

// Whether `offset` is the end of the source, or the position of an element that may follow `after`.
bool ElementReader::lands(std::uint64_t offset, std::uint32_t after, bool big_endian) {
    if (offset >= size()) return offset == size();
    if (probes_ == 0) return false;
    --probes_;
    const auto at = probe_.view(offset, 4, 4);
    if (at.size() < 4) return false;
    const std::uint32_t tag = load_tag(at.data(), big_endian);
    return tag > after && (tag >> 16 <= 0x7FE1 || tag >> 16 >= 0xFFFA);
}

std::span<const std::byte> ElementReader::read_value(const ElementHeader& header, std::size_t limit) {
    if (header.end() > size()) return {};
    const std::size_t wanted = std::min<std::uint64_t>(header.length, limit);
    const auto value = bytes(header.value, wanted);
    return value.size() == wanted ? value : std::span<const std::byte>{};
}

unsigned ElementReader::plausibility(std::uint64_t offset, Encoding encoding) {
    std::uint32_t before = 0;
    for (unsigned count = 0; count < enough; ++count) {
        if (count != 0 && offset == size()) return enough;
        const auto at = bytes(offset, 6);
        if (at.size() < 6) return count;
        const std::uint32_t tag = load_tag(at.data(), encoding.big_endian);
        if (tag <= before || tag >> 16 == 0xFFFE) return count;
        if (encoding.explicit_vr && length_field(at.data() + 4) == LengthField::none) return count;
        ElementHeader header;
        if (!read_header(offset, encoding, header)) return count;
        if (!encoding.explicit_vr && header.vr[0] != 0) return count;
        if (header.is_undefined()) return may_be_undefined(header) ? enough : count;
        if (header.end() > size()) return count;
        before = tag;
        offset = header.end();
    }
    return enough;
}

Encoding ElementReader::settle_encoding(std::uint64_t offset, Encoding declared) {
    // Two known VRs in a row are no coincidence. Two plausible lengths in implicit VR may be one, so explicit VR wins.
    const std::array<Encoding, 4> candidates{{declared, {true, false}, {true, true}, {false, false}}};
    Encoding best = declared;
    unsigned most = 0;
    for (const Encoding candidate : candidates) {
        const unsigned count = plausibility(offset, candidate);
        if (candidate.explicit_vr && count >= 2) return candidate;
        if (count > most) {
            most = count;
            best = candidate;
        }
    }
    return best;
}

bool ElementReader::shows_vr(std::uint64_t offset) {
    const auto at = bytes(offset, 6);
    return at.size() == 6 && length_field(at.data() + 4) != LengthField::none;
}

}  // namespace dcmturbo
