// RLE: any bytes as a frame, on every instruction set; and any bytes as pixels, encoded and decoded again.
#include "frames.h"

namespace {

using namespace dcmturbo::fuzz;

void round_trip(const std::uint8_t* data, std::size_t size) {
    dcmturbo_attributes attributes = attributes_from(data);
    if (attributes.samples_per_pixel * attributes.bits_allocated / 8 > 15) return;
    attributes.bits_stored = attributes.bits_allocated;
    attributes.photometric = dcmturbo_photometric_from_name(attributes.samples_per_pixel == 3 ? "RGB" : "MONOCHROME2");
    const std::size_t cell = attributes.bits_allocated == 1 ? 1 : attributes.bits_allocated / 8u;
    const std::size_t pixel = cell * attributes.samples_per_pixel;
    std::vector<std::uint8_t> pixels(pixel * attributes.rows * attributes.columns);
    for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = size > 6 ? data[6 + i % (size - 6)] : 0;
    if (attributes.bits_allocated == 1) {
        for (std::uint8_t& value : pixels) value &= 1;
    }
    const dcmturbo_image image{pixels.data(), static_cast<ptrdiff_t>(pixel * attributes.columns),
                               static_cast<ptrdiff_t>(pixel), static_cast<ptrdiff_t>(cell)};
    std::vector<std::uint8_t> first;
    for (std::uint8_t isa = 0; dcmturbo_isa_name(isa) != nullptr; ++isa) {
        if (dcmturbo_isa_available(isa) == 0) continue;
        use_isa(isa);
        std::vector<std::uint8_t> encoded(dcmturbo_encode_bound("RLELossless", &attributes));
        std::size_t written = 0;
        dcmturbo_error error{};
        error.size = sizeof error;
        const auto code = dcmturbo_encode_frame("RLELossless", &image, &attributes, nullptr, 0, encoded.data(),
                                                encoded.size(), &written, &error);
        require(code == DCMTURBO_OK, "every image can be encoded");
        require(written <= encoded.size() && written % 2 == 0, "the bound holds and the size is even");
        encoded.resize(written);
        const Result result = decode("RLELossless", {{encoded.data(), encoded.size()}}, attributes, 1, false, false);
        require(result.code == DCMTURBO_OK && result.pixels == pixels, "decoding gives back what was encoded");
        if (first.empty()) first = encoded;
        require(encoded == first, "every path encodes alike");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    decode_everywhere("RLELossless", data, size);
    if (size >= 6) round_trip(data, size);
    return 0;
}
