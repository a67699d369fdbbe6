#include "dicom/fragment_grouping.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <utility>

#include "dicom/read_ahead.h"

namespace dcmturbo {

namespace {

constexpr std::size_t longest_marker = 12;
// EOI and EOC may be followed by padding: more than the one byte that PS3.5 A.4 allows is seen.
constexpr std::size_t tail_size = 10;
constexpr std::size_t window = 16 << 10;

struct Marker {
    std::uint8_t size;
    std::array<std::uint8_t, longest_marker> bytes;
};

constexpr std::array<Marker, 5> start_markers{{
    {3, {0xFF, 0xD8, 0xFF}},                                                         // JPEG, JPEG-LS: SOI
    {4, {0xFF, 0x4F, 0xFF, 0x51}},                                                   // JPEG 2000: SOC, SIZ
    {12, {0x00, 0x00, 0x00, 0x0C, 0x6A, 0x50, 0x20, 0x20, 0x0D, 0x0A, 0x87, 0x0A}},  // JP2, JPH
    {2, {0xFF, 0x0A}},                                                               // JPEG XL
    {12, {0x00, 0x00, 0x00, 0x0C, 0x4A, 0x58, 0x4C, 0x20, 0x0D, 0x0A, 0x87, 0x0A}},  // JPEG XL boxes
}};

constexpr std::size_t no_marker = start_markers.size();

// Which start marker the fragment begins with, or no_marker.
std::size_t start_marker(ReadAhead& reader, const FragmentRange& fragment, std::size_t ahead) {
    const std::size_t size = std::min<std::uint64_t>(longest_marker, fragment.size);
    const auto head = reader.view(fragment.offset, size, ahead);
    const auto* const found = std::find_if(start_markers.begin(), start_markers.end(), [&](const Marker& marker) {
        return head.size() >= marker.size && std::memcmp(head.data(), marker.bytes.data(), marker.size) == 0;
    });
    return static_cast<std::size_t>(found - start_markers.begin());
}

// EOI and EOC are the same two bytes. JPEG XL has no end marker.
bool ends_codestream(ReadAhead& reader, const FragmentRange& fragment, std::size_t ahead) {
    const std::size_t size = std::min<std::uint64_t>(tail_size, fragment.size);
    const auto tail = reader.view(fragment.offset + fragment.size - size, size, ahead);
    for (std::size_t i = 0; i + 1 < tail.size(); ++i) {
        if (tail[i] == std::byte{0xFF} && tail[i + 1] == std::byte{0xD9}) return true;
    }
    return false;
}

struct Markers {
    std::vector<std::uint64_t> starts;      // fragments that begin with a start marker
    std::vector<std::uint64_t> after_ends;  // 0, and each fragment behind one that ends with an end marker
    bool ends_agree = true;                 // every start but the first is behind an end marker
};

Markers find_markers(const Source& source, const std::vector<FragmentRange>& fragments, bool last_cut) {
    Markers found;
    // Two readers: heads and tails of large fragments would evict each other.
    ReadAhead heads(source);
    ReadAhead tails(source);
    std::size_t kind = no_marker;  // the first fragment's: two bytes of another format's data may look like a marker
    bool behind_end = true;
    for (std::uint64_t i = 0; i < fragments.size(); ++i) {
        if (behind_end) found.after_ends.push_back(i);
        const std::size_t ahead = fragments[i].size < window ? window : longest_marker;
        const std::size_t marker = start_marker(heads, fragments[i], ahead);
        if (i == 0) kind = marker;
        // What the end of the data left of the last fragment may be too little to hold its marker.
        const bool stub = last_cut && i + 1 == fragments.size() && fragments[i].size < longest_marker && behind_end;
        if (kind != no_marker && (marker == kind || stub)) {
            found.starts.push_back(i);
            found.ends_agree = found.ends_agree && behind_end;
        }
        behind_end = ends_codestream(tails, fragments[i], ahead);
    }
    return found;
}

void warn_of_excess(FrameMap& map, std::uint64_t number_of_frames) {
    if (number_of_frames != 0 && map.frame_count() > number_of_frames) {
        map.warnings.push_back("NumberOfFrames is " + std::to_string(number_of_frames) + ", the pixel data hold " +
                               std::to_string(map.frame_count()) + " frames");
    }
}

// More than one fragment, and their number is not NumberOfFrames.
void group_by_markers(const Source& source, FrameMap& map, std::uint64_t number_of_frames) {
    const std::uint64_t count = map.fragments.size();
    Markers markers = find_markers(source, map.fragments, map.last_cut);
    const bool marked = !markers.starts.empty();  // then the first fragment is

    if (number_of_frames == 0) {
        // One image is what a missing NumberOfFrames means, unless the codestreams are clearly several.
        map.first.assign(1, 0);
        if (marked && markers.ends_agree) map.first = std::move(markers.starts);
    } else if (marked && markers.starts.size() == number_of_frames) {
        map.first = std::move(markers.starts);
    } else if (markers.after_ends.size() == number_of_frames) {
        map.first = std::move(markers.after_ends);
    } else if (marked && (markers.ends_agree || markers.starts.size() == count)) {
        // Fewer or more frames than promised, but frames without doubt.
        map.first = std::move(markers.starts);
    } else if (count < number_of_frames) {
        map.first.clear();
    } else {
        map.error = "the " + std::to_string(count) + " fragments of the pixel data cannot be grouped into " +
                    std::to_string(number_of_frames) + " frames: " + std::to_string(markers.starts.size()) +
                    " begin with a start marker, and there is no usable offset table";
        map.fragments.clear();
        map.first.clear();
        return;
    }
    if (map.first.size() == count) map.first.clear();
}

}  // namespace

bool starts_with_codestream(const Source& source, const FragmentRange& fragment) {
    ReadAhead reader(source);
    return start_marker(reader, fragment, longest_marker) != no_marker;
}

bool FrameMap::frame(std::uint64_t index, std::vector<FragmentRange>& out) const {
    if (first.empty()) {
        out.assign(1, fragments[index]);
    } else {
        const std::uint64_t begin = first[index];
        const std::uint64_t end = index + 1 < first.size() ? first[index + 1] : fragments.size();
        out.assign(fragments.begin() + static_cast<std::ptrdiff_t>(begin),
                   fragments.begin() + static_cast<std::ptrdiff_t>(end));
    }
    return !(last_cut && index + 1 == frame_count());
}

FrameMap group_fragments(const Source& source, FragmentList&& list, std::uint64_t number_of_frames, Grouping grouping) {
    FrameMap map;
    map.fragments = std::move(list.fragments);
    map.last_cut = list.last_cut;
    map.warnings = std::move(list.warnings);
    const std::uint64_t count = map.fragments.size();
    if (count <= 1 || count == number_of_frames) return map;

    if (number_of_frames == 1) {
        map.first.assign(1, 0);
    } else if (grouping == Grouping::codestream) {
        group_by_markers(source, map, number_of_frames);
    }
    warn_of_excess(map, number_of_frames);
    return map;
}

}  // namespace dcmturbo
