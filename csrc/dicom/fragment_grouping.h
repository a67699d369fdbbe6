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
    one_fragment,  // PS3.5 A.4.2, A.4.11, A.4.13: RLE, Encapsulated Uncompressed, Deflated Image Frame
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

// Whether the fragment begins with a start marker or signature of JPEG, JPEG-LS, JPEG 2000 or JPEG XL.
bool starts_with_codestream(const Source& source, const FragmentRange& fragment);

// `number_of_frames` as given; 0 = not known. Reads a few bytes of each fragment only where counting them
// does not settle it.
FrameMap group_fragments(const Source& source, FragmentList&& list, std::uint64_t number_of_frames, Grouping grouping);

}  // namespace dcmturbo
