// Decodes one frame: reads its header, determines its format and calls the codec for that format.
#include "sched/decode_one.h"

#include <array>
#include <atomic>

#include "base/checked.h"
#include "codecs/library.h"
#include "codecs/probe.h"
#include "codecs/registry.h"
#include "image/pixel_writer.h"

namespace dcmturbo {

namespace {

void tell(const FrameStream& stream, std::uint32_t notes) {
    if (stream.notes != nullptr && notes != 0)
        std::atomic_ref(*stream.notes).fetch_or(notes, std::memory_order_relaxed);
}

Bytes inflate(Bytes data, std::uint64_t size, Context& context) {
    Header header;
    header.format = Format::deflated_frame;
    FrameOut bytes;
    bytes.format.rows = 1;
    bytes.format.columns = static_cast<std::uint32_t>(size);
    bytes.row_stride = static_cast<std::ptrdiff_t>(size);
    bytes.pixel_stride = 1;
    bytes.base = context.arena.allocate(static_cast<std::size_t>(size));
    decode_with_library(data, header, bytes);
    return {bytes.base, static_cast<std::size_t>(size)};
}

// Inflates a Deflated Image Frame (PS3.5, A.4.13) to a native frame. The length is that of the dataset. If this fails,
// the lengths are tried that contradict Photometric Interpretation in a known way.
Bytes inflate_frame(const Fragments& fragments, const FrameStream& stream, Context& context) {
    const Bytes data = fragments.contiguous(context.arena);
    const std::uint64_t size = checked_add(native_frame_bits(stream.attributes), 7) / 8;
    if (size > 0xffffffff) {
        fail(ErrorCode::limit, no_offset,
             "a deflated frame inflates to %llu bytes, but the library supports at most 4 GiB",
             static_cast<unsigned long long>(size));
    }
    const Arena::Mark mark = context.arena.mark();
    try {
        return inflate(data, size, context);
    } catch (const DecodeError&) {
        const std::uint64_t full = stream.format.frame_bytes();
        for (const std::uint64_t other : {full, full / 3 * 2}) {
            if (other == size || other > 0xffffffff || native_reading(stream.attributes, other, 1).notes == 0) continue;
            context.arena.rewind(mark);
            try {
                return inflate(data, other, context);
            } catch (const DecodeError&) {  // the first error is reported instead
            }
        }
        throw;
    }
}

}  // namespace

FrameFailure decode_one(const Fragments& fragments, const FrameStream& stream, std::byte* base, std::uint32_t first_bit,
                        bool is_alone, const DecodePolicy& policy, const Settings& settings, Scratch& scratch,
                        Context& context, FrameFormat* settled_format) {
    const FormatRow& label = row_of(stream.syntax->format);
    if (label.is_deflated) {
        const Bytes native = inflate_frame(fragments, stream, context);
        FrameStream inflated = stream;
        inflated.syntax = general_transfer_syntax(Format::native);
        return decode_one(Fragments(native), inflated, base, 0, true, policy, settings, scratch, context,
                          settled_format);
    }
    if (is_alone && stream.attributes.samples_per_pixel == 3 && label.holds_native_frames) {
        const NativeReading reading = native_reading(stream.attributes, fragments.size(), 1);
        if (reading.notes != 0) {
            FrameStream other = stream;
            other.attributes.photometric = reading.photometric;
            other.format = frame_format(other.attributes, nullptr, *other.syntax, other.request).format;
            tell(stream, reading.notes);
            return decode_one(fragments, other, base, first_bit, false, policy, settings, scratch, context,
                              settled_format);
        }
    }
    FrameOut out = stream.out(base);
    std::uint32_t notes = 0;
    Fragments frame = fragments;
    Bytes jpeg;
    // If frames have headers, the format in the header selects the codec. The transfer syntax and the other frames do
    // not matter.
    Format actual = label.format;
    if (label.has_header) {
        Header& header = scratch.header;
        probe(frame, context.arena, header);
        SettledFormat settled = frame_format(stream.attributes, &header, *stream.syntax, stream.request);
        notes = settled.notes;
        if (header.holds_jpeg) {
            // The JPEG states its colour space; the JPEG XL stream around it does not.
            const Bytes data = frame.contiguous(context.arena);
            check(data, header);
            jpeg = jpeg_of_jpegxl(data, context.arena);
            frame = Fragments(jpeg);
            probe(frame, context.arena, header);
            settled = frame_format(stream.attributes, &header, *stream.syntax, stream.request);
            notes |= settled.notes & all_colour_notes;
        }
        out.format = settled.format;
        actual = header.format;
    }
    if (settled_format != nullptr) *settled_format = out.format;
    const Codec& codec = decoder_of(actual, settings.prefer_library);
    if (stream.request.reduce > 0) check_reduce(row_of(actual), stream.request.reduce);
    Options options;
    options.reduce = stream.request.reduce;
    options.first_bit = first_bit;
    options.salvage = policy.salvage;
    options.is_prefix = policy.is_prefix;
    options.values = &settings.decode_values();
    options.recoding = policy.recoding;
    Outcome outcome;
    try {
        outcome = codec.decode(frame, stream.attributes, scratch.header, out, options, context);
    } catch (const DecodeError& error) {
        if (error.code != ErrorCode::other_codec || &codec == &library_codec) throw;
        outcome = library_codec.decode(frame, stream.attributes, scratch.header, out, options, context);
    }
    context.check_interruption();  // otherwise salvage would treat the interruption as damage
    if (outcome.has_excess_data) notes |= note_excess_data;
    tell(stream, notes | outcome.notes);
    if (outcome.complete) return {.job = 0, .status = FrameStatus::ok, .code = ErrorCode::ok, .message = {}};
    PixelWriter::fill(out, outcome.valid_pixels, policy.fill_value);
    return {.job = 0,
            .status = FrameStatus::partial,
            .code = outcome.code,
            .offset = outcome.offset,
            .message = outcome.message,
            .whole = outcome.whole};
}

}  // namespace dcmturbo
