// Blanks boxes in encoded frames, without encoding them again. One worker blanks a frame, decodes the old and the new
// codestream, and compares them while they are in the cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "codecs/codec.h"
#include "codecs/formats.h"
#include "process/settings.h"
#include "sched/batch.h"
#include "sched/decode_frames.h"

namespace dcmturbo {

// The frames of one object, and what to blank in each of them. Without boxes, frames are only cleaned.
struct BlankPlan {
    const Source* source = nullptr;
    const FrameIndex* index = nullptr;
    // How the old and the new codestreams are decoded to compare them: raw, with unused bits, as contiguous frames.
    FrameStream stream;
    std::uint64_t frames = 0;
    Blanking blanking;
    unsigned threads = 1;
};

// Receives each blanked frame, on the worker that blanked it. Outside of the regions `changed`, no sample differs. The
// arguments are valid only during the call. May throw.
struct BlankedTaker {
    void (*take)(void* context, std::size_t job, Bytes codestream, std::span<const Region> changed) = nullptr;
    void* context = nullptr;
};

// Blanks boxes in one codestream. Appends to `changed` as Codec::blank does. Throws DecodeError: unsupported if the
// format does not allow it.
std::vector<std::uint8_t> blank_one(Bytes codestream, const Blanking& blanking, std::vector<Region>& changed,
                                    const Limits& limits, Context& context);

// Copies a frame without what does not describe the image, such as comments (FormatRow::clean). `label` is its format
// if formats have no header; otherwise the header counts. Throws DecodeError.
std::vector<std::uint8_t> clean_one(Bytes frame, Format label);

// Blanks boxes in all frames, or cleans them, and verifies each that changes. Returns the failures; the first one
// belongs to the lowest frame that fails, whatever the number of threads. ErrorCode::internal means that the
// verification failed.
std::vector<FrameFailure> blank_frames(const BlankPlan& plan, const Settings& settings, const BlankedTaker& taker);

}  // namespace dcmturbo
