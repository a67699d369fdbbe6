// Transcodes the frames of one object. One worker decodes a frame, encodes it, decodes the result and compares both,
// while the frame is in the cache.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "sched/decode_frames.h"
#include "sched/encode_frames.h"
#include "sched/frame_block.h"
#include "sched/thread_pool.h"

namespace dcmturbo {

struct TranscodePlan {
    enum class Action : std::uint8_t {
        decode,  // only decode: the target is native, or only the cells are wanted
        encode,
        copy,  // convert the encoded frame without decoding it
    };

    // The source. Its stream decodes raw, keeps unused bits, and has the strides of contiguous frames.
    const Source* source = nullptr;
    const FrameIndex* index = nullptr;
    FrameStream stream;
    std::uint64_t frames = 0;

    Action action = Action::decode;
    // The target. For `copy`, the library converts the bytes of the frame, which it gets as one row of 8-bit cells.
    // `result` describes how to decode the encoded frame, as `stream` does for the source. It has no syntax if nothing
    // is encoded.
    EncodeTarget target;
    FrameStream result;

    bool decodes = true;             // for `copy`: also decode and compare
    bool verifies = true;            // decode the encoded frame and compare it
    bool loses = false;              // encoding is lossy, so measure the differences instead of failing
    bool masks = false;              // overwrite the bits above Bits Stored
    bool measures_bits = false;      // find out how many bits the samples need
    unsigned most_bits = 0;          // samples with more bits are a failure; 0: no limit
    bool compares_readings = false;  // also compare the formats that a reader gets by default
    // If all frames must have the same colours: Photometric Interpretation of the first decoded frame. Otherwise
    // Photometric::unknown.
    Photometric photometric = Photometric::unknown;
    unsigned threads = 1;
};

// The stage at which the transcoding of a frame ended.
enum class TranscodeStage : std::uint8_t {
    done,
    source,       // the frame cannot be decoded
    photometric,  // its photometric interpretation differs from that of the first frame
    bits,         // its samples have more bits than Bits Stored
    encoding,     // the frame cannot be encoded or copied
    result,       // the encoded frame cannot be decoded
    cells,        // the encoded frame decodes to other cells
    reading,      // the encoded frame decodes to the same cells, but a reader interprets them differently
};

struct FrameDifference {
    double maximum = 0;
    double total = 0;
    double squares = 0;
    std::uint64_t samples = 0;
};

struct TranscodedFrame {
    TranscodeStage stage = TranscodeStage::done;
    FrameFailure failure = no_failure();  // of the stages source, encoding and result
    FrameBlock cells;                     // as decoded (and masked); present even if encoding failed
    FrameBlock encoded;
    bool is_recoded = false;  // out of the coefficients of the source, not of its samples (Recoding)
    FrameDifference difference;
    unsigned bits = 0;
    const void* asked = nullptr;                     // the pixels or bytes that were passed to a library
    Photometric photometric = Photometric::unknown;  // of the decoded frame
};

// Returns the frames in order, while workers prepare the next ones. Only a few frames are prepared in advance, which
// limits the memory. Only one thread may use this object. The source and the index must outlive it.
class TranscodeFrames {
  public:
    TranscodeFrames(TranscodePlan plan, const Settings& settings);
    // Waits for the workers to leave, which is soon.
    ~TranscodeFrames();
    TranscodeFrames(const TranscodeFrames&) = delete;
    TranscodeFrames& operator=(const TranscodeFrames&) = delete;

    // Returns false after the last frame. Throws DecodeError(interrupted).
    bool next(TranscodedFrame& frame);

    // FormatNotes of the frames decoded so far.
    [[nodiscard]] std::uint32_t source_notes() const { return std::atomic_ref(source_notes_).load(); }
    [[nodiscard]] std::uint32_t result_notes() const { return std::atomic_ref(result_notes_).load(); }

  private:
    struct Slot {
        bool is_done = false;
        TranscodedFrame frame;
    };

    bool take(std::uint64_t& frame);
    void work_on(std::uint64_t frame) noexcept;
    void call_helpers();

    TranscodePlan plan_;
    const Settings settings_;
    Call call_;
    mutable std::uint32_t source_notes_ = 0;
    mutable std::uint32_t result_notes_ = 0;
    ThreadPool::Work helpers_;

    std::mutex mutex_;  // guards the members below
    std::condition_variable done_;
    std::vector<Slot> slots_;
    std::uint64_t taken_ = 0;
    std::uint64_t given_ = 0;
};

}  // namespace dcmturbo
