// Frames that are not in memory, decoded from as few of their bytes as a region or a lower resolution needs.
#pragma once

#include <optional>

#include "sched/decode_frames.h"

namespace dcmturbo {

// Returns nothing if the frame is small, has several fragments or cannot be read in parts; or if it is in a file of
// this computer, and what is needed of it shows damage. A far frame that shows damage is decoded from all of its bytes.
std::optional<FrameFailure> decode_part_of_frame(const FrameJob& job, const FrameStream& stream,
                                                 const DecodePolicy& policy, const Settings& settings, Scratch& scratch,
                                                 Context& context);

}  // namespace dcmturbo
