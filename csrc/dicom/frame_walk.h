// Frames without an offset table, found one after the other: what is asked for is read, and not what follows it.
#pragma once

#include <cstdint>
#include <vector>

#include "dicom/fragment_grouping.h"
#include "dicom/frame_starts.h"
#include "dicom/item_scan.h"
#include "dicom/source.h"

namespace dcmturbo {

class FrameWalk {
  public:
    FrameWalk(const Source& source, std::uint64_t begin, std::uint64_t end, const GroupingRule& rule)
        : walk_(source, begin, end), rule_(rule) {}

    // Whether the items up to this frame, and the one behind it, show without those that follow where it lies: each
    // fragment is a whole frame. If not, `finish` and `group_fragments` tell.
    bool frame(std::uint64_t index, FragmentRange& out);

    // All fragments; the walk is at its end then.
    FragmentList&& finish(bool undefined_length);

  private:
    bool shows_frame(const FragmentRange& fragment);

    ItemWalk walk_;
    GroupingRule rule_;
    FragmentList list_;
    bool unclear_ = false;
    ItemWalk::Step last_step_ = ItemWalk::Step::item;
    FragmentRange last_fragment_;      // where the last step is `cut`
    const Signature* kind_ = nullptr;  // of the first fragment
};

}  // namespace dcmturbo
