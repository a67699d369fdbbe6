// Blanks a box of any JPEG, JPEG 2000 or HTJ2K codestream: the first five bytes say where. If the codestream decodes
// and the box can be blanked, the result decodes, the box is of one colour, and nothing outside of what changed
// differs. Without a box, all of the image stays.
#include <cstring>
#include <span>

#include "codestreams.h"

namespace {

using namespace dcmturbo;
using namespace dcmturbo::fuzz;

struct Blanked {
    Stream codestream;
    std::vector<dcmturbo_region> changed;
};

bool blank(const Stream& stream, std::span<const dcmturbo_region> boxes, const std::vector<std::uint32_t>& values,
           Blanked& to) {
    dcmturbo_error error{};
    error.size = sizeof error;
    const dcmturbo_blanking blanking{sizeof blanking, boxes.data(), boxes.size(), values.data(), values.size()};
    return dcmturbo_blank_frame(
               {stream.data(), stream.size()}, &blanking,
               [](void* taker, std::size_t, dcmturbo_bytes codestream, const dcmturbo_region* changed,
                  std::size_t count) -> std::int32_t {
                   auto& taken = *static_cast<Blanked*>(taker);
                   taken.codestream.assign(codestream.data, codestream.data + codestream.size);
                   taken.changed.assign(changed, changed + count);
                   return DCMTURBO_OK;
               },
               &to, &error) == DCMTURBO_OK;
}

bool is_in(const dcmturbo_region& box, std::uint32_t y, std::uint32_t x) {
    return y >= box.top && y - box.top < box.height && x >= box.left && x - box.left < box.width;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 6 || size > 1 << 14) return 0;
    const Stream stream(data + 5, data + size);
    dcmturbo_header* found = nullptr;
    dcmturbo_error error{};
    error.size = sizeof error;
    if (dcmturbo_probe({stream.data(), stream.size()}, &found, &error) != DCMTURBO_OK) return 0;
    const std::unique_ptr<dcmturbo_header, void (*)(dcmturbo_header*)> owner(found, dcmturbo_header_free);
    const Header& header = found->header;
    if (std::uint64_t{header.width} * header.height * header.components.size() > most_samples) return 0;

    const std::uint32_t top = data[0] % header.height;
    const std::uint32_t left = data[1] % header.width;
    const dcmturbo_region box{top, left, 1 + data[2] % (header.height - top), 1 + data[3] % (header.width - left)};
    const std::vector<std::uint32_t> values(header.components.size(), data[4] % 3 == 0 ? 0 : data[4]);
    Blanked cleaned;
    Blanked blanked;
    const bool is_cleaned = blank(stream, {}, values, cleaned);
    const bool is_blanked = blank(stream, {&box, 1}, values, blanked);
    if (!is_cleaned && !is_blanked) return 0;
    require(!is_blanked || blanked.changed.size() == 1, "there is a box for the box");

    const char* const syntax = header.format == Format::jpeg ? "1.2.840.10008.1.2.4.51" : "1.2.840.10008.1.2.4.203";
    dcmturbo_attributes attributes{};
    attributes.size = sizeof attributes;
    attributes.rows = header.height;
    attributes.columns = header.width;
    attributes.samples_per_pixel = static_cast<std::uint16_t>(header.components.size());
    attributes.bits_stored = header.precision();
    attributes.bits_allocated = header.precision() <= 8 ? 8 : header.precision() <= 16 ? 16 : 32;
    attributes.pixel_representation = header.is_signed() ? 1 : 0;
    attributes.photometric = dcmturbo_photometric_from_name(attributes.samples_per_pixel == 1 ? "MONOCHROME2" : "RGB");
    const Result before = decode_one(syntax, stream, attributes, false, 1);
    if (before.code != DCMTURBO_OK) return 0;
    if (is_cleaned) {
        const Result same = decode_one(syntax, cleaned.codestream, attributes, false, 1);
        require(same.code == DCMTURBO_OK && same.pixels == before.pixels, "what was cleaned decodes to the same");
        Blanked again;
        require(blank(cleaned.codestream, {}, values, again), "what was cleaned can be cleaned");
        require(again.codestream == cleaned.codestream, "what was cleaned is clean");
    }
    if (!is_blanked) return 0;
    const Result after = decode_one(syntax, blanked.codestream, attributes, false, 1);
    require(after.code == DCMTURBO_OK, "what was blanked decodes");
    const std::size_t pixel = std::size_t{attributes.bits_allocated} / 8 * attributes.samples_per_pixel;
    const auto at = [&](const Result& result, std::uint32_t y, std::uint32_t x) {
        return result.pixels.data() + (std::size_t{y} * header.width + x) * pixel;
    };
    for (std::uint32_t y = 0; y < header.height; ++y) {
        for (std::uint32_t x = 0; x < header.width; ++x) {
            if (is_in(box, y, x))
                require(std::memcmp(at(after, y, x), at(after, top, left), pixel) == 0, "the box is of one colour");
            else if (!is_in(blanked.changed[0], y, x))
                require(std::memcmp(at(after, y, x), at(before, y, x), pixel) == 0, "nothing else changes");
        }
    }
    return 0;
}
