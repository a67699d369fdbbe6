// Assigns fragments to frames if there is no offset table: PS3.5 A.4.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dicom/item_scan.h"
#include "dicom/source.h"

namespace dcmturbo {

enum class Grouping : std::uint8_t {
    codestream,    // by the start and end markers of the codestreams
    one_fragment,  // Deflated Image Frame (PS3.5 A.4.13): each fragment is a frame, for nothing marks its start
    rle,           // by the RLE headers, and by the decoded size of the last segments: PS3.5 G.3 to G.5
    size,          // Encapsulated Uncompressed (PS3.5 A.4.11): every frame has the same size
};

struct GroupingRule {
    Grouping kind = Grouping::codestream;
    std::uint64_t unit_bytes = 0;  // rle: decoded bytes of a segment; size: bytes of a frame; 0 = unknown
};

struct FrameMap {
    std::vector<FragmentRange> fragments;
    std::vector<std::uint64_t> first;  // first fragment of each frame; empty if each fragment is a frame
    bool last_cut = false;             // the data end inside the last frame
    std::vector<std::string> warnings;
    std::string error;  // why the fragments cannot be grouped into frames

    [[nodiscard]] std::uint64_t frame_count() const { return first.empty() ? fragments.size() : first.size(); }
    // Returns false if the data end inside this frame.
    bool frame(std::uint64_t index, std::vector<FragmentRange>& out) const;
};

// `number_of_frames` is NumberOfFrames; 0 means unknown. The result is then one frame, unless the fragments clearly
// hold more. If the number of fragments does not decide the grouping, a few bytes of each fragment are read.
FrameMap group_fragments(const Source& source, FragmentList&& list, std::uint64_t number_of_frames,
                         const GroupingRule& rule);

}  // namespace dcmturbo
