// Reads the header of one data element (PS3.5 clause 7.1), and tolerates common mistakes of writers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dicom/read_ahead.h"
#include "dicom/source.h"

namespace dcmturbo {

struct Encoding {
    bool explicit_vr = true;
    bool big_endian = false;
};

struct ElementHeader {
    std::uint32_t tag = 0;
    char vr[3] = {0, 0, 0};  // empty for implicit VR and for items and delimiters
    std::uint32_t length = 0;
    std::uint64_t value = 0;  // position of the value

    static constexpr std::uint32_t undefined = 0xFFFFFFFF;
    [[nodiscard]] bool is_undefined() const { return length == undefined; }
    [[nodiscard]] std::uint64_t end() const { return value + length; }
    [[nodiscard]] unsigned group() const { return tag >> 16; }
    [[nodiscard]] bool has_vr(const char (&name)[3]) const { return vr[0] == name[0] && vr[1] == name[1]; }
};

class ElementReader {
  public:
    explicit ElementReader(const Source& source);

    [[nodiscard]] std::uint64_t size() const { return reader_.size(); }

    // Returns false if the source ends inside the header. A header has at least eight bytes, so a caller that continues
    // after it always advances.
    bool read_header(std::uint64_t offset, Encoding encoding, ElementHeader& header);

    // The first `limit` bytes of the value, or the whole value if it is shorter. Empty if the source ends before these
    // bytes.
    std::span<const std::byte> read_value(const ElementHeader& header, std::size_t limit);

    // Of the first four elements, counts how many in a row make sense in this encoding. Returns 4 if all elements up to
    // the end of the source make sense. Returns 0 if there are too few bytes to decide.
    unsigned plausibility(std::uint64_t offset, Encoding encoding);

    // The encoding of the first elements. It is `declared` unless another encoding makes more sense.
    Encoding settle_encoding(std::uint64_t offset, Encoding declared);

    // Whether the element at `offset` has a VR that the standard defines.
    bool shows_vr(std::uint64_t offset);

    std::span<const std::byte> bytes(std::uint64_t offset, std::size_t size);

  private:
    bool lands(std::uint64_t offset, std::uint32_t after, bool big_endian);
    void resolve_unknown_vr(std::span<const std::byte> at, std::uint64_t offset, bool big_endian,
                            ElementHeader& header);

    // Size of the next read of a remote source; it doubles with each read. 0 for other sources.
    std::size_t far_window_ = 0;
    ReadAhead reader_;
    ReadAhead probe_;         // reads far ahead, so that reader_ keeps its buffer
    unsigned probes_ = 4096;  // remaining reads of probe_; limits the work for a file with only broken elements
};

}  // namespace dcmturbo
