// Decodes one frame whose bytes are in memory, with the codec that its real format needs.
#pragma once

#include "base/context.h"
#include "sched/decode_frames.h"
#include "sched/scratch.h"

namespace dcmturbo {

// Decodes to `base`. `first_bit` is the position of a native frame's first bit in the first byte. `is_alone` is true if
// the length is that of the frame itself; it is false if the frame was cut out of a value with many frames. `settled`
// receives the format of the frame after reading its header; it may be null. Throws DecodeError. With salvage, a frame
// that can be decoded in part has the status partial.
FrameFailure decode_one(const Fragments& fragments, const FrameStream& stream, std::byte* base, std::uint32_t first_bit,
                        bool is_alone, const DecodePolicy& policy, const Settings& settings, Scratch& scratch,
                        Context& context, FrameFormat* settled = nullptr);

}  // namespace dcmturbo
