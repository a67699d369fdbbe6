// One data element's header: PS3.5 clause 7.1, and what writers made of it.
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
    std::uint64_t value = 0;  // offset of the value

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

    // False where the source ends within the header. The header is always longer than nothing, so that
    // going on behind it makes progress.
    bool read_header(std::uint64_t offset, Encoding encoding, ElementHeader& header);

    // The value's first `limit` bytes, or all; empty where the source does not hold that much.
    std::span<const std::byte> read_value(const ElementHeader& header, std::size_t limit);

    // How many elements in a row, of the first four, make sense in this encoding; 4 where the source ends
    // behind the last. What is too short to tell gives 0.
    unsigned plausibility(std::uint64_t offset, Encoding encoding);

    // The encoding that the first elements are in: `declared` unless another one makes more sense.
    Encoding settle_encoding(std::uint64_t offset, Encoding declared);

    // Whether the element at `offset` has a VR of the standard.
    bool shows_vr(std::uint64_t offset);

    std::span<const std::byte> bytes(std::uint64_t offset, std::size_t size);

  private:
    bool lands(std::uint64_t offset, std::uint32_t after, bool big_endian);
    void resolve_unknown_vr(std::span<const std::byte> at, std::uint64_t offset, bool big_endian,
                            ElementHeader& header);

    std::size_t far_window_ = 0;  // of a far source: the next read, larger than the one before; otherwise 0
    ReadAhead reader_;
    ReadAhead probe_;         // looks far ahead without losing what reader_ holds
    unsigned probes_ = 4096;  // left: a file of nothing but broken elements must not cost a read each
};

}  // namespace dcmturbo
