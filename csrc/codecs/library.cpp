// Decodes and encodes with libraries outside the core.
#include "codecs/library.h"

#include <atomic>
#include <cstring>

#include "base/error.h"
#include "codecs/formats.h"
#include "codecs/probe.h"
#include "image/pixel_writer.h"

namespace dcmturbo {

namespace {

std::atomic<LibraryDecode> library{nullptr};
std::atomic<LibraryUnwrap> library_unwrap{nullptr};

void correct(const FrameOut& out, Context& context) {
    if (out.format.significant_bits == 0 && out.format.colour == ColourConversion::none) return;
    PixelWriter(out, context.isa).convert(out, out.format.pixels(), false, context.arena);
}

// CharLS 2.4 was measured: it takes four to seven seconds for a truncated image of 6 x 8 pixels, and microseconds if an
// EOI follows the data.
Bytes with_end_of_image(Bytes data, Arena& arena) {
    std::byte* closed = arena.allocate(data.size() + 2);
    if (!data.empty()) std::memcpy(closed, data.data(), data.size());
    closed[data.size()] = std::byte{0xFF};
    closed[data.size() + 1] = std::byte{0xD9};
    return {closed, data.size() + 2};
}

// For a truncated frame, most libraries return wrong pixels without an error. check() is called first to find this.
Outcome decode_samples(const Fragments& frame, const Header& header, const FrameOut& out, const Options& options,
                       Context& context) {
    if (options.reduce > 0) {
        check_reduce(row_of(header.format), options.reduce);
        if (header.format != Format::jpeg)
            fail(ErrorCode::unsupported, no_offset,
                 "%s has reduce only with the core's codec: set dt.config.prefer = 'own'", row_of(header.format).title);
    }
    Outcome outcome;
    outcome.valid_pixels = out.format.pixels();
    Bytes data = frame.contiguous(context.arena);
    try {
        check(data, header);
    } catch (const DecodeError& damage) {
        if (!options.salvage || damage.code == ErrorCode::unsupported) throw;
        outcome.complete = false;
        outcome.code = damage.code;
        outcome.offset = damage.offset;
        outcome.message = damage.message;
        if (header.format == Format::jpegls) data = with_end_of_image(data, context.arena);
    }
    decode_with_library(data, header, out);
    return outcome;
}

// Memory for a whole frame that a library decodes. It is used if the caller has no such memory: it wants only a region,
// or its rows have gaps between them.
FrameOut whole_frame(const FrameOut& of, Context& context) {
    FrameOut whole;
    whole.format = of.format;
    const std::size_t cell = sample_size(of.format.type);
    whole.sample_stride = static_cast<std::ptrdiff_t>(cell);
    whole.pixel_stride = static_cast<std::ptrdiff_t>(cell * of.format.samples_per_pixel);
    whole.row_stride = whole.pixel_stride * static_cast<std::ptrdiff_t>(of.format.columns);
    whole.base = context.arena.allocate(static_cast<std::size_t>(of.format.frame_bytes()));
    return whole;
}

Outcome decode(const Fragments& frame, const PixelAttributes&, const Header& header, const FrameOut& out,
               const Options& options, Context& context) {
    if (!out.is_contiguous()) {
        const FrameOut whole = whole_frame(out, context);
        Outcome outcome = decode_samples(frame, header, whole, options, context);
        PixelWriter(out, context.isa).convert(whole, out.format.pixels(), false, context.arena);
        return outcome;
    }
    Outcome outcome = decode_samples(frame, header, out, options, context);
    correct(out, context);
    return outcome;
}

Outcome decode_components(const Fragments& frame, const Header& header, std::span<const ComponentOut> out,
                          const Options& options, Context& context) {
    const ComponentHeader& first = header.components.front();
    if (header.subsampled) {
        fail(ErrorCode::unsupported, no_offset,
             "the components differ in size; the library for this format upsamples them, so dcmturbo "
             "cannot return them as they are coded");
    }
    for (const ComponentHeader& component : header.components) {
        if (component.precision == first.precision && component.is_signed == first.is_signed) continue;
        fail(ErrorCode::unsupported, no_offset,
             "the components differ in precision or sign; the library for this format makes them equal, "
             "so dcmturbo cannot return them as they are coded");
    }
    FrameOut pixels;
    pixels.format.rows = out.front().height;
    pixels.format.columns = out.front().width;
    pixels.format.reduce = options.reduce;
    pixels.format.samples_per_pixel = static_cast<std::uint16_t>(out.size());
    pixels.format.type = out.front().type;
    const std::size_t cell = sample_size(pixels.format.type);
    pixels.sample_stride = static_cast<std::ptrdiff_t>(cell);
    pixels.pixel_stride = static_cast<std::ptrdiff_t>(cell * out.size());
    pixels.row_stride = pixels.pixel_stride * static_cast<std::ptrdiff_t>(pixels.format.columns);
    pixels.base = context.arena.allocate_array<std::byte>(static_cast<std::size_t>(pixels.row_stride) *
                                                          std::size_t{pixels.format.rows});
    Outcome outcome = decode_samples(frame, header, pixels, options, context);
    for (std::size_t i = 0; i < out.size(); ++i) {
        const ComponentOut part = out[i].part();
        const Region& region = out[i].region;
        for (std::uint32_t row = 0; row < part.height; ++row) {
            const std::byte* from = pixels.base + (std::ptrdiff_t{region.top} + row) * pixels.row_stride +
                                    std::ptrdiff_t{region.left} * pixels.pixel_stride + i * cell;
            std::byte* to = part.base + std::ptrdiff_t{row} * part.row_stride;
            for (std::uint32_t column = 0; column < part.width; ++column) {
                std::memcpy(to, from, cell);
                from += pixels.pixel_stride;
                to += out[i].sample_stride;
            }
        }
    }
    return outcome;
}

Outcome decode_rle(const Fragments& frame, const PixelAttributes&, const Header&, const FrameOut& out, const Options&,
                   Context& context) {
    Header header;
    header.format = Format::rle;
    if (out.is_contiguous()) {
        decode_with_library(frame.contiguous(context.arena), header, out);
        correct(out, context);
    } else {
        const FrameOut whole = whole_frame(out, context);
        decode_with_library(frame.contiguous(context.arena), header, whole);
        PixelWriter(out, context.isa).convert(whole, out.format.pixels(), false, context.arena);
    }
    Outcome outcome;
    outcome.valid_pixels = out.format.pixels();
    return outcome;
}

// Copies bytes to an arena. The function that passes them may not be C++, so nothing may be thrown to it.
struct ArenaTaker {
    Arena& arena;
    Bytes taken{};
    bool is_over_limit = false;

    static void take(void* self, Bytes bytes) noexcept {
        auto& into = *static_cast<ArenaTaker*>(self);
        try {
            std::byte* const copy = into.arena.allocate(bytes.size());
            if (!bytes.empty()) std::memcpy(copy, bytes.data(), bytes.size());
            into.taken = {copy, bytes.size()};
        } catch (...) {
            into.is_over_limit = true;
        }
    }
};

Bytes encode(const FrameIn& frame, const EncodeOptions& options, Context& context) {
    if (options.library == nullptr)
        fail(ErrorCode::unsupported, no_offset, "the core does not encode this format, and no library was named");
    ArenaTaker taker{context.arena};
    options.library->encode(options.library->request, frame, ArenaTaker::take, &taker);
    if (taker.is_over_limit)
        fail(ErrorCode::limit, no_offset, "there is not enough scratch memory for an encoded frame");
    return taker.taken;
}

}  // namespace

void set_library(LibraryDecode decode, LibraryUnwrap unwrap) {
    library_unwrap.store(unwrap, std::memory_order_release);
    library.store(decode, std::memory_order_release);
}

Bytes jpeg_of_jpegxl(Bytes data, Arena& arena) {
    const LibraryUnwrap unwrap = library_unwrap.load(std::memory_order_acquire);
    if (unwrap == nullptr) fail(ErrorCode::unsupported, no_offset, "no library for JPEG XL is available");
    return unwrap(data, arena);
}

void decode_with_library(Bytes data, const Header& header, const FrameOut& out) {
    const LibraryDecode decode = library.load(std::memory_order_acquire);
    if (decode == nullptr)
        fail(ErrorCode::unsupported, no_offset, "neither the core nor a library has a codec for this format");
    decode(data, header, out);
}

const Codec library_codec = {
    .name = "library",
    .decode = decode,
    .decode_components = decode_components,
    .encode_bound = nullptr,
    .encode = nullptr,
    .encode_unbounded = encode,
};

const Codec library_rle_codec = {
    .name = "library_rle",
    .decode = decode_rle,
    .encode_bound = nullptr,
    .encode = nullptr,
};

}  // namespace dcmturbo
