// Recognises fragments that begin or end a frame, by the markers of codestreams and by RLE headers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/signature.h"
#include "dicom/item_scan.h"
#include "dicom/read_ahead.h"
#include "dicom/source.h"

namespace dcmturbo {

// Returns the signature with which the fragment begins; null if it begins with none. If bytes must be read, it reads
// `ahead` bytes at once.
const Signature* start_marker(ReadAhead& reader, const FragmentRange& fragment, std::size_t ahead);
// The same for a fragment that may be shorter than a signature. Bytes of the next fragments are then used.
const Signature* start_marker(ReadAhead& reader, const std::vector<FragmentRange>& fragments, std::uint64_t first,
                              std::size_t ahead);

// Whether the fragment ends with EOI or EOC. Both markers are FF D9: see Signature::has_end_marker.
bool ends_codestream(ReadAhead& reader, const FragmentRange& fragment, std::size_t ahead);

// Whether the fragment begins with the signature of a format.
bool starts_with_codestream(const Source& source, const FragmentRange& fragment);

constexpr std::size_t rle_header_size = 64;  // PS3.5 G.5

struct RleHeader {
    unsigned segments = 0;
    std::uint64_t last = 0;  // position of the last segment
};

// Parses an RLE header. Returns false if these bytes are none. A valid header has 1 to 15 segments. The first segment
// begins right after the header, each other one after the segment before it. The offsets of unused segments are 0.
bool parse_rle_header(std::span<const std::byte> bytes, RleHeader& header);

// Reads consecutive fragments as one stream of bytes.
class FragmentStream {
  public:
    FragmentStream(ReadAhead& reader, const std::vector<FragmentRange>& fragments, std::uint64_t first,
                   std::size_t ahead)
        : reader_(reader), fragments_(fragments), fragment_(first), ahead_(ahead) {
        pass_empty();
    }

    // Fills `to`, and returns how many bytes it has read.
    std::size_t read(std::span<std::byte> to);
    // Returns false at the end of the last fragment.
    bool next(std::uint8_t& byte);
    bool skip(std::uint64_t count);
    // Index of the fragment that begins at the position of the stream, or of the first one after that position.
    [[nodiscard]] std::uint64_t next_fragment() const { return offset_ == 0 ? fragment_ : fragment_ + 1; }

  private:
    void pass_empty();

    ReadAhead& reader_;
    const std::vector<FragmentRange>& fragments_;
    std::uint64_t fragment_;
    std::uint64_t offset_ = 0;  // in this fragment
    std::size_t ahead_;
};

bool read_rle_header(ReadAhead& reader, const std::vector<FragmentRange>& fragments, std::uint64_t first,
                     std::size_t ahead, RleHeader& header);

}  // namespace dcmturbo
