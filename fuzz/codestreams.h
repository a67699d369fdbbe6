// Shared by the targets of codestreams that say what they hold: decodes such a stream on every instruction set, with
// one thread and two, strictly and under salvage, and as components; traps where two ways differ.
#pragma once

#include <algorithm>
#include <memory>

#include "abi/convert.h"
#include "frames.h"

namespace dcmturbo::fuzz {

constexpr std::uint32_t as_stored = 3;  // no colour conversion, no bit correction
constexpr std::uint64_t most_samples = 1 << 17;

using Stream = std::vector<std::uint8_t>;

inline Result decode_one(const char* syntax, const Stream& stream, const dcmturbo_attributes& attributes, bool salvage,
                         std::uint32_t threads, std::uint32_t reduce = 0, const dcmturbo_region& region = {}) {
    Result result;
    dcmturbo_error error{};
    error.size = sizeof error;
    dcmturbo_format format{};
    format.size = sizeof format;
    dcmturbo_request request{};
    request.size = sizeof request;
    request.raw = as_stored & 1;
    request.keep_unused_bits = as_stored >> 1 & 1;
    request.reduce = static_cast<std::uint8_t>(reduce);
    request.region = region;
    result.code = dcmturbo_frame_format(syntax, &attributes, nullptr, &request, &format, &error);
    if (result.code != DCMTURBO_OK) return result;
    const std::size_t pixel = std::size_t{attributes.bits_allocated} / 8 * attributes.samples_per_pixel;
    const std::size_t rows = region.height == 0 ? format.rows : region.height;
    const std::size_t columns = region.height == 0 ? format.columns : region.width;
    result.pixels.assign(pixel * rows * columns, 0xA5);
    const dcmturbo_image image{result.pixels.data(), static_cast<ptrdiff_t>(pixel * columns),
                               static_cast<ptrdiff_t>(pixel), attributes.bits_allocated / 8};
    const dcmturbo_bytes bytes{stream.data(), stream.size()};
    result.code = dcmturbo_decode_frame(syntax, &bytes, 1, &attributes, &format, &request, &image, threads,
                                        salvage ? 1 : 0, 7, &result.status, &error);
    return result;
}

// A region of an image, by what the stream is like.
inline dcmturbo_region some_region(const Stream& stream, std::uint32_t rows, std::uint32_t columns) {
    std::uint32_t sum = 0;
    for (const std::uint8_t byte : stream) sum = sum * 31 + byte;
    dcmturbo_region region{};
    region.top = sum % rows;
    region.left = sum / 7 % columns;
    region.height = 1 + sum / 49 % (rows - region.top);
    region.width = 1 + sum / 343 % (columns - region.left);
    return region;
}

// Decodes a region; where the whole image is right, it has the same pixels.
inline void decode_region(const char* syntax, const Stream& stream, const dcmturbo_attributes& attributes,
                          const Result& whole, bool salvage, std::uint32_t reduce) {
    const auto reduced = [&](std::uint32_t size) { return (size + (1U << reduce) - 1) >> reduce; };
    const std::uint32_t columns = reduced(attributes.columns);
    const dcmturbo_region region = some_region(stream, reduced(attributes.rows), columns);
    const Result part = decode_one(syntax, stream, attributes, salvage, 1 + region.top % 2, reduce, region);
    if (whole.code != DCMTURBO_OK || whole.status != DCMTURBO_FRAME_OK) return;
    require(part.code == DCMTURBO_OK && part.status == DCMTURBO_FRAME_OK, "a region of what is right is right");
    const std::size_t pixel = std::size_t{attributes.bits_allocated} / 8 * attributes.samples_per_pixel;
    for (std::size_t row = 0; row < region.height; ++row) {
        const auto* from = whole.pixels.data() + ((region.top + row) * columns + region.left) * pixel;
        const auto* found = part.pixels.data() + row * region.width * pixel;
        require(std::equal(found, found + region.width * pixel, from), "a region has the pixels of the whole");
    }
}

// Decodes the image and its components every way, as its own header describes it. Returns the pixels, if it is right.
inline std::vector<std::uint8_t> decode_every_way(const char* syntax, const Stream& stream) {
    dcmturbo_header* found = nullptr;
    dcmturbo_error error{};
    error.size = sizeof error;
    const dcmturbo_bytes bytes{stream.data(), stream.size()};
    if (dcmturbo_probe(bytes, &found, &error) != DCMTURBO_OK) return {};
    const std::unique_ptr<dcmturbo_header, void (*)(dcmturbo_header*)> owner(found, dcmturbo_header_free);
    const Header& header = found->header;
    if (std::uint64_t{header.width} * header.height * header.components.size() > most_samples) return {};

    dcmturbo_attributes attributes{};
    attributes.size = sizeof attributes;
    attributes.rows = header.height;
    attributes.columns = header.width;
    attributes.samples_per_pixel = static_cast<std::uint16_t>(header.components.size());
    attributes.bits_allocated = header.precision() > 32   ? 64
                                : header.precision() > 16 ? 32
                                : header.precision() > 8  ? 16
                                                          : 8;
    attributes.pixel_representation = header.is_signed() ? 1 : 0;
    attributes.bits_stored = header.precision();
    attributes.photometric = dcmturbo_photometric_from_name(attributes.samples_per_pixel == 1 ? "MONOCHROME2" : "RGB");
    std::vector<std::uint8_t> right;
    for (const bool salvage : {false, true}) {
        Result first;
        bool is_first = true;
        for (std::uint8_t isa = 0; dcmturbo_isa_name(isa) != nullptr; ++isa) {
            if (dcmturbo_isa_available(isa) == 0) continue;
            use_isa(isa);
            for (const std::uint32_t threads : {1u, 2u}) {
                Result result = decode_one(syntax, stream, attributes, salvage, threads);
                if (is_first) first = std::move(result);
                else {
                    require(result.code == first.code && result.status == first.status, "every path ends alike");
                    if (result.code == DCMTURBO_OK) require(result.pixels == first.pixels, "every path decodes alike");
                }
                is_first = false;
            }
        }
        if (!salvage && first.code == DCMTURBO_OK) right = first.pixels;
        if (salvage && !right.empty()) require(right == first.pixels, "there is nothing to salvage in what is right");
        const Result smaller = decode_one(syntax, stream, attributes, salvage, 1, 1);
        const Result again = decode_one(syntax, stream, attributes, salvage, 2, 1);
        require(smaller.code == again.code && smaller.pixels == again.pixels, "a team reduces alike");
        decode_region(syntax, stream, attributes, first, salvage, 0);
        decode_region(syntax, stream, attributes, smaller, salvage, 1);
    }
    static constexpr std::size_t cells[] = {1, 1, 2, 2, 4, 4, 8, 8, 4, 8};
    for (const std::uint8_t reduce : {0, 1}) {
        dcmturbo_request request{};
        request.size = sizeof request;
        request.reduce = reduce;
        std::vector<std::vector<std::uint8_t>> planes;
        std::vector<dcmturbo_image> images;
        for (std::size_t i = 0; i < header.components.size(); ++i) {
            dcmturbo_component component{};
            component.size = sizeof component;
            if (dcmturbo_component_at(found, i, &request, &component, &error) != DCMTURBO_OK) return right;
            const std::size_t cell = cells[component.type];
            planes.emplace_back(std::size_t{component.width} * component.height * cell);
            images.push_back({planes.back().data(), static_cast<ptrdiff_t>(component.width * cell),
                              static_cast<ptrdiff_t>(cell), 0});
        }
        const auto code = dcmturbo_decode_components(bytes, found, images.data(), images.size(), &request, 1, 0,
                                                     nullptr, nullptr, &error);
        if (reduce != 0) break;
        require(right.empty() || code == DCMTURBO_OK, "an image that is right has components");
        if (planes.size() == 1 && planes[0].size() == right.size())
            require(planes[0] == right, "one component of the image's size is the image");
    }
    return right;
}

}  // namespace dcmturbo::fuzz
