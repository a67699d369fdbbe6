// Finds frames one after the other if there is no offset table. It reads only the items up to the requested frame and
// the item after it.
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

    // Returns true and the fragment of the frame if each item so far, including the one after this frame, is a whole
    // frame. If that is not certain, it returns false; `finish` and `group_fragments` then decide with all items.
    bool frame(std::uint64_t index, FragmentRange& out);

    // Walks to the end and returns all fragments.
    FragmentList&& finish(bool undefined_length);

  private:
    bool shows_frame(const FragmentRange& fragment);

    ItemWalk walk_;
    GroupingRule rule_;
    FragmentList list_;
    bool unclear_ = false;
    ItemWalk::Step last_step_ = ItemWalk::Step::item;
    FragmentRange last_fragment_;      // only if the last step is `cut`
    const Signature* kind_ = nullptr;  // signature of the first fragment
};

}  // namespace dcmturbo
