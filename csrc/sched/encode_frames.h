// Frames that are in memory, encoded: one on a team of workers, or many on many workers.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "codecs/codec.h"
#include "codecs/registry.h"
#include "process/settings.h"
#include "sched/batch.h"

namespace dcmturbo {

// What frames are encoded as.
struct EncodeTarget {
    const TransferSyntax* syntax = nullptr;
    // Who encodes: the core's own codec, or a library's.
    const Codec* codec = nullptr;
    EncodeOptions options;
};

// Hears of each encoded frame, on the worker that encoded it: `data` are gone when it returns. May throw.
struct EncodedTaker {
    void (*take)(void* context, std::size_t job, Bytes data) = nullptr;
    void* context = nullptr;
};

// Encodes one frame into the context's arena. Throws DecodeError.
Bytes encode_one(const FrameIn& frame, const EncodeTarget& target, Context& context);

// Encodes all frames. Returns what went wrong, if anything did; the first entry is the lowest frame that fails,
// whatever the number of threads.
std::vector<FrameFailure> encode_frames(std::span<const FrameIn> frames, const EncodeTarget& target, unsigned threads,
                                        const Settings& settings, const EncodedTaker& taker);

}  // namespace dcmturbo
