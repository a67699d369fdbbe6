// Finds the bytes of each frame: PS3.5 A.4 (encapsulated) and 8.1 (native). An offset table may be wrong. Its entries
// are therefore checked when their frame is requested. If an entry is wrong, the whole table is dropped and the items
// are scanned instead.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "dicom/dataset.h"
#include "dicom/fragment_grouping.h"
#include "dicom/source.h"

namespace dcmturbo {

enum class FrameTable : std::uint8_t { native, extended, basic, scanned };

struct EncapsulatedLayout {
    std::uint64_t offset = 0;  // position of the value of the pixel data element
    std::uint64_t length = 0;  // up to the end of the source if undefined
    bool undefined_length = true;
    std::uint64_t number_of_frames = 0;  // NumberOfFrames; 0 = unknown
    GroupingRule grouping;
    // The Extended Offset Table: either the positions of its values in the source, or the values themselves in memory.
    // The values need to exist only during the call.
    ByteRange extended_offsets;
    ByteRange extended_lengths;
    std::span<const std::byte> extended_offset_bytes;
    std::span<const std::byte> extended_length_bytes;
};

struct NativeLayout {
    std::uint64_t offset = 0;  // position of the value of the pixel data element
    std::uint64_t length = 0;
    std::uint64_t frame_bits = 0;        // bits of one frame without padding; YBR_FULL_422 has 16 per pixel
    std::uint64_t number_of_frames = 0;  // NumberOfFrames; 0 = unknown, treated as 1
    unsigned word_bytes = 1;             // 2 for big-endian OW: byte ranges then start and end at whole words
};

class FrameIndex {
  public:
    // The source must outlive the index.
    static std::unique_ptr<FrameIndex> encapsulated(const Source& source, const EncapsulatedLayout& layout);
    static std::unique_ptr<FrameIndex> native(const Source& source, const NativeLayout& layout);

    FrameIndex(const FrameIndex&) = delete;
    FrameIndex& operator=(const FrameIndex&) = delete;
    virtual ~FrameIndex() = default;

    // The number of frames in the data. The last frame may be incomplete. The number changes at most once: when a frame
    // is requested whose offset turns out to be wrong. For a remote source without an offset table, the first call
    // reads all item headers. Throws DecodeError if these cannot be read or cannot be grouped into frames.
    [[nodiscard]] virtual std::uint64_t frame_count() const = 0;

    // Whether the number of frames is known without further reading.
    [[nodiscard]] virtual bool is_settled() const { return true; }

    // Replaces the contents of `out` with the byte ranges of the frame, in order. Returns false if the data end inside
    // the frame. Throws DecodeError(missing_frame). Several threads may call it at the same time.
    virtual bool frame(std::uint64_t index, std::vector<FragmentRange>& out) const = 0;
    [[nodiscard]] bool partial(std::uint64_t index) const;

    // Native only: the position of the frame's first bit in its first word, 0 to 8 * word_bytes - 1, counted from the
    // least significant bit. Otherwise 0.
    [[nodiscard]] virtual unsigned first_bit(std::uint64_t index) const;

    // NumberOfFrames; 0 = unknown.
    [[nodiscard]] std::uint64_t promised() const { return promised_; }
    // Which table the positions of the frames come from at this moment.
    [[nodiscard]] virtual FrameTable table() const = 0;
    [[nodiscard]] virtual std::vector<std::string> warnings() const = 0;

  protected:
    explicit FrameIndex(std::uint64_t promised) : promised_(promised) {}
    [[noreturn]] void missing(std::uint64_t index) const;

  private:
    std::uint64_t promised_;
};

}  // namespace dcmturbo
