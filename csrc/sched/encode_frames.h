// Encodes frames that are in memory: one frame on a team of workers, or many frames on many workers.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "codecs/codec.h"
#include "codecs/registry.h"
#include "process/settings.h"
#include "sched/batch.h"

namespace dcmturbo {

// The transfer syntax to encode to, the codec and its options.
struct EncodeTarget {
    const TransferSyntax* syntax = nullptr;
    // The core's own codec or the library codec.
    const Codec* codec = nullptr;
    EncodeOptions options;
};

// Receives each encoded frame, on the worker that encoded it. `data` are valid only during the call. May throw.
struct EncodedTaker {
    void (*take)(void* context, std::size_t job, Bytes data) = nullptr;
    void* context = nullptr;
};

// Encodes one frame into the context's arena. Throws DecodeError.
Bytes encode_one(const FrameIn& frame, const EncodeTarget& target, Context& context);

// Encodes all frames. Returns the failures; the first one belongs to the lowest frame that fails, whatever the number
// of threads.
std::vector<FrameFailure> encode_frames(std::span<const FrameIn> frames, const EncodeTarget& target, unsigned threads,
                                        const Settings& settings, const EncodedTaker& taker);

}  // namespace dcmturbo
