// Shared by the targets of encoders of JPEG 2000 and HTJ2K: any image with any options, encoded and decoded again.
// Every instruction set must write the same bytes, with one thread and two; without loss the pixels come back, on every
// instruction set too.
#pragma once

#include <cstring>
#include <vector>

#include "codestreams.h"
#include "numbers.h"

namespace dcmturbo::fuzz {

struct Encoder {
    const char* syntax;
    std::uint16_t most_bits;
    bool is_high_throughput;
};

struct Request {
    dcmturbo_attributes attributes{};
    std::vector<std::uint8_t> pixels;
    std::vector<dcmturbo_option_value> options;
    bool loses = false;
};

inline dcmturbo_option_value number(const char* name, double value) { return {name, DCMTURBO_NUMBER, value, nullptr}; }
inline dcmturbo_option_value integer(const char* name, double value) {
    return {name, DCMTURBO_INTEGER, value, nullptr};
}

inline void choose_options(Numbers& input, const Encoder& encoder, Request& request) {
    const unsigned loss = input.byte() % 8;
    request.loses = loss < 3;
    if (loss == 0) request.options.push_back(number("quantisation_step", 1.0 / (2 + input.below(60000))));
    if (loss == 1) request.options.push_back(number("ratio", 1 + input.below(400) / 10.0));
    if (loss == 2) request.options.push_back(number("psnr", 1 + input.below(150)));
    static constexpr const char* orders[] = {"LRCP", "RLCP", "RPCL", "PCRL", "CPRL"};
    request.options.push_back({"progression_order", DCMTURBO_TEXT, 0, orders[input.byte() % 5]});
    request.options.push_back(integer("decomposition_levels", input.byte() % 8));
    const unsigned width = 2 + input.byte() % 9;
    const unsigned height = 2 + input.byte() % 9;
    request.options.push_back(integer("code_block_width", 1u << width));
    request.options.push_back(integer("code_block_height", 1u << std::min(height, 12 - width)));
    if (input.byte() % 2 == 0) request.options.push_back(integer("precinct_size", 2u << input.byte() % 9));
    if (input.byte() % 3 == 0) {
        const dcmturbo_attributes& a = request.attributes;
        request.options.push_back(integer("tile_width", 1 + a.columns / 8 + input.byte() % 40));
        request.options.push_back(integer("tile_height", 1 + a.rows / 8 + input.byte() % 40));
    }
    const auto flag = [&](const char* name, unsigned rarity) {
        request.options.push_back(
            {name, DCMTURBO_FLAG, static_cast<double>(input.byte() % rarity == 0 ? 1 : 0), nullptr});
    };
    for (const char* name : {"packet_lengths", "tile_part_lengths", "packet_markers"}) flag(name, 2);
    if (encoder.is_high_throughput) return;
    for (const char* name : {"selective_bypass", "reset_contexts", "terminate_passes", "vertically_causal_contexts",
                             "segmentation_symbols"})
        flag(name, 4);
    if (input.byte() % 4 == 0) request.options.push_back(integer("layers", 1 + input.byte() % 12));
}

// Noise around a slope, spikes in emptiness, and extremes.
inline void draw(Numbers& input, Request& request) {
    const dcmturbo_attributes& a = request.attributes;
    const std::size_t samples = std::size_t{a.rows} * a.columns * a.samples_per_pixel;
    const std::uint64_t range = std::uint64_t{1} << a.bits_stored;
    const unsigned kind = input.byte() % 4;
    const std::uint64_t amplitude = (std::uint64_t{1} << input.byte() % (a.bits_stored + 1)) - 1;
    const unsigned rarity = 1 + input.byte();
    const std::size_t cell = a.bits_allocated / 8;
    request.pixels.resize(samples * cell);
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < samples; ++i) {
        const std::uint64_t noise = std::uint64_t{input.byte()} << 24 | input.byte() << 16 | input.below(65536);
        if (kind == 0) value = value + (noise & amplitude) - amplitude / 2;
        else if (kind == 1) value = noise % rarity == 0 ? noise & amplitude : 0;
        else if (kind == 2) value = noise % rarity == 0 ? range - 1 - value % range : value;
        else value = i / 3 + (noise & amplitude);
        std::uint64_t stored = value % range;
        if (a.pixel_representation == 1 && stored >= range / 2) stored |= ~(range - 1);
        for (std::size_t b = 0; b < cell; ++b)
            request.pixels[i * cell + b] = static_cast<std::uint8_t>(stored >> 8 * b);
    }
}

// Mostly small: each image is encoded and decoded many times.
inline std::uint32_t side(Numbers& input, unsigned usual) {
    const unsigned kind = input.byte();
    if (kind % 64 == 0) return 1 + input.below(300);
    return 1 + input.byte() % (kind % 8 == 0 ? 130 : usual);
}

inline Request make_request(Numbers& input, const Encoder& encoder) {
    Request request;
    dcmturbo_attributes& a = request.attributes;
    a.size = sizeof a;
    a.rows = side(input, 20);
    a.columns = side(input, 36);
    a.samples_per_pixel = input.byte() % 4 == 0 ? 3 : 1;
    // More than these are not decoded.
    if (std::uint64_t{a.rows} * a.columns * a.samples_per_pixel > most_samples)
        a.rows = static_cast<std::uint32_t>(most_samples / a.columns / a.samples_per_pixel);
    a.bits_stored = static_cast<std::uint16_t>(1 + input.byte() % encoder.most_bits);
    a.bits_allocated = a.bits_stored > 16 ? 32 : a.bits_stored > 8 ? 16 : 8;
    a.pixel_representation = input.byte() & 1;
    choose_options(input, encoder, request);
    static constexpr const char* of_three[] = {"RGB", "YBR_FULL", "YBR_RCT"};
    const char* photometric = a.samples_per_pixel == 1 ? "MONOCHROME2" : of_three[input.byte() % 3];
    // JPEG 2000 can leave out passes of a reversible transform; an HT block has one pass.
    const bool may_lose =
        !encoder.is_high_throughput && request.options.front().name != std::string("quantisation_step");
    if (request.loses && std::strcmp(photometric, "YBR_RCT") == 0 && !(may_lose && input.byte() % 2 == 0))
        photometric = "YBR_ICT";
    a.photometric = dcmturbo_photometric_from_name(photometric);
    draw(input, request);
    return request;
}

struct Taken {
    std::int32_t code = 0;
    Stream stream;
};

inline std::int32_t take(void* taken, std::size_t, dcmturbo_bytes bytes) {
    const auto* const data = static_cast<const std::uint8_t*>(bytes.data);
    static_cast<Taken*>(taken)->stream.assign(data, data + bytes.size);
    return DCMTURBO_OK;
}

inline Taken encode(Request& request, const Encoder& encoder, std::uint32_t threads) {
    const dcmturbo_attributes& a = request.attributes;
    const ptrdiff_t sample = a.bits_allocated / 8;
    const ptrdiff_t pixel = sample * a.samples_per_pixel;
    const dcmturbo_image image{request.pixels.data(), static_cast<ptrdiff_t>(pixel * a.columns), pixel, sample};
    dcmturbo_error error{};
    error.size = sizeof error;
    Taken taken;
    taken.code = dcmturbo_encode_frames(encoder.syntax, &image, 1, &a, request.options.data(), request.options.size(),
                                        nullptr, threads, take, &taken, &error);
    return taken;
}

inline void encode_round_trip(const Encoder& encoder, const std::uint8_t* data, std::size_t size) {
    Numbers input(data, size);
    Request request = make_request(input, encoder);
    Taken first;
    bool is_first = true;
    for (std::uint8_t isa = 0; dcmturbo_isa_name(isa) != nullptr; ++isa) {
        if (dcmturbo_isa_available(isa) == 0) continue;
        use_isa(isa);
        for (const std::uint32_t threads : {1u, 2u}) {
            Taken taken = encode(request, encoder, threads);
            if (is_first) first = std::move(taken);
            else require(taken.code == first.code && taken.stream == first.stream, "every path encodes alike");
            is_first = false;
        }
    }
    if (first.code != DCMTURBO_OK) {
        // A ratio may be too high.
        require(request.loses, "every image is encoded without loss");
        return;
    }
    const std::vector<std::uint8_t> decoded = decode_every_way(encoder.syntax, first.stream);
    require(!decoded.empty(), "what was encoded is right");
    if (!request.loses) require(decoded == request.pixels, "pixels come back as they were");
}

}  // namespace dcmturbo::fuzz
