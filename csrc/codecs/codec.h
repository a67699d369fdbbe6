// The interface of all codecs: their functions, options and results.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/error.h"
#include "base/fragments.h"
#include "base/option.h"
#include "image/component.h"
#include "image/frame.h"
#include "image/region.h"

namespace dcmturbo {

struct Recoding;

struct Options {
    std::uint8_t reduce = 0;                         // halvings of the size: resolution levels to discard
    std::uint32_t first_bit = 0;                     // position of a native frame's first bit in the first byte
    bool salvage = false;                            // decode as much as possible instead of throwing
    bool is_prefix = false;                          // the frame lacks on purpose what is not needed
    const OptionValues* values = &no_option_values;  // values of the options in the codecs' tables
    Recoding* recoding = nullptr;                    // see there
};

// Findings of decoding that lead to a warning. They are bits of Outcome::notes; the lower bits belong to FormatNote.
enum DecodeNote : std::uint32_t {
    note_missing_end = 1U << 16,  // a JPEG 2000 codestream without its end marker EOC
    // The components cannot have the signalled component transform; it was ignored.
    note_transform_ignored = 1U << 17,
    note_zero_tail = 1U << 18,     // more than half of the frame, up to its end, is zeros
    note_hp_transform = 1U << 19,  // JPEG-LS with a Hewlett-Packard colour transform; it was undone
    // The CAP marker of HTJ2K contradicts the coding styles; the latter were followed.
    note_capabilities = 1U << 20,
};

// The result of decoding one frame. Pixels from `valid_pixels` on, in the order of the frame, are not decoded.
struct Outcome {
    std::uint64_t valid_pixels = 0;
    bool complete = true;
    // Why the frame is incomplete; only with salvage, otherwise an exception is thrown.
    ErrorCode code = ErrorCode::ok;
    std::uint64_t offset = no_offset;
    std::string message;
    bool has_excess_data = false;  // the frame has more data than its pixels need, so it may be damaged
    std::uint32_t notes = 0;       // DecodeNote
    Whole whole{};                 // of what is not complete
};

struct Codec;
struct LibraryEncoder;  // defined in codecs/library.h

struct EncodeOptions {
    OptionValues values;                      // values of the options in the codec's table
    const LibraryEncoder* library = nullptr;  // the encoder that a library codec calls; it has its own options
};

// A request to a decoder: to write the frame as another codec would, from what it has decoded before it makes samples.
// A decoder does so only if the result decodes to the same pixels.
struct Recoding {
    const Codec* codec = nullptr;            // whose codestream it is to be
    const EncodeOptions* options = nullptr;  // for that codec
    PixelAttributes attributes;              // of the frame that it would encode
    std::vector<std::uint8_t> codestream{};
    bool is_done = false;
};

// The bytes of a frame that is not in memory.
class FrameReader {
  public:
    struct Piece {
        std::uint64_t offset;  // in the frame
        std::byte* to;
        std::size_t size;
    };

    FrameReader() = default;
    FrameReader(const FrameReader&) = delete;
    FrameReader& operator=(const FrameReader&) = delete;
    virtual ~FrameReader() = default;

    // At least as many of the first bytes, or all.
    virtual Bytes first(std::size_t size) = 0;
    // Reads pieces of the frame, at the same time if that is possible. Returns false if the frame ends before.
    virtual bool read(std::span<const Piece> pieces) = 0;
    // True for a file of this computer: a few more reads cost less than what they save, and less than a doubt.
    [[nodiscard]] virtual bool is_near() const = 0;
};

// Boxes of pixels to blank.
struct Blanking {
    std::span<const Region> boxes;          // within the image
    std::span<const std::uint32_t> values;  // the samples of a blank pixel, as the codestream has them: by component
};

struct Codec {
    const char* name;

    // Decodes one frame to the caller's memory in its final form. If the format has headers, `header` is the result of
    // probe() (codecs/probe.h); otherwise it is empty. Throws DecodeError. With options.salvage, it returns an
    // incomplete outcome if some pixels are right. DecodeError(other_codec) makes the caller use the library's codec
    // instead.
    Outcome (*decode)(const Fragments& frame, const PixelAttributes& attributes, const Header& header,
                      const FrameOut& out, const Options& options, Context& context);

    // Decodes the components of a frame with a header, each at its own size. Null if the format cannot store components
    // of different sizes. Each component is stored in the smallest integer type for its precision and sign.
    Outcome (*decode_components)(const Fragments& frame, const Header& header, std::span<const ComponentOut> out,
                                 const Options& options, Context& context) = nullptr;

    // How many of a frame's `size` bytes, from the first, decoding without `reduce` resolution levels needs, as far as
    // its first bytes show: more than `prefix` has if they do not show it yet, 0 if they never will. Null for
    // formats without levels.
    std::uint64_t (*prefix_size)(Bytes prefix, std::uint64_t size, unsigned reduce) = nullptr;

    // Reads what a region, and a resolution, need of a frame of `size` bytes that is far away. Returns a codestream in
    // the arena, which decodes to the same pixels of this region with is_prefix. Empty if that needs nearly all of the
    // frame, or if its headers do not say where the parts are. Null for formats without such headers.
    Bytes (*excerpt)(FrameReader& reader, std::uint64_t size, unsigned reduce, const Region& region,
                     Arena& arena) = nullptr;

    // The largest number of bytes that encode() can write.
    std::uint64_t (*encode_bound)(const FrameIn& frame);

    // Encodes one frame and returns the number of bytes. A codestream ends with its end marker; the caller pads it to
    // an even length for an item. The context may have a team. The bytes are the same with any team.
    std::size_t (*encode)(const FrameIn& frame, std::span<std::byte> to, const EncodeOptions& options,
                          Context& context);

    // Encodes one frame to the arena. Used if no bound of the size is known, or if the bound is far too high.
    Bytes (*encode_unbounded)(const FrameIn& frame, const EncodeOptions& options, Context& context) = nullptr;

    // Blanks boxes in a codestream with a header, of which all else stays. Returns the new codestream, and appends to
    // `changed` regions outside of which no sample changes, in any decoder that the standard allows. Throws
    // DecodeError: unsupported if the codestream has a form in which that is not possible. Null for formats without
    // such a form.
    std::vector<std::uint8_t> (*blank)(const Fragments& frame, const Header& header, const Blanking& blanking,
                                       std::vector<Region>& changed, Context& context) = nullptr;

    // The options for encoding and decoding.
    OptionTable options{};
};

}  // namespace dcmturbo
