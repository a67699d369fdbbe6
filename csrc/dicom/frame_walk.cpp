// Finds the frames of a remote source one by one, without an offset table: PS3.5 A.4.
#include "dicom/frame_walk.h"

#include <utility>

namespace dcmturbo {

bool FrameWalk::frame(std::uint64_t index, FragmentRange& out) {
    while (list_.fragments.size() <= index + 1) {
        if (unclear_ || last_step_ != ItemWalk::Step::item) return false;
        // The end of this fragment is checked before the next header is read, because one read gets both.
        const bool behind_end = list_.fragments.empty() || (kind_ != nullptr && !kind_->has_end_marker) ||
                                rule_.kind != Grouping::codestream ||
                                ends_codestream(walk_.reader(), list_.fragments.back(), walk_.ahead());
        FragmentRange fragment;
        last_step_ = walk_.next(fragment);
        if (last_step_ != ItemWalk::Step::item) {
            last_fragment_ = fragment;
            return false;
        }
        list_.fragments.push_back(fragment);
        if (!behind_end || !shows_frame(fragment)) {
            unclear_ = true;
            return false;
        }
    }
    out = list_.fragments[index];
    return true;
}

// Whether the first bytes of the fragment begin a frame. A signature of two bytes without an end marker, such as that
// of bare JPEG XL, is no evidence.
bool FrameWalk::shows_frame(const FragmentRange& fragment) {
    ReadAhead& reader = walk_.reader();
    if (rule_.kind == Grouping::size) {
        return fragment.size == rule_.unit_bytes || (fragment.size % 2 == 0 && fragment.size - 1 == rule_.unit_bytes);
    }
    if (rule_.kind == Grouping::rle) {
        RleHeader header;
        return fragment.size >= rle_header_size &&
               parse_rle_header(reader.view(fragment.offset, rle_header_size, walk_.ahead()), header) &&
               header.last < fragment.size;
    }
    if (rule_.kind != Grouping::codestream) return false;
    const Signature* marker = start_marker(reader, fragment, walk_.ahead());
    if (list_.fragments.size() == 1) kind_ = marker;
    return kind_ != nullptr && marker == kind_ && (kind_->has_end_marker || kind_->size > 2);
}

// If a read fails, a later call continues at the same item.
FragmentList&& FrameWalk::finish(bool undefined_length) {
    while (last_step_ == ItemWalk::Step::item) {
        last_step_ = walk_.next(last_fragment_);
        if (last_step_ == ItemWalk::Step::item) list_.fragments.push_back(last_fragment_);
    }
    take_step(list_, walk_, last_step_, last_fragment_, undefined_length);
    return std::move(list_);
}

}  // namespace dcmturbo
