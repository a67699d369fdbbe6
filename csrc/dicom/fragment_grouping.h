// Which fragments make which frame, where no offset table says so: PS3.5 A.4.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dicom/item_scan.h"
#include "dicom/source.h"

namespace dcmturbo {

enum class Grouping : std::uint8_t {
    codestream,    // by the codestreams' start and end markers
    one_fragment,  // Deflated Image Frame (PS3.5 A.4.13): nothing in a fragment says whether it begins a frame
    rle,           // by the RLE headers and what their last segments decode to: PS3.5 G.3 to G.5
    size,          // Encapsulated Uncompressed (PS3.5 A.4.11): every frame has the same size
};

struct GroupingRule {
    Grouping kind = Grouping::codestream;
    std::uint64_t unit_bytes = 0;  // rle: what a segment decodes to; size: of a frame; 0 = not known
};

struct FrameMap {
    std::vector<FragmentRange> fragments;
    std::vector<std::uint64_t> first;  // each frame's first fragment; empty where a fragment is a frame
    bool last_cut = false;             // the last frame is cut short
    std::vector<std::string> warnings;
    std::string error;  // why there are no frames, though there are fragments

    [[nodiscard]] std::uint64_t frame_count() const { return first.empty() ? fragments.size() : first.size(); }
    // False where the end of the data cuts the frame short.
    bool frame(std::uint64_t index, std::vector<FragmentRange>& out) const;
};

// `number_of_frames` as given; 0 = not known, which means one frame unless the fragments clearly hold more. Reads
// a few bytes of each fragment only where counting them does not settle it.
FrameMap group_fragments(const Source& source, FragmentList&& list, std::uint64_t number_of_frames,
                         const GroupingRule& rule);

}  // namespace dcmturbo
