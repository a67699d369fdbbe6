// The contract of every codec: the functions that it provides, their options and their results.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/context.h"
#include "base/error.h"
#include "base/fragments.h"
#include "base/option.h"
#include "image/component.h"
#include "image/frame.h"

namespace dcmturbo {

struct Options {
    std::uint8_t reduce = 0;                         // resolution levels to discard
    std::uint32_t first_bit = 0;                     // native frames: where in the first byte the frame starts
    bool salvage = false;                            // decode what is there instead of throwing
    const OptionValues* values = &no_option_values;  // of the codecs' tables
};

// Findings of decoding that become a warning, as bits of Outcome::notes. The lower bits are those of FormatNote.
enum DecodeNote : std::uint32_t {
    note_missing_end = 1U << 16,        // JPEG 2000 without its end marker, EOC
    note_transform_ignored = 1U << 17,  // a component transform that the components cannot have
    note_zero_tail = 1U << 18,          // more than half of the frame, up to its end, is zeros
    note_hp_transform = 1U << 19,       // JPEG-LS with a colour transform of Hewlett-Packard, which has been undone
    note_capabilities = 1U << 20,       // HTJ2K whose CAP contradicts its coding styles, which were followed
};

// The result of one frame. Pixels from `valid_pixels` on, in the order of the frame, are not decoded.
struct Outcome {
    std::uint64_t valid_pixels = 0;
    bool complete = true;
    ErrorCode code = ErrorCode::ok;  // why it is not complete (with salvage only; otherwise an exception is thrown)
    std::uint64_t offset = no_offset;
    std::string message;
    bool has_excess_data = false;  // the frame has more data than its pixels need: it may be damaged
    std::uint32_t notes = 0;       // DecodeNote
};

struct LibraryEncoder;  // codecs/library.h

struct EncodeOptions {
    OptionValues values;                      // of the codec's own table
    const LibraryEncoder* library = nullptr;  // whom a library codec asks, with options of its own
};

struct Codec {
    const char* name;

    // Decodes one frame into the caller's memory in its final form. `header` is what probe() (codecs/probe.h) has read
    // of a frame that has one; of others it holds nothing. Throws DecodeError; with options.salvage it returns an
    // incomplete outcome where some pixels are right. DecodeError(other_codec) asks for the library's codec.
    Outcome (*decode)(const Fragments& frame, const PixelAttributes& attributes, const Header& header,
                      const FrameOut& out, const Options& options, Context& context);

    // Decodes the components of a frame that has a header, each at its own size: for formats that can hold them
    // so; null for the others. Each goes to the smallest integer type of its precision and sign.
    Outcome (*decode_components)(const Fragments& frame, const Header& header, std::span<const ComponentOut> out,
                                 const Options& options, Context& context) = nullptr;

    // The most bytes that encode() can need.
    std::uint64_t (*encode_bound)(const FrameIn& frame);

    // Encodes one frame and returns the number of bytes. A codestream ends with its end marker; the caller pads it to
    // an even length for an item. The context may have a team, which does not change the bytes.
    std::size_t (*encode)(const FrameIn& frame, std::span<std::byte> to, const EncodeOptions& options,
                          Context& context);

    // Encodes one frame into the arena, where no bound is known for the result, or one that is far above it.
    Bytes (*encode_unbounded)(const FrameIn& frame, const EncodeOptions& options, Context& context) = nullptr;

    // What the codec can be asked for, when it encodes and when it decodes.
    OptionTable options{};
};

}  // namespace dcmturbo
