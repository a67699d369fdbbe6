#include "codecs/jpegxl/syntax.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "base/endian.h"
#include "base/error.h"
#include "codecs/formats.h"

namespace dcmturbo {

namespace {

constexpr std::uint32_t box_type(const char (&name)[5]) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(name[0])) << 24 |
           static_cast<std::uint32_t>(static_cast<unsigned char>(name[1])) << 16 |
           static_cast<std::uint32_t>(static_cast<unsigned char>(name[2])) << 8 | static_cast<unsigned char>(name[3]);
}

bool starts_codestream(Bytes data) {
    return data.size() >= 2 && data[0] == std::byte{0xFF} && data[1] == std::byte{0x0A};
}

// --- boxes: 18181-2 -------------------------------------------------------------------------

struct Box {
    std::uint32_t type = 0;
    std::uint64_t offset = 0;  // of the box
    std::uint64_t content_offset = 0;
    std::uint64_t stated_end = 0;
    bool complete = true;
};

// The box at `at`, which moves behind it; false at the end of the data.
bool next_box(Bytes data, std::uint64_t& at, Box& box) {
    const std::uint64_t left = data.size() - at;
    if (left == 0) return false;
    box = Box{};
    box.offset = at;
    if (left < 8) {
        // DICOM pads a frame to an even length.
        if (left == 1 && data[at] == std::byte{0}) return false;
        fail(ErrorCode::truncated, data.size(), "the data end inside the header of a box");
    }
    std::uint64_t length = load_be<std::uint32_t>(data.data() + at);
    box.type = load_be<std::uint32_t>(data.data() + at + 4);
    std::uint64_t head = 8;
    if (length == 1) {
        if (left < 16) fail(ErrorCode::truncated, data.size(), "the data end inside the header of a box");
        length = load_be<std::uint64_t>(data.data() + at + 8);
        head = 16;
    } else if (length == 0) {
        length = left;  // to the end
    }
    if (length < head)
        fail(ErrorCode::malformed, at, "the length of a box is %llu, which is too short",
             static_cast<unsigned long long>(length));
    box.complete = length <= left;
    box.content_offset = at + head;
    box.stated_end = at + length;  // a length of up to 2^64 - 1 wraps only where the box is not complete
    at += std::min(length, left);
    return true;
}

// The first bytes of the codestream; where it is split into jxlp boxes, joined in `joined`.
struct Codestream {
    Bytes start;
    std::array<std::byte, 4096> joined;
};

void gather_part(Bytes part, Codestream& codestream, std::size_t& used) {
    const std::size_t size = std::min(part.size(), codestream.joined.size() - used);
    if (size != 0) std::memcpy(codestream.joined.data() + used, part.data(), size);
    used += size;
    codestream.start = Bytes(codestream.joined.data(), used);
}

void read_boxes(Bytes data, Header& header, Codestream& codestream, bool& reconstruction) {
    header.in_container = true;
    std::uint64_t at = 0;
    std::size_t used = 0;
    Box box;
    while (next_box(data, at, box)) {
        const std::uint64_t end = at;
        const Bytes content = data.subspan(std::min(box.content_offset, end), end - std::min(box.content_offset, end));
        if (box.type == box_type("jbrd")) reconstruction = true;
        if (box.type == box_type("jxlc") && header.codestream_size == 0) {
            header.codestream_offset = box.content_offset;
            header.codestream_size = content.size();
            codestream.start = content;
        } else if (box.type == box_type("jxlp") && content.size() > 4) {
            // Split: offset and size cover from the first part to the end of the last, heads between included.
            if (header.codestream_size == 0) header.codestream_offset = box.content_offset + 4;
            header.codestream_size = end - header.codestream_offset;
            gather_part(content.subspan(4), codestream, used);
        }
        // What is behind a box that the data cut short is for check_jpegxl to tell.
        if (!box.complete) break;
    }
}

// --- bits: 18181-1 clause 6 and Annex B -----------------------------------------------------

// Least significant bit first. Past the end reads zeros and remembers: the caller asks once.
class BitReader {
  public:
    explicit BitReader(Bytes data) : data_(data) {}

    std::uint32_t bits(unsigned count) {
        std::uint32_t value = 0;
        for (unsigned i = 0; i < count; ++i, ++position_) {
            const std::size_t byte = static_cast<std::size_t>(position_ >> 3);
            if (byte >= data_.size()) {
                overrun_ = true;
                return 0;
            }
            value |= (std::to_integer<std::uint32_t>(data_[byte]) >> (position_ & 7) & 1) << i;
        }
        return value;
    }
    bool flag() { return bits(1) != 0; }
    void skip(std::uint64_t count) {
        const std::uint64_t end = std::uint64_t{data_.size()} * 8;
        if (count > end - std::min(position_, end)) overrun_ = true;
        else position_ += count;
    }
    void align() { position_ = (position_ + 7) & ~std::uint64_t{7}; }
    [[nodiscard]] bool overrun() const { return overrun_; }

  private:
    Bytes data_;
    std::uint64_t position_ = 0;
    bool overrun_ = false;
};

// One of the four distributions of a U32: offset + u(bits).
struct Choice {
    std::uint32_t offset;
    unsigned bits;
};

std::uint32_t u32(BitReader& reader, Choice a, Choice b, Choice c, Choice d) {
    const std::array<Choice, 4> choices = {a, b, c, d};
    const Choice choice = choices[reader.bits(2)];
    return choice.offset + reader.bits(choice.bits);
}

std::uint32_t enumeration(BitReader& reader) { return u32(reader, {0, 0}, {1, 0}, {2, 4}, {18, 6}); }

std::uint64_t u64(BitReader& reader) {
    switch (reader.bits(2)) {
        case 0: return 0;
        case 1: return 1 + reader.bits(4);
        case 2: return 17 + reader.bits(8);
        default: break;
    }
    std::uint64_t value = reader.bits(12);
    for (unsigned shift = 12; reader.flag(); shift += 8) {
        if (shift == 60) return value | std::uint64_t{reader.bits(4)} << 60;
        value |= std::uint64_t{reader.bits(8)} << shift;
    }
    return value;
}

std::uint32_t apply_ratio(std::uint32_t ratio, std::uint32_t height) {
    constexpr std::array<std::array<std::uint32_t, 2>, 8> ratios = {
        {{1, 1}, {1, 1}, {12, 10}, {4, 3}, {3, 2}, {16, 9}, {5, 4}, {2, 1}}};
    return static_cast<std::uint32_t>(std::uint64_t{height} * ratios[ratio][0] / ratios[ratio][1]);
}

void read_size(BitReader& reader, std::uint32_t& width, std::uint32_t& height) {
    const bool small = reader.flag();
    const auto side = [&reader, small] {
        return small ? (reader.bits(5) + 1) * 8 : 1 + u32(reader, {0, 9}, {0, 13}, {0, 18}, {0, 30});
    };
    height = side();
    const std::uint32_t ratio = reader.bits(3);
    width = ratio == 0 ? side() : apply_ratio(ratio, height);
}

void skip_preview(BitReader& reader) {
    const bool multiple_of_8 = reader.flag();
    const auto side = [&reader, multiple_of_8] {
        return multiple_of_8 ? u32(reader, {16, 0}, {32, 0}, {1, 5}, {33, 9})
                             : u32(reader, {1, 6}, {65, 8}, {321, 10}, {1345, 12});
    };
    side();
    if (reader.bits(3) == 0) side();
}

void skip_animation(BitReader& reader) {
    u32(reader, {100, 0}, {1000, 0}, {1, 10}, {1, 30});
    u32(reader, {1, 0}, {1001, 0}, {1, 8}, {1, 10});
    u32(reader, {0, 0}, {0, 3}, {0, 16}, {0, 32});
    reader.flag();
}

struct BitDepth {
    std::uint32_t bits = 8;
    bool is_float = false;
};

BitDepth read_bit_depth(BitReader& reader) {
    BitDepth depth;
    depth.is_float = reader.flag();
    if (depth.is_float) {
        depth.bits = u32(reader, {32, 0}, {16, 0}, {24, 0}, {1, 6});
        reader.bits(4);
    } else {
        depth.bits = u32(reader, {8, 0}, {10, 0}, {12, 0}, {1, 6});
    }
    return depth;
}

struct ExtraChannel {
    BitDepth depth;
    std::uint32_t dimension_shift = 0;
};

ExtraChannel read_extra_channel(BitReader& reader) {
    ExtraChannel channel;
    if (reader.flag()) return channel;  // the default: 8-bit alpha
    const std::uint32_t type = enumeration(reader);
    channel.depth = read_bit_depth(reader);
    channel.dimension_shift = u32(reader, {0, 0}, {3, 0}, {4, 0}, {1, 3});
    reader.skip(std::uint64_t{8} * u32(reader, {0, 0}, {0, 4}, {16, 5}, {48, 10}));
    if (type == 0) reader.flag();                                 // alpha: premultiplied
    if (type == 2) reader.skip(std::uint64_t{4} * 16);            // spot colour
    if (type == 5) u32(reader, {1, 0}, {0, 2}, {3, 4}, {19, 8});  // colour filter array
    return channel;
}

struct ColourEncoding {
    std::uint32_t space = 0;  // 0 RGB, 1 grey, 2 XYB, 3 unknown
    bool icc = false;
};

void skip_custom_xy(BitReader& reader) {
    for (int i = 0; i < 2; ++i) u32(reader, {0, 19}, {524288, 19}, {1048576, 20}, {2097152, 21});
}

ColourEncoding read_colour_encoding(BitReader& reader) {
    ColourEncoding colour;
    if (reader.flag()) return colour;
    colour.icc = reader.flag();
    colour.space = enumeration(reader);
    if (colour.icc) return colour;
    constexpr std::uint32_t custom = 2;
    if (colour.space != 2) {
        if (enumeration(reader) == custom) skip_custom_xy(reader);  // white point
        if (colour.space != 1 && enumeration(reader) == custom) {   // primaries
            for (int i = 0; i < 3; ++i) skip_custom_xy(reader);
        }
        if (reader.flag()) reader.bits(24);  // gamma
        else enumeration(reader);            // transfer function
    }
    enumeration(reader);  // rendering intent
    return colour;
}

// All lengths come first, then all contents: only their sum matters here.
void skip_extensions(BitReader& reader) {
    std::uint64_t sum = 0;
    for (std::uint64_t left = u64(reader); left != 0 && !reader.overrun(); left &= left - 1) {
        const std::uint64_t length = u64(reader);
        sum = length > ~sum ? ~std::uint64_t{0} : sum + length;
    }
    reader.skip(sum);
}

void skip_transform_data(BitReader& reader, bool xyb) {
    if (reader.flag()) return;
    if (xyb && !reader.flag()) reader.skip(std::uint64_t{16} * (9 + 3 + 4));
    const std::uint32_t upsampling = reader.bits(3);
    if ((upsampling & 1) != 0) reader.skip(std::uint64_t{16} * 15);
    if ((upsampling & 2) != 0) reader.skip(std::uint64_t{16} * 55);
    if ((upsampling & 4) != 0) reader.skip(std::uint64_t{16} * 210);
}

struct Metadata {
    std::uint32_t orientation = 1;
    BitDepth depth;
    std::uint32_t extra_channels = 0;
    bool xyb = true;
    bool animation = false;
    bool preview = false;
    ColourEncoding colour;
    bool known_coding = false;  // the first frame's header could be reached
    bool modular = false;
};

void add_component(Header& header, const BitDepth& depth, std::uint32_t dimension_shift, std::size_t offset) {
    if (depth.bits > 32) {
        fail(ErrorCode::malformed, offset, "JPEG XL samples have at most 32 bits, found %u", depth.bits);
    }
    ComponentHeader component;
    component.horizontal_step = std::uint32_t{1} << dimension_shift;
    component.vertical_step = component.horizontal_step;
    component.width = (header.width - 1) / component.horizontal_step + 1;
    component.height = (header.height - 1) / component.vertical_step + 1;
    component.precision = static_cast<std::uint8_t>(depth.bits);
    component.identifier = static_cast<std::uint8_t>(header.components.size());
    header.components.push_back(component);
    if (dimension_shift != 0) header.subsampled = true;
}

Metadata read_metadata(BitReader& reader, Header& header, std::size_t offset) {
    Metadata metadata;
    bool extra_fields = false;
    const bool all_default = reader.flag();
    std::vector<ExtraChannel> extra;
    if (!all_default) {
        extra_fields = reader.flag();
        if (extra_fields) {
            metadata.orientation = 1 + reader.bits(3);
            if (reader.flag()) {
                std::uint32_t intrinsic_width = 0;
                std::uint32_t intrinsic_height = 0;
                read_size(reader, intrinsic_width, intrinsic_height);
            }
            metadata.preview = reader.flag();
            if (metadata.preview) skip_preview(reader);
            metadata.animation = reader.flag();
            if (metadata.animation) skip_animation(reader);
        }
        metadata.depth = read_bit_depth(reader);
        reader.flag();  // modular_16bit_buffers
        metadata.extra_channels = u32(reader, {0, 0}, {1, 0}, {2, 4}, {1, 12});
        for (std::uint32_t i = 0; i < metadata.extra_channels && !reader.overrun(); ++i)
            extra.push_back(read_extra_channel(reader));
        metadata.xyb = reader.flag();
        metadata.colour = read_colour_encoding(reader);
        if (extra_fields && !reader.flag()) reader.skip(16 + 16 + 1 + 16);  // tone mapping
        skip_extensions(reader);
    }
    if (reader.overrun()) return metadata;
    const std::uint32_t colour_channels = metadata.colour.space == 1 ? 1 : 3;
    for (std::uint32_t i = 0; i < colour_channels; ++i) add_component(header, metadata.depth, 0, offset);
    for (const ExtraChannel& channel : extra) add_component(header, channel.depth, channel.dimension_shift, offset);
    skip_transform_data(reader, metadata.xyb);
    if (!metadata.colour.icc && !metadata.preview) {
        reader.align();
        const bool default_frame = reader.flag();  // VarDCT
        if (!default_frame) {
            reader.bits(2);
            metadata.modular = reader.bits(1) == 1;
        }
        metadata.known_coding = !reader.overrun();
    }
    return metadata;
}

void add(Header& header, const char* name, std::int64_t value) { header.parameters.push_back({name, value}); }

}  // namespace

void probe_jpegxl(Bytes data, Header& header) {
    header.clear();
    header.format = Format::jpegxl;
    Codestream codestream;
    bool reconstruction = false;
    if (starts_codestream(data)) {
        codestream.start = data;
        header.codestream_size = data.size();
    } else {
        read_boxes(data, header, codestream, reconstruction);
        if (header.codestream_size == 0)
            fail(ErrorCode::truncated, data.size(), "the file has no codestream box (jxlc or jxlp)");
        if (!starts_codestream(codestream.start)) {
            fail(ErrorCode::malformed, header.codestream_offset, "expected the start of a JPEG XL codestream (FF0A)");
        }
    }

    BitReader reader(codestream.start.subspan(2));
    read_size(reader, header.width, header.height);
    if (reader.overrun()) fail(ErrorCode::truncated, data.size(), "the data end inside the JPEG XL size header");
    const Metadata metadata = read_metadata(reader, header, header.codestream_offset);
    if (header.components.empty())
        fail(ErrorCode::truncated, data.size(), "the data end inside the JPEG XL image metadata");

    // Reversible: modular coding without XYB, and no JPEG behind it whose DCT was not. Where an ICC
    // profile or a preview hides the frame header, that stays unproven, hence false.
    header.lossless = metadata.known_coding && metadata.modular && !metadata.xyb && !reconstruction;
    // XYB is an absolute space, so that decoders give RGB back; other channels come back as they are coded.
    if (metadata.xyb && metadata.colour.space == 0) header.colour = ColourTransform::none_rgb;
    header.holds_jpeg = reconstruction;
    add(header, "jpeg_reconstruction", reconstruction ? 1 : 0);
    add(header, "xyb_encoded", metadata.xyb ? 1 : 0);
    if (metadata.known_coding) add(header, "modular", metadata.modular ? 1 : 0);
    add(header, "floating_point", metadata.depth.is_float ? 1 : 0);
    add(header, "extra_channels", metadata.extra_channels);
    add(header, "orientation", metadata.orientation);
    add(header, "animation", metadata.animation ? 1 : 0);
}

void check_jpegxl(Bytes data, const Header& header) {
    if (!header.in_container) return;
    std::uint64_t at = 0;
    std::uint32_t parts = 0;
    bool whole = false;
    bool last_part = false;
    Box box;
    while (next_box(data, at, box)) {
        if (!box.complete) {
            fail(ErrorCode::truncated, data.size(), "the box at byte %llu extends past the end of the data",
                 static_cast<unsigned long long>(box.offset));
        }
        if (box.type == box_type("jxlc")) whole = true;
        if (box.type != box_type("jxlp")) continue;
        if (at - box.content_offset < 4)
            fail(ErrorCode::malformed, box.offset, "a jxlp box needs 4 bytes for its index");
        // 18181-2: an index that counts from 0; its top bit marks the last part.
        const std::uint32_t index = load_be<std::uint32_t>(data.data() + box.content_offset);
        if ((index & 0x7FFFFFFFU) != parts || last_part) {
            fail(ErrorCode::malformed, box.content_offset, "expected part %u of the codestream, found index %08X",
                 parts, index);
        }
        ++parts;
        last_part = (index & 0x80000000U) != 0;
    }
    if (!whole && !last_part)
        fail(ErrorCode::truncated, data.size(), "the data end before the last part of the codestream (jxlp)");
}

std::vector<std::uint8_t> clean_jpegxl(Bytes data, const Header& header) {
    const auto* const bytes = reinterpret_cast<const std::uint8_t*>(data.data());
    if (!header.in_container) return {bytes, bytes + data.size()};
    if (header.holds_jpeg)
        fail(ErrorCode::unsupported, no_offset, "comments of the JPEG inside a JPEG XL stream cannot be removed");
    check_jpegxl(data, header);
    std::vector<std::uint8_t> to;
    to.reserve(data.size());
    std::uint64_t at = 0;
    Box box;
    while (next_box(data, at, box)) {
        // The signature, the brand, the level, the codestream and the index of its frames: 18181-2.
        for (const std::uint32_t type : {box_type("JXL "), box_type("ftyp"), box_type("jxll"), box_type("jxlc"),
                                         box_type("jxlp"), box_type("jxli")})
            if (box.type == type) to.insert(to.end(), bytes + box.offset, bytes + at);
    }
    return to;
}

}  // namespace dcmturbo
