// Many frames on many workers: what is decoded where, and what becomes of those that fail.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "codecs/codec.h"
#include "codecs/frame_format.h"
#include "dicom/frame_index.h"
#include "dicom/source.h"
#include "process/settings.h"
#include "sched/batch.h"
#include "sched/scratch.h"

namespace dcmturbo {

// Frames that share a dataset: the same label, attributes and result.
struct FrameStream {
    PixelAttributes attributes;
    // As frame_format() settles it without a header. Where frames have one, each is settled again: the
    // same shape and type, but perhaps another colour space or correction.
    FrameFormat format;
    const TransferSyntax* syntax = nullptr;
    FormatRequest request;
    std::uint32_t* notes = nullptr;  // receives the FormatNotes of all frames, or-ed; may be null
    std::ptrdiff_t row_stride = 0;
    std::ptrdiff_t pixel_stride = 0;
    std::ptrdiff_t sample_stride = 0;

    [[nodiscard]] FrameOut out(std::byte* base) const {
        return {base, row_stride, pixel_stride, sample_stride, format, request.region};
    }
};

struct FrameJob {
    const Source* source = nullptr;
    const FrameIndex* index = nullptr;
    std::uint64_t frame = 0;
    std::uint32_t stream = 0;
    std::byte* base = nullptr;
};

struct DecodePolicy {
    unsigned threads = 1;
    bool salvage = false;
    double fill_value = 0;
};

// Decodes all jobs. Returns what went wrong, in the order of the jobs. Without salvage only the first
// entry is certain to be there, and it is the lowest job that fails, whatever the number of threads.
std::vector<FrameFailure> decode_frames(std::span<const FrameJob> jobs, std::span<const FrameStream> streams,
                                        const DecodePolicy& policy, const Settings& settings, std::uint8_t* status);

// One frame that is in memory already. Throws what the codec throws, unless salvage.
FrameFailure decode_fragments(const Fragments& fragments, const FrameStream& stream, std::byte* base,
                              const DecodePolicy& policy, const Settings& settings);

// A frame's bytes: in place where the source is in memory, else read into scratch in one piece.
Fragments load_frame(const Source& source, const FrameIndex& index, std::uint64_t frame, Scratch& scratch);

// Throws DecodeError(limit) where the settings do not allow `frames` such frames, or results of their region.
void check_limits(const FrameFormat& format, std::uint64_t frames, const Limits& limits, const Region& region = {});

// Refuses a result that is far larger than `held` bytes of such frames can fill, before there is memory for it:
// salvage would fill it all. Results of up to `harmless_bytes` pass.
constexpr std::uint64_t harmless_bytes = std::uint64_t{256} << 20;
void check_held(const FrameFormat& format, const TransferSyntax& syntax, std::uint64_t frames, std::uint64_t held);

}  // namespace dcmturbo
