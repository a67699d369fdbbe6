// Where each frame lies: PS3.5 A.4 (encapsulated) and 8.1 (native). An offset table is a claim, checked
// frame by frame as frames are asked for; one that lies is dropped and the items are scanned instead.
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
    std::uint64_t offset = 0;  // of the value of the pixel data element
    std::uint64_t length = 0;  // to the end of the source where undefined
    bool undefined_length = true;
    std::uint64_t number_of_frames = 0;  // as given; 0 = not known
    GroupingRule grouping;
    // Extended Offset Table: locations in the source, or else the values in memory (which need to live
    // during the call only).
    ByteRange extended_offsets;
    ByteRange extended_lengths;
    std::span<const std::byte> extended_offset_bytes;
    std::span<const std::byte> extended_length_bytes;
};

struct NativeLayout {
    std::uint64_t offset = 0;  // of the value of the pixel data element
    std::uint64_t length = 0;
    std::uint64_t frame_bits = 0;        // of one frame, unpadded; YBR_FULL_422 has 16 a pixel
    std::uint64_t number_of_frames = 0;  // as given; 0 = not known, taken as 1
    unsigned word_bytes = 1;             // 2 for big-endian OW: ranges start and end on whole words
};

class FrameIndex {
  public:
    // The source must outlive the index.
    static std::unique_ptr<FrameIndex> encapsulated(const Source& source, const EncapsulatedLayout& layout);
    static std::unique_ptr<FrameIndex> native(const Source& source, const NativeLayout& layout);

    FrameIndex(const FrameIndex&) = delete;
    FrameIndex& operator=(const FrameIndex&) = delete;
    virtual ~FrameIndex() = default;

    // Frames that the data hold, the last perhaps in part. Changes at most once, when a frame is asked for
    // whose offset turns out wrong. Of a far source without a table, the first call reads all item headers.
    // Throws DecodeError where those cannot be read, or are not to be grouped into frames.
    [[nodiscard]] virtual std::uint64_t frame_count() const = 0;

    // Whether the number of frames is known without reading more.
    [[nodiscard]] virtual bool is_settled() const { return true; }

    // The frame's bytes, in order, in `out` (replaced). Returns whether the frame is whole: false where the
    // end of the data cuts it short. Throws DecodeError(missing_frame). Safe from several threads at once.
    virtual bool frame(std::uint64_t index, std::vector<FragmentRange>& out) const = 0;
    [[nodiscard]] bool partial(std::uint64_t index) const;

    // Native only: the frame's first bit within its first word, counted from the least significant,
    // 0 to 8 * word_bytes - 1. Otherwise 0.
    [[nodiscard]] virtual unsigned first_bit(std::uint64_t index) const;

    // NumberOfFrames as given; 0 = not known.
    [[nodiscard]] std::uint64_t promised() const { return promised_; }
    // Where the frames' places come from, as of now.
    [[nodiscard]] virtual FrameTable table() const = 0;
    [[nodiscard]] virtual std::vector<std::string> warnings() const = 0;

  protected:
    explicit FrameIndex(std::uint64_t promised) : promised_(promised) {}
    [[noreturn]] void missing(std::uint64_t index) const;

  private:
    std::uint64_t promised_;
};

}  // namespace dcmturbo
