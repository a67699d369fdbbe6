// Excerpts of JPEG 2000 codestreams that are far away: of any bytes, the parts that a region or a lower resolution
// needs. Where both can be decoded, and the whole has no bytes that are left over, the excerpt has its samples. The
// first six bytes say what is wanted; the rest is the codestream. Excerpts of small frames are not made, so a comment
// can make it longer.
#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "codecs/codec.h"
#include "codecs/formats.h"
#include "codecs/probe.h"
#include "cpu/features.h"
#include "frames.h"

namespace dcmturbo::fuzz {
namespace {

constexpr std::size_t wish_size = 6;
constexpr std::uint64_t most_samples = 1 << 16;
constexpr std::size_t first_bytes = 2048;  // are read at least
constexpr std::size_t comment_size = 2 + 0xFFFF;

class MemoryReader final : public FrameReader {
  public:
    MemoryReader(Bytes frame, bool is_near, std::size_t least) : frame_(frame), is_near_(is_near), least_(least) {}
    Bytes first(std::size_t size) override { return frame_.first(std::min(std::max(size, least_), frame_.size())); }
    bool read(std::span<const Piece> pieces) override {
        for (const Piece& piece : pieces) {
            if (piece.offset > frame_.size() || piece.size > frame_.size() - piece.offset) return false;
            if (piece.size > 0) std::memcpy(piece.to, frame_.data() + piece.offset, piece.size);
        }
        return true;
    }
    [[nodiscard]] bool is_near() const override { return is_near_; }

  private:
    Bytes frame_;
    bool is_near_;
    std::size_t least_;
};

struct Wish {
    unsigned reduce;
    Region region;
};

std::uint32_t reduced(std::uint32_t begin, std::uint32_t size, unsigned reduce) {
    const std::uint64_t most = (std::uint64_t{1} << reduce) - 1;
    return static_cast<std::uint32_t>(((std::uint64_t{begin} + size + most) >> reduce) - ((begin + most) >> reduce));
}

using Planes = std::vector<std::vector<std::byte>>;

// The samples of each component; nothing if they cannot be decoded, or if data are left over: then something is wrong.
Planes decode(const Codec& codec, const Header& header, Bytes codestream, const Wish& wish, bool is_prefix) {
    const Limits limits;
    Arena arena(std::uint64_t{1} << 30);
    Context context{arena, best_isa(), limits};
    const std::size_t cell = header.precision() <= 8 ? 1 : header.precision() <= 16 ? 2 : 4;
    Planes planes;
    std::vector<ComponentOut> out;
    for (const ComponentHeader& component : header.components) {
        planes.emplace_back(std::size_t{wish.region.width} * wish.region.height * cell);
        ComponentOut one;
        one.base = planes.back().data();
        one.sample_stride = static_cast<std::ptrdiff_t>(cell);
        one.row_stride = static_cast<std::ptrdiff_t>(wish.region.width * cell);
        one.width = reduced(component.x, component.width, wish.reduce);
        one.height = reduced(component.y, component.height, wish.reduce);
        one.type = cell == 1             ? component.is_signed ? SampleType::i8 : SampleType::u8
                   : cell == 2           ? component.is_signed ? SampleType::i16 : SampleType::u16
                   : component.is_signed ? SampleType::i32
                                         : SampleType::u32;
        one.region = wish.region;
        out.push_back(one);
    }
    Options options;
    options.reduce = static_cast<std::uint8_t>(wish.reduce);
    options.is_prefix = is_prefix;
    try {
        if (codec.decode_components(Fragments(codestream), header, out, options, context).has_excess_data) return {};
    } catch (const DecodeError&) {
        return {};
    }
    return planes;
}

// The codestream with a comment of the largest size behind SIZ, if it begins with SIZ.
std::vector<std::uint8_t> with_comment(std::vector<std::uint8_t> codestream) {
    if (codestream.size() < 6 || codestream[2] != 0xFF || codestream[3] != 0x51) return codestream;
    const std::size_t end = 4 + (std::size_t{codestream[4]} << 8 | codestream[5]);
    if (end > codestream.size()) return codestream;
    std::vector<std::uint8_t> comment(comment_size);
    static constexpr std::uint8_t head[] = {0xFF, 0x64, 0xFF, 0xFF};
    std::copy(std::begin(head), std::end(head), comment.begin());
    codestream.insert(codestream.begin() + static_cast<std::ptrdiff_t>(end), comment.begin(), comment.end());
    return codestream;
}

void compare(const std::uint8_t* wishes, Bytes codestream) {
    Arena arena(std::uint64_t{1} << 30);
    Header header;
    Bytes found;
    Wish wish{};
    const Codec* codec = nullptr;
    try {
        probe(Fragments(codestream), arena, header);
        codec = row_of(header.format).own;
        if (codec == nullptr || codec->excerpt == nullptr || header.components.empty() || header.in_container) return;
        const ComponentHeader& first = header.components[0];
        if (std::uint64_t{header.width} * header.height * header.components.size() > most_samples) return;
        for (const ComponentHeader& one : header.components) {
            // Samples at the same points, so that one region is that of all.
            if (one.x != first.x || one.y != first.y || one.width != first.width || one.height != first.height ||
                one.precision != first.precision || one.is_signed != first.is_signed || one.horizontal_step != 1 ||
                one.vertical_step != 1 || one.precision > 32) {
                return;
            }
        }
        wish.reduce = wishes[0] & 7;
        const std::uint32_t columns = reduced(first.x, first.width, wish.reduce);
        const std::uint32_t rows = reduced(first.y, first.height, wish.reduce);
        if (rows == 0 || columns == 0) return;
        wish.region.top = wishes[1] * rows / 256;
        wish.region.left = wishes[2] * columns / 256;
        wish.region.height = 1 + wishes[3] * (rows - wish.region.top) / 257;
        wish.region.width = 1 + wishes[4] * (columns - wish.region.left) / 257;
        const bool is_long = (wishes[5] & 2) != 0;
        MemoryReader reader(codestream, (wishes[5] & 1) != 0, first_bytes + (is_long ? comment_size : 0));
        found = codec->excerpt(reader, codestream.size(), wish.reduce, wish.region, arena);
    } catch (const DecodeError&) {
        return;
    }
    if (found.empty()) return;
    const std::vector<std::byte> excerpt(found.begin(), found.end());  // so that reads past its end are seen
    const Planes part = decode(*codec, header, excerpt, wish, true);
    const Planes whole = decode(*codec, header, codestream, wish, false);
    if (!part.empty() && !whole.empty()) require(part == whole, "an excerpt has the samples of the whole");
}

}  // namespace
}  // namespace dcmturbo::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size <= dcmturbo::fuzz::wish_size) return 0;
    std::vector<std::uint8_t> codestream(data + dcmturbo::fuzz::wish_size, data + size);
    if ((data[5] & 2) != 0) codestream = dcmturbo::fuzz::with_comment(std::move(codestream));
    dcmturbo::fuzz::compare(data, std::as_bytes(std::span(codestream)));
    return 0;
}
