// JPEG-LS: images that are encoded with any options, decoded again, and decoded once more with some bytes changed.
// Every instruction set must write the same bytes; every one, with one thread and two, must read the same samples.
#include <cstdlib>
#include <span>

#include "codestreams.h"
#include "numbers.h"

namespace {

using namespace dcmturbo;
using namespace dcmturbo::fuzz;

constexpr const char* syntax = "1.2.840.10008.1.2.4.81";

struct Image {
    dcmturbo_attributes attributes{};
    std::vector<std::uint8_t> pixels;

    [[nodiscard]] std::size_t cell() const { return attributes.bits_allocated / 8u; }
    [[nodiscard]] std::size_t samples() const {
        return std::size_t{attributes.rows} * attributes.columns * attributes.samples_per_pixel;
    }
    [[nodiscard]] std::int32_t sample(const std::vector<std::uint8_t>& from, std::size_t i) const {
        std::uint32_t value = from[i * cell()];
        if (cell() == 2) value |= std::uint32_t{from[i * 2 + 1]} << 8;
        const unsigned unused = 32 - attributes.bits_stored;
        return attributes.pixel_representation == 1 ? static_cast<std::int32_t>(value << unused) >> unused
                                                    : static_cast<std::int32_t>(value << unused >> unused);
    }
};

// Runs, gentle noise, or anything: how much of a sample is new.
Image make_image(Numbers& input, unsigned bits_stored, bool is_signed, unsigned maxval) {
    Image image;
    dcmturbo_attributes& a = image.attributes;
    a.size = sizeof a;
    const unsigned most = input.byte() % 8 == 0 ? 300 : 40;  // large enough for a team, now and then
    a.rows = input.below(most) + 1;
    a.columns = input.below(most) + 1;
    a.samples_per_pixel = static_cast<std::uint16_t>(input.byte() % 2 == 0 ? 1 : 3);
    a.bits_stored = static_cast<std::uint16_t>(bits_stored);
    a.bits_allocated = bits_stored > 8 || input.byte() % 4 == 0 ? 16 : 8;
    a.pixel_representation = is_signed ? 1 : 0;
    a.photometric = dcmturbo_photometric_from_name(a.samples_per_pixel == 1 ? "MONOCHROME2" : "RGB");
    image.pixels.resize(image.samples() * image.cell());
    const unsigned step = (1u << input.byte() % 17) - 1;
    unsigned value = 0;
    for (std::size_t i = 0; i < image.samples(); ++i) {
        value = (value + (input.below(65536) & step)) % (maxval + 1);
        // Signed cells are extended.
        const unsigned cell = is_signed && (value >> (bits_stored - 1)) != 0 ? value | ~0u << bits_stored : value;
        image.pixels[i * image.cell()] = static_cast<std::uint8_t>(cell);
        if (image.cell() == 2) image.pixels[i * 2 + 1] = static_cast<std::uint8_t>(cell >> 8);
    }
    return image;
}

// The stream, or nothing where the options cannot be.
Stream encode_everywhere(const Image& image, std::span<const dcmturbo_option_value> options) {
    const std::size_t pixel = image.cell() * image.attributes.samples_per_pixel;
    const dcmturbo_image view{const_cast<std::uint8_t*>(image.pixels.data()),
                              static_cast<ptrdiff_t>(pixel * image.attributes.columns), static_cast<ptrdiff_t>(pixel),
                              static_cast<ptrdiff_t>(image.cell())};
    Stream first;
    std::int32_t first_code = 0;
    for (std::uint8_t isa = 0; dcmturbo_isa_name(isa) != nullptr; ++isa) {
        if (dcmturbo_isa_available(isa) == 0) continue;
        use_isa(isa);
        // A buffer of exactly the bound, so that the sanitizer sees one byte too many.
        Stream stream(dcmturbo_encode_bound(syntax, &image.attributes));
        std::size_t written = 0;
        dcmturbo_error error{};
        error.size = sizeof error;
        const std::int32_t code = dcmturbo_encode_frame(syntax, &view, &image.attributes, options.data(),
                                                        options.size(), stream.data(), stream.size(), &written, &error);
        require(written <= stream.size(), "the bound holds");
        stream.resize(code == DCMTURBO_OK ? written : 0);
        if (isa == 0) {
            first = stream;
            first_code = code;
        }
        require(code == first_code && stream == first, "every path encodes alike");
    }
    return first;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Numbers input(data, size);
    const unsigned bits_stored = input.byte() % 15 + 2;
    const unsigned full = (1u << bits_stored) - 1;
    const bool has_presets = input.byte() % 4 == 0;
    const auto preset = [&] { return has_presets && input.byte() % 2 == 0 ? double(input.below(full + 1)) : 0.0; };
    const double maxval = preset();
    const double near_lossless = input.byte() % 2 == 0 ? 0 : input.byte() % (std::min(full / 2, 255u) + 1);
    const bool is_signed = input.byte() % 4 == 0 && maxval == 0;
    static constexpr const char* words[] = {"none", "line", "sample"};
    const dcmturbo_option_value options[] = {
        {"near_lossless", DCMTURBO_INTEGER, near_lossless, nullptr},
        {"interleave", DCMTURBO_TEXT, 0, words[input.byte() % 3]},
        {"restart_rows", DCMTURBO_INTEGER, input.byte() % 3 == 0 ? double(input.byte() % 20) : 0.0, nullptr},
        {"maxval", DCMTURBO_INTEGER, maxval, nullptr},
        {"threshold_1", DCMTURBO_INTEGER, preset(), nullptr},
        {"threshold_2", DCMTURBO_INTEGER, preset(), nullptr},
        {"threshold_3", DCMTURBO_INTEGER, preset(), nullptr},
        {"reset", DCMTURBO_INTEGER, preset(), nullptr},
    };
    const Image image = make_image(input, bits_stored, is_signed, maxval != 0 ? unsigned(maxval) : full);
    Stream stream = encode_everywhere(image, options);
    require(!stream.empty() || has_presets || (is_signed && near_lossless != 0), "every image can be encoded");
    if (stream.empty() || image.samples() > most_samples) return 0;

    const unsigned threads = input.byte() % 2 + 1;
    const Result result = decode_one(syntax, stream, image.attributes, false, threads);
    require(result.code == DCMTURBO_OK, "what was encoded is right");
    for (std::size_t i = 0; i < image.samples(); ++i) {
        const std::int32_t error = image.sample(result.pixels, i) - image.sample(image.pixels, i);
        require(std::abs(error) <= near_lossless, "no error is larger than NEAR");
    }
    const unsigned changes = input.byte() % 4;
    for (unsigned i = 0; i < changes; ++i) {
        const std::size_t at = (input.below(65536) << 8 | input.byte()) % stream.size();
        stream[at] ^= static_cast<std::uint8_t>(1u << input.byte() % 8);
    }
    decode_every_way(syntax, stream);
    return 0;
}
