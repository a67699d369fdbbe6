// What shows in a fragment that a frame begins or ends there: the markers of codestreams, and RLE headers.
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

// The signature of a format that the fragment begins with; null where there is none. Where bytes must be read, `ahead`
// are.
const Signature* start_marker(ReadAhead& reader, const FragmentRange& fragment, std::size_t ahead);
// The same, of a fragment that may be smaller than a marker.
const Signature* start_marker(ReadAhead& reader, const std::vector<FragmentRange>& fragments, std::uint64_t first,
                              std::size_t ahead);

// Whether EOI or EOC stands at the fragment's end, which are the same two bytes: Signature::has_end_marker.
bool ends_codestream(ReadAhead& reader, const FragmentRange& fragment, std::size_t ahead);

// Whether the fragment begins with the signature of a format.
bool starts_with_codestream(const Source& source, const FragmentRange& fragment);

constexpr std::size_t rle_header_size = 64;  // PS3.5 G.5

struct RleHeader {
    unsigned segments = 0;
    std::uint64_t last = 0;  // where the last segment begins
};

// The header in these bytes; false where they are none: 1 to 15 segments, the first right behind the header, each
// behind the one before, and zeros for those that are not used.
bool parse_rle_header(std::span<const std::byte> bytes, RleHeader& header);

// The bytes of fragments that follow one another, as one stream.
class FragmentStream {
  public:
    FragmentStream(ReadAhead& reader, const std::vector<FragmentRange>& fragments, std::uint64_t first,
                   std::size_t ahead)
        : reader_(reader), fragments_(fragments), fragment_(first), ahead_(ahead) {
        pass_empty();
    }

    // Fills `to`, or returns how many bytes there are.
    std::size_t read(std::span<std::byte> to);
    // False at the end of the last fragment.
    bool next(std::uint8_t& byte);
    bool skip(std::uint64_t count);
    // The fragment that begins at, or first behind, where the stream stands.
    [[nodiscard]] std::uint64_t next_fragment() const { return offset_ == 0 ? fragment_ : fragment_ + 1; }

  private:
    void pass_empty();

    ReadAhead& reader_;
    const std::vector<FragmentRange>& fragments_;
    std::uint64_t fragment_;
    std::uint64_t offset_ = 0;  // within it
    std::size_t ahead_;
};

bool read_rle_header(ReadAhead& reader, const std::vector<FragmentRange>& fragments, std::uint64_t first,
                     std::size_t ahead, RleHeader& header);

}  // namespace dcmturbo
