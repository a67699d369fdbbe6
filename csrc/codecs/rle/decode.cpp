#include <algorithm>
#include <array>
#include <cstring>

#include "base/endian.h"
#include "codecs/rle/codec.h"
#include "codecs/rle/segments.h"
#include "codecs/zero_tail.h"
#include "entropy/packbits.h"
#include "image/pixel_writer.h"

namespace dcmturbo::rle {

namespace {

// Decoded bytes from one look at whether the call is to end to the next.
constexpr std::ptrdiff_t between_checks = 1 << 22;
constexpr std::size_t block = PixelWriter::block;
// A plane in scratch: a block, what the last operation decodes past it, and what it writes past that.
constexpr std::size_t plane_size = block + packbits_overshoot + 1 + packbits_slack;

PackBitsLane lane_of(Bytes segment) {
    const auto* begin = reinterpret_cast<const std::uint8_t*>(segment.data());
    return {begin, begin + segment.size(), nullptr, nullptr};
}

class FrameDecoder {
  public:
    FrameDecoder(Bytes frame, const PixelAttributes& attributes, const FrameOut& out, const Options& options,
                 Context& context)
        : frame_(frame),
          segments_(read_segments(frame, segment_count(attributes))),
          cell_(sample_size(out.format.type)),
          samples_(out.format.samples_per_pixel),
          pixels_(out.end_pixel()),
          whole_(out.format.pixels()),
          salvage_(options.salvage),
          context_(context),
          kernels_(pixel_kernels(context.isa)),
          packbits_(packbits_kernels(context.isa)),
          writer_(out, context.isa) {
        for (unsigned i = 0; i < segments_.count; ++i) lanes_[i] = lane_of(segments_.bytes[i]);
    }

    Outcome decode() {
        if (cell_ == 1 && samples_ == 1 && writer_.direct(0) != nullptr) return decode_direct();
        return decode_blocks();
    }

    // Bits Allocated 1: one segment of packed bits, the frame padded to whole bytes (PS3.5, 8.1.1).
    Outcome decode_bits() {
        const std::size_t bytes = static_cast<std::size_t>((pixels_ + 7) / 8);
        // Some writers give every pixel a byte: then there are exactly as many. More are packed bits that are
        // followed by padding.
        if (whole_ > (whole_ + 7) / 8 + 1 && packbits_decoded_size(lanes_[0], whole_ + 1) == whole_) return decode();
        auto* packed = reinterpret_cast<std::uint8_t*>(context_.arena.allocate(bytes + packbits_slack));
        PackBitsLane lane = lanes_[0];
        lane.to = packed;
        lane.wanted = packed + bytes;
        packbits_.decode(&lane, 1);
        const std::uint64_t decoded = std::min<std::uint64_t>(static_cast<std::uint64_t>(lane.to - packed), bytes);
        const std::uint64_t valid = std::min(decoded * 8, pixels_);
        std::byte* plane = context_.arena.allocate(block);
        for (std::uint64_t first = 0; first < valid; first += block) {
            const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(block, valid - first));
            kernels_.unpack_bits(packed + first / 8, 0, reinterpret_cast<std::uint8_t*>(plane), count);
            writer_.write(first, count, &plane);
        }
        return valid == pixels_ ? complete() : cut_short(0, decoded, bytes, valid);
    }

  private:
    // A black image is runs of zero, each with its length, so the encoded bytes are not zeroes.
    Outcome complete() const {
        return {.valid_pixels = pixels_,
                .complete = true,
                .message = {},
                .has_excess_data = has_excess_,
                .notes = has_zero_tail(frame_) ? note_zero_tail : 0U};
    }

    // `beyond`: bytes that the lane has decoded past its plane. One more than there are pixels is padding of an odd
    // plane; zeroes behind a segment are padding too. Anything else is of a larger image, or damage.
    void note_excess(const PackBitsLane& lane, std::size_t beyond) {
        if (pixels_ < whole_) return;
        const bool is_padding = std::all_of(lane.cursor, lane.end, [](std::uint8_t byte) { return byte == 0; });
        has_excess_ = has_excess_ || beyond + (is_padding ? 0 : packbits_decoded_size(lane, 2)) > 1;
    }

    Outcome cut_short(unsigned segment, std::uint64_t decoded, std::uint64_t expected, std::uint64_t valid) const {
        const auto end = static_cast<std::uint64_t>(segments_.bytes[segment].data() + segments_.bytes[segment].size() -
                                                    frame_.data());
        try {
            fail(ErrorCode::truncated, end, "RLE segment %u decodes to %llu bytes, but the image needs %llu", segment,
                 static_cast<unsigned long long>(decoded), static_cast<unsigned long long>(expected));
        } catch (DecodeError& error) {
            if (!salvage_ || valid == 0) throw;
            return {.valid_pixels = valid,
                    .complete = false,
                    .code = error.code,
                    .offset = error.offset,
                    .message = error.message};
        }
    }

    // 8-bit cells without a gap: straight into the caller's memory.
    Outcome decode_direct() {
        auto* begin = reinterpret_cast<std::uint8_t*>(writer_.direct(0));
        auto* end = begin + pixels_;
        PackBitsLane lane = lanes_[0];
        lane.to = begin;
        constexpr std::ptrdiff_t margin = packbits_overshoot + packbits_slack;
        for (lane.wanted = begin; lane.to >= lane.wanted && end - lane.to > margin;) {
            context_.check_interruption();
            lane.wanted = lane.to + std::min(end - lane.to - margin, between_checks);
            packbits_.decode(&lane, 1);
        }
        lane.wanted = end;
        PackBitsLane last = lane;
        packbits_decode_bounded(lane, end);
        const auto decoded = static_cast<std::uint64_t>(lane.to - begin);
        if (writer_.corrects())
            writer_.correct(writer_.direct(0), writer_.direct(0), static_cast<std::size_t>(decoded));
        if (decoded < pixels_) return cut_short(0, decoded, pixels_, decoded);
        // What the last operation would have written behind the plane.
        last.end = lane.cursor;
        const auto left = static_cast<std::uint64_t>(end - last.to);
        note_excess(lane, static_cast<std::size_t>(packbits_decoded_size(last, left + 2) - left));
        return complete();
    }

    // All segments in step, a block at a time: byte planes, merged to cells, written as pixels while
    // they are in the first-level cache.
    Outcome decode_blocks() {
        std::array<std::uint8_t*, max_segments> planes{};
        for (unsigned i = 0; i < segments_.count; ++i) {
            planes[i] = reinterpret_cast<std::uint8_t*>(context_.arena.allocate(plane_size));
            lanes_[i].to = planes[i];
        }
        std::array<std::byte*, 4> cells{};
        for (unsigned sample = 0; sample < samples_; ++sample) {
            cells[sample] =
                cell_ == 1 ? reinterpret_cast<std::byte*>(planes[sample]) : context_.arena.allocate(block * cell_);
        }
        for (std::uint64_t first = 0; first < pixels_; first += block) {
            context_.check_interruption();
            auto count = static_cast<std::size_t>(std::min<std::uint64_t>(block, pixels_ - first));
            for (unsigned i = 0; i < segments_.count; ++i) lanes_[i].wanted = planes[i] + count;
            packbits_.decode(lanes_.data(), static_cast<int>(segments_.count));
            const std::size_t wanted = count;
            unsigned shortest = 0;
            for (unsigned i = 0; i < segments_.count; ++i) {
                const auto decoded = static_cast<std::size_t>(lanes_[i].to - planes[i]);
                if (decoded < count) {
                    count = decoded;
                    shortest = i;
                }
            }
            store(first, count, planes, cells);
            if (count < wanted) return cut_short(shortest, first + count, pixels_, first + count);
            if (first + count == pixels_) {
                for (unsigned i = 0; i < segments_.count; ++i)
                    note_excess(lanes_[i], static_cast<std::size_t>(lanes_[i].to - planes[i]) - count);
                break;
            }
            for (unsigned i = 0; i < segments_.count; ++i) {
                // At most packbits_overshoot bytes are beyond the block; the copy is of fixed size.
                std::memcpy(planes[i], planes[i] + wanted, packbits_overshoot + 1);
                lanes_[i].to -= wanted;
            }
        }
        return complete();
    }

    void store(std::uint64_t first, std::size_t count, const std::array<std::uint8_t*, max_segments>& planes,
               const std::array<std::byte*, 4>& cells) {
        std::byte* direct = writer_.direct(first);
        for (unsigned sample = 0; sample < samples_; ++sample) {
            std::uint8_t* const* bytes = planes.data() + sample * cell_;
            std::byte* to = direct != nullptr ? direct : cells[sample];
            switch (cell_) {
                case 1:
                    if (writer_.corrects()) writer_.correct(cells[sample], cells[sample], count);
                    break;
                case 2:
                    kernels_.merge16(bytes[0], bytes[1], reinterpret_cast<std::uint16_t*>(to), count,
                                     writer_.unused_bits(), writer_.sign_extends());
                    break;
                case 4:
                    kernels_.merge32(bytes, reinterpret_cast<std::uint32_t*>(to), count);
                    if (writer_.corrects()) writer_.correct(to, to, count);
                    break;
                default:
                    kernels_.merge64(bytes, reinterpret_cast<std::uint64_t*>(to), count);
                    if (writer_.corrects()) writer_.correct(to, to, count);
                    break;
            }
        }
        if (direct == nullptr) writer_.write(first, count, cells.data());
    }

    Bytes frame_;
    Segments segments_;
    std::size_t cell_;
    unsigned samples_;
    std::uint64_t pixels_;  // that are decoded: up to the last of the region
    std::uint64_t whole_;   // that the frame has
    bool salvage_;
    bool has_excess_ = false;
    Context& context_;
    const PixelKernels& kernels_;
    const PackBitsKernels& packbits_;
    PixelWriter writer_;
    std::array<PackBitsLane, max_segments> lanes_{};
};

}  // namespace

bool looks_right(Bytes data) {
    if (data.size() < header_size) return false;
    const auto segments = load_le<std::uint32_t>(data.data());
    return segments >= 1 && segments <= max_segments && load_le<std::uint32_t>(data.data() + 4) == header_size;
}

unsigned segment_count(const PixelAttributes& attributes) {
    return attributes.bits_allocated == 1 ? 1u
                                          : unsigned{attributes.samples_per_pixel} * (attributes.bits_allocated / 8u);
}

Outcome decode(const Fragments& frame, const PixelAttributes& attributes, const Header&, const FrameOut& out,
               const Options& options, Context& context) {
    FrameDecoder decoder(frame.contiguous(context.arena), attributes, out, options, context);
    return attributes.bits_allocated == 1 ? decoder.decode_bits() : decoder.decode();
}

}  // namespace dcmturbo::rle
