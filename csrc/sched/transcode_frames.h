// Frames of one object on their way into another transfer syntax: each is decoded, encoded, decoded again and compared
// by one worker, while it is hot.
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
        decode,  // nothing else: the target is native, or only the cells are wanted
        encode,
        copy,  // the encoded frame becomes another without being decoded
    };

    // The source. Its stream decodes raw, keeps unused bits, and has the strides of contiguous frames.
    const Source* source = nullptr;
    const FrameIndex* index = nullptr;
    FrameStream stream;
    std::uint64_t frames = 0;

    Action action = Action::decode;
    // What it becomes: of `copy`, the library turns the bytes of the frame (8-bit cells of one row) into those of the
    // result. `result` decodes it, as `stream` does the source; it has no syntax where nothing becomes of the cells.
    EncodeTarget target;
    FrameStream result;

    bool decodes = true;             // of `copy`: also decode, and compare
    bool verifies = true;            // decode what has been encoded, and compare
    bool loses = false;              // the two may differ: by how much is measured
    bool masks = false;              // overwrite the bits above Bits Stored
    bool measures_bits = false;      // how many bits the samples need
    unsigned most_bits = 0;          // more are a failure; 0: they are not counted
    bool compares_readings = false;  // also as a reader decodes them by default
    // Of what a frame decodes to, where all have to be alike: Photometric::unknown, or that of the first.
    Photometric photometric = Photometric::unknown;
    unsigned threads = 1;
};

// How far a frame came.
enum class TranscodeStage : std::uint8_t {
    done,
    source,       // it cannot be decoded
    photometric,  // it is of other colours than the first
    bits,         // its samples have more bits than Bits Stored
    encoding,     // it cannot be encoded, or copied
    result,       // what it became cannot be decoded
    cells,        // that decodes to other cells
    reading,      // that decodes to the same cells, which mean something else there
};

struct FrameDifference {
    double maximum = 0;
    double total = 0;
    double squares = 0;
    std::uint64_t samples = 0;
};

struct TranscodedFrame {
    TranscodeStage stage = TranscodeStage::done;
    FrameFailure failure = no_failure();  // of source, encoding, result
    FrameBlock cells;                     // as they are decoded (and masked); also where encoding failed
    FrameBlock encoded;
    FrameDifference difference;
    unsigned bits = 0;
    const void* asked = nullptr;                     // the pixels or bytes that a library was asked to encode
    Photometric photometric = Photometric::unknown;  // of what it decodes to
};

// Gives the frames in order, while others are worked on: few more than are asked for, which bounds the memory. One
// thread uses it. The source and the index outlive it.
class TranscodeFrames {
  public:
    TranscodeFrames(TranscodePlan plan, const Settings& settings);
    // Waits for the workers, who leave soon.
    ~TranscodeFrames();
    TranscodeFrames(const TranscodeFrames&) = delete;
    TranscodeFrames& operator=(const TranscodeFrames&) = delete;

    // False when all have been given. Throws DecodeError(interrupted).
    bool next(TranscodedFrame& frame);

    // FormatNotes of the frames that have been decoded.
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

    std::mutex mutex_;  // of what follows
    std::condition_variable done_;
    std::vector<Slot> slots_;
    std::uint64_t taken_ = 0;
    std::uint64_t given_ = 0;
};

}  // namespace dcmturbo
