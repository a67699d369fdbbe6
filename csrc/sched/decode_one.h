// One frame whose bytes are in memory: what it is in fact, and which codec decodes it.
#pragma once

#include "base/context.h"
#include "sched/decode_frames.h"
#include "sched/scratch.h"

namespace dcmturbo {

// Decodes to `base`. `first_bit`: where in the first byte a native frame begins. `is_alone`: the frame's length is its
// own, not one that the dataset cut out of many frames. `settled` receives what the frame becomes, its header included;
// it may be null. Throws DecodeError; with salvage, a frame that is right in part
// has the status partial.
FrameFailure decode_one(const Fragments& fragments, const FrameStream& stream, std::byte* base, std::uint32_t first_bit,
                        bool is_alone, const DecodePolicy& policy, const Settings& settings, Scratch& scratch,
                        Context& context, FrameFormat* settled = nullptr);

}  // namespace dcmturbo
