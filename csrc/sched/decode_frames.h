// Decodes many frames on many workers, and reports the frames that fail.
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
#include "image/frame_step.h"
#include "process/settings.h"
#include "sched/batch.h"
#include "sched/scratch.h"

namespace dcmturbo {

// Frames of the same dataset. They have the same transfer syntax, attributes and result.
struct FrameStream {
    PixelAttributes attributes;
    // The format that frame_format() computes without a header. If frames have headers, the format of each frame is
    // computed again. Shape and type stay the same, but colour space or bit correction may differ.
    FrameFormat format;
    const TransferSyntax* syntax = nullptr;
    FormatRequest request;
    // If there is one, the strides are those of its results, which are contiguous within a row.
    FrameStep step;
    std::uint64_t* overlaps = nullptr;  // of label steps: receives the sum of what apply_step() returns
    std::uint32_t* notes = nullptr;     // receives the FormatNotes of all frames, combined by OR; may be null
    std::ptrdiff_t row_stride = 0;
    std::ptrdiff_t pixel_stride = 0;
    std::ptrdiff_t sample_stride = 0;

    [[nodiscard]] FrameOut out(std::byte* base) const {
        return {base, row_stride, pixel_stride, sample_stride, format, request.region};
    }
    // The same frames without a step and without gaps between their samples.
    [[nodiscard]] FrameStream contiguous() const;
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
    Recoding* recoding = nullptr;  // of a single frame
    bool is_prefix = false;        // frames were cut on purpose: Options
};

// Decodes all jobs and returns the failures in the order of the jobs. Without salvage, only the first failure is
// certain to be in the result. It belongs to the lowest job that fails, whatever the number of threads. Jobs with label
// steps that follow one another and have one base are done in their order; the first one replaces all cells. There is
// no salvage for them.
std::vector<FrameFailure> decode_frames(std::span<const FrameJob> jobs, std::span<const FrameStream> streams,
                                        const DecodePolicy& policy, const Settings& settings, std::uint8_t* status);

// Decodes one frame that is in memory. Without salvage, throws the error of the codec.
FrameFailure decode_fragments(const Fragments& fragments, const FrameStream& stream, std::byte* base,
                              const DecodePolicy& policy, const Settings& settings);

// The bytes of a frame. If the source is in memory, they are not copied; otherwise they are read into one block of
// scratch memory.
Fragments load_frame(const Source& source, const FrameIndex& index, std::uint64_t frame, Scratch& scratch);

// Throws DecodeError(limit) if the settings do not allow `frames` frames of this format, or results of their region.
void check_limits(const FrameFormat& format, std::uint64_t frames, const Limits& limits, const Region& region = {});

// Throws DecodeError if the result would be far larger than `held` bytes of encoded frames can fill. It is called
// before memory is allocated, because salvage would fill all of it. Results of up to `harmless_bytes` are always
// allowed.
constexpr std::uint64_t harmless_bytes = std::uint64_t{256} << 20;
void check_held(const FrameFormat& format, const TransferSyntax& syntax, std::uint64_t frames, std::uint64_t held);

}  // namespace dcmturbo
