// Groups fragments into frames if there is no offset table: PS3.5 A.4 and annex G.
#include "dicom/fragment_grouping.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "dicom/frame_starts.h"
#include "dicom/read_ahead.h"

namespace dcmturbo {

namespace {

constexpr std::size_t small_window = 16 << 10;

// The number of bytes to read to get a few bytes of a fragment. Small fragments are read whole, together with their
// neighbours.
std::size_t ahead_of(const Source& source, const FragmentRange& fragment, std::size_t wanted) {
    if (fragment.size < (source.is_far() ? far_item : small_window)) return source.is_far() ? far_block : small_window;
    return wanted;
}

struct Markers {
    std::vector<std::uint64_t> starts;      // fragments that begin with a start marker
    std::vector<std::uint64_t> after_ends;  // 0, and each fragment after one that ends with an end marker
    bool ends_agree = true;                 // every start marker except the first follows an end marker
};

Markers find_markers(const Source& source, const std::vector<FragmentRange>& fragments, bool last_cut) {
    Markers found;
    // Beginnings and ends of fragments are read by two readers. With only one, they would evict each other from its
    // buffer.
    ReadAhead heads(source);
    ReadAhead tails(source);
    // The signature of the first fragment. Other signatures do not count: two bytes of other data may look like one.
    const Signature* kind = nullptr;
    bool behind_end = true;
    for (std::uint64_t i = 0; i < fragments.size(); ++i) {
        if (fragments[i].size == 0 && i != 0) continue;  // an empty fragment belongs to the frame before it
        if (behind_end) found.after_ends.push_back(i);
        const std::size_t ahead = ahead_of(source, fragments[i], Signature::most);
        const Signature* marker = start_marker(heads, fragments, i, ahead);
        if (i == 0) kind = marker;
        // If the data end inside the last fragment, too few of its bytes may be left to hold its marker.
        const bool stub = last_cut && i + 1 == fragments.size() && fragments[i].size < Signature::most && behind_end;
        if (kind != nullptr && (marker == kind || stub)) {
            found.starts.push_back(i);
            found.ends_agree = found.ends_agree && behind_end;
        }
        behind_end = ends_codestream(tails, fragments[i], ahead);
    }
    return found;
}

void fail_to_group(FrameMap& map, std::uint64_t number_of_frames, const std::string& why) {
    map.error = "the " + std::to_string(map.fragments.size()) + " fragments of the pixel data cannot be grouped into " +
                std::to_string(number_of_frames) + " frames: " + why + ", and there is no usable offset table";
    map.fragments.clear();
    map.first.clear();
}

void group_by_markers(const Source& source, FrameMap& map, std::uint64_t number_of_frames) {
    const std::uint64_t count = map.fragments.size();
    Markers markers = find_markers(source, map.fragments, map.last_cut);
    const bool marked = !markers.starts.empty();  // then the first fragment has a start marker

    if (number_of_frames <= 1) {
        // This is one image, unless there are clearly several codestreams.
        map.first.assign(1, 0);
        if (marked && markers.ends_agree) map.first = std::move(markers.starts);
    } else if (marked && markers.starts.size() == number_of_frames) {
        map.first = std::move(markers.starts);
    } else if (markers.after_ends.size() == number_of_frames) {
        map.first = std::move(markers.after_ends);
    } else if (marked && (markers.ends_agree || markers.starts.size() == count)) {
        // There are fewer or more frames than NumberOfFrames says, but their borders are certain.
        map.first = std::move(markers.starts);
    } else if (count >= number_of_frames) {
        fail_to_group(map, number_of_frames,
                      std::to_string(markers.starts.size()) + " of them begin with a start marker");
    }
}

// Finds frame after frame. The header says where the last segment begins. PackBits decoding (PS3.5 G.3.1) says where it
// ends: after `segment_bytes` decoded bytes. Each byte is read at most once. Returns false if a frame has no header or
// no end.
bool walk_rle(const Source& source, const std::vector<FragmentRange>& fragments,
              const std::vector<std::uint64_t>& headers, std::uint64_t segment_bytes,
              std::vector<std::uint64_t>& first) {
    ReadAhead reader(source);
    std::uint64_t fragment = 0;
    for (auto next = headers.begin(); next != headers.end();) {
        if (*next != fragment) return false;
        first.push_back(fragment);
        const std::size_t ahead = source.is_far() ? far_block : small_window;
        RleHeader header;
        if (!read_rle_header(reader, fragments, fragment, ahead, header)) return false;
        FragmentStream stream(reader, fragments, fragment, ahead);
        if (!stream.skip(header.last)) return false;
        for (std::uint64_t decoded = 0; decoded < segment_bytes;) {
            std::uint8_t control = 0;
            if (!stream.next(control)) return false;
            if (control == 128) continue;
            const unsigned bytes = control < 128 ? control + 1U : 257U - control;
            if (!stream.skip(control < 128 ? bytes : 1U)) return false;
            decoded += bytes;
        }
        // Headers inside the frame are pixels that look like a header. Fragments after the frame without a header are
        // padding.
        next = std::lower_bound(next, headers.end(), stream.next_fragment());
        if (next != headers.end()) fragment = *next;
    }
    return !first.empty();
}

void group_by_rle_headers(const Source& source, FrameMap& map, std::uint64_t number_of_frames,
                          std::uint64_t segment_bytes) {
    const std::uint64_t count = map.fragments.size();
    std::vector<std::uint64_t> headers;
    {
        ReadAhead reader(source);
        for (std::uint64_t i = 0; i < count; ++i) {
            RleHeader header;
            const std::size_t ahead = ahead_of(source, map.fragments[i], rle_header_size);
            if (map.fragments[i].size != 0 && read_rle_header(reader, map.fragments, i, ahead, header))
                headers.push_back(i);
        }
    }
    const bool begins = !headers.empty() && headers[0] == 0;
    // Pixels may look like a header. But each frame has one, so if there are as many headers as frames, all are real.
    if (begins && number_of_frames > 1 && headers.size() == number_of_frames) {
        map.first = std::move(headers);
        return;
    }
    if (number_of_frames <= 1 && headers.size() <= 1) {
        map.first.assign(1, 0);
        return;
    }
    std::vector<std::uint64_t> walked;
    if (begins && segment_bytes != 0 && walk_rle(source, map.fragments, headers, segment_bytes, walked)) {
        map.first = std::move(walked);
    } else if (number_of_frames <= 1) {
        if (headers.size() != count) map.first.assign(1, 0);
    } else if (count >= number_of_frames) {
        fail_to_group(map, number_of_frames, std::to_string(headers.size()) + " of them begin with an RLE header");
    }
}

void group_by_size(FrameMap& map, std::uint64_t number_of_frames, std::uint64_t frame_bytes) {
    std::uint64_t held = 0;
    bool fits = frame_bytes != 0;
    for (std::uint64_t i = 0; fits && i < map.fragments.size(); ++i) {
        const std::uint64_t size = map.fragments[i].size;
        if (size == 0 && i != 0) continue;
        if (held == 0) map.first.push_back(i);
        fits = size <= frame_bytes - held || (size - 1 == frame_bytes - held && size % 2 == 0);  // with a padding byte
        held += size;
        if (held >= frame_bytes) held = 0;
    }
    if (fits) return;
    map.first.clear();
    if (number_of_frames <= 1) {
        map.first.assign(1, 0);
    } else if (map.fragments.size() >= number_of_frames) {
        fail_to_group(map, number_of_frames,
                      "they do not add up to frames of " + std::to_string(frame_bytes) + " bytes");
    }
}

}  // namespace

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

FrameMap group_fragments(const Source& source, FragmentList&& list, std::uint64_t number_of_frames,
                         const GroupingRule& rule) {
    FrameMap map;
    map.fragments = std::move(list.fragments);
    map.last_cut = list.last_cut;
    map.warnings = std::move(list.warnings);
    const std::uint64_t count = map.fragments.size();
    if (count <= 1 || count == number_of_frames) return map;

    switch (rule.kind) {
        case Grouping::codestream: group_by_markers(source, map, number_of_frames); break;
        case Grouping::rle: group_by_rle_headers(source, map, number_of_frames, rule.unit_bytes); break;
        case Grouping::size: group_by_size(map, number_of_frames, rule.unit_bytes); break;
        case Grouping::one_fragment:
            if (number_of_frames <= 1) map.first.assign(1, 0);
            break;
    }
    if (map.first.size() == map.fragments.size()) map.first.clear();
    if (number_of_frames != 0 && map.frame_count() > number_of_frames) {
        map.warnings.push_back("NumberOfFrames is " + std::to_string(number_of_frames) + ", but the pixel data have " +
                               std::to_string(map.frame_count()) + " frames");
    }
    return map;
}

}  // namespace dcmturbo
