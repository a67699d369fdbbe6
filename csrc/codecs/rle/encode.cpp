#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "base/checked.h"
#include "base/endian.h"
#include "base/team.h"
#include "codecs/rle/codec.h"
#include "codecs/rle/segments.h"
#include "entropy/packbits.h"
#include "image/kernels.h"

namespace dcmturbo::rle {

namespace {

// Rows are encoded one by one (PS3.5, G.3.1); packed bits know no rows.
struct Planes {
    std::uint64_t rows;
    std::uint64_t row_size;
};

Planes planes_of(const PixelAttributes& a) {
    if (a.bits_allocated == 1) return {1, (std::uint64_t{a.rows} * a.columns + 7) / 8};
    return {a.rows, a.columns};
}

// The most bytes of a segment, the one that makes its length even (PS3.5, G.3.1) included.
std::uint64_t segment_bound(const Planes& planes) {
    return checked_add(checked_multiply<std::uint64_t>(packbits_bound(planes.row_size), planes.rows), 1);
}

// Some rows of all segments, which one thread encodes. Without a team, all rows.
struct Rows {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    std::uint8_t* plane = nullptr;
    std::uint8_t* low = nullptr;  // of cells of 16 bits: the plane after it
    std::uint64_t* equal = nullptr;
    std::array<std::uint8_t*, max_segments> to{};  // where each segment's rows begin, and where they end
    std::array<std::uint8_t*, max_segments> written{};
};

class FrameEncoder {
  public:
    FrameEncoder(const FrameIn& frame, std::uint8_t* out, const Context& context)
        : frame_(frame),
          planes_(planes_of(frame.attributes)),
          cell_(frame.attributes.bits_allocated == 1 ? 1u : frame.attributes.bits_allocated / 8u),
          segments_(segment_count(frame.attributes)),
          out_(out),
          context_(context) {
        const auto cell = static_cast<std::ptrdiff_t>(cell_);
        is_dense_ = frame.attributes.samples_per_pixel == 1 && frame.pixel_stride == cell &&
                    frame.row_stride == cell * static_cast<std::ptrdiff_t>(frame.attributes.columns);
        plan_parts();
    }

    std::size_t encode() {
        std::memset(out_, 0, header_size);
        store_le<std::uint32_t>(out_, segments_);
        run_on_team(context_, parts_.size(), [this](std::size_t i) { encode_rows(parts_[i]); });
        std::uint8_t* to = out_ + header_size;
        for (unsigned segment = 0; segment < segments_; ++segment) {
            const std::uint8_t* const begin = to;
            store_le<std::uint32_t>(out_ + 4 + 4 * std::size_t{segment}, static_cast<std::uint32_t>(to - out_));
            for (const Rows& part : parts_) {
                const auto size = static_cast<std::size_t>(part.written[segment] - part.to[segment]);
                if (to != part.to[segment]) std::memmove(to, part.to[segment], size);
                to += size;
            }
            // Where all rows are one part, it is there already.
            if ((to - begin) % 2 != 0) *to++ = 0;
        }
        return static_cast<std::size_t>(to - out_);
    }

  private:
    // A part of fewer samples is not worth a thread's start; more parts than threads even out how long each takes.
    static constexpr std::uint64_t part_samples = std::uint64_t{1} << 17;
    static constexpr std::uint64_t most_parts = 32;

    void plan_parts() {
        const PixelAttributes& a = frame_.attributes;
        const std::uint64_t samples = std::uint64_t{a.rows} * a.columns * segments_;
        const bool is_shared = context_.has_team() && a.bits_allocated != 1;
        const std::uint64_t wanted = is_shared ? std::min(samples / part_samples, most_parts) : 1;
        const std::uint64_t count = std::clamp<std::uint64_t>(wanted, 1, a.rows);
        parts_.resize(static_cast<std::size_t>(count));
        Arena& arena = context_.arena;
        for (std::uint64_t i = 0; i < count; ++i) {
            Rows& part = parts_[static_cast<std::size_t>(i)];
            part.begin = static_cast<std::uint32_t>(a.rows * i / count);
            part.end = static_cast<std::uint32_t>(a.rows * (i + 1) / count);
            part.equal = arena.allocate_array<std::uint64_t>(static_cast<std::size_t>(planes_.row_size / 64 + 2));
            const std::size_t pixels = std::size_t{part.end - part.begin} * a.columns;
            if (!is_dense_ || cell_ != 1 || a.bits_allocated == 1)
                part.plane = arena.allocate_array<std::uint8_t>(pixels);
            if (splits_cells()) part.low = arena.allocate_array<std::uint8_t>(pixels);
            for (unsigned segment = 0; segment < segments_ && count > 1; ++segment) {
                part.to[segment] = out_ + header_size + segment * segment_bound(planes_) +
                                   part.begin * packbits_bound(planes_.row_size);
            }
        }
        parts_.front().to[0] = out_ + header_size;
    }

    [[nodiscard]] bool splits_cells() const {
        return is_dense_ && cell_ == 2 && reinterpret_cast<std::uintptr_t>(frame_.base) % cell_ == 0;
    }

    // The byte `significance` (0: least) of every cell of sample `sample`.
    void extract_plane(const Rows& part, unsigned sample, std::size_t significance, std::uint8_t* to) const {
        for (std::uint32_t row = part.begin; row < part.end; ++row) {
            const std::byte* from = frame_.base + static_cast<std::ptrdiff_t>(row) * frame_.row_stride +
                                    static_cast<std::ptrdiff_t>(sample) * frame_.sample_stride + significance;
            for (std::uint32_t column = 0; column < frame_.attributes.columns; ++column, from += frame_.pixel_stride)
                *to++ = static_cast<std::uint8_t>(*from);
        }
    }

    void encode_rows(Rows& part) const {
        const PixelAttributes& a = frame_.attributes;
        const PixelKernels& kernels = pixel_kernels(context_.isa);
        const std::size_t pixels = std::size_t{part.end - part.begin} * a.columns;
        if (a.bits_allocated == 1) {
            extract_plane(part, 0, 0, part.plane);
            auto* const packed =
                context_.arena.allocate_array<std::uint8_t>(static_cast<std::size_t>(planes_.row_size));
            kernels.pack_bits(part.plane, packed, pixels);
            encode_plane(part, 0, packed, 1);
            return;
        }
        const std::size_t rows = part.end - part.begin;
        const std::byte* const first = frame_.base + static_cast<std::ptrdiff_t>(part.begin) * frame_.row_stride;
        if (splits_cells()) {
            kernels.split16(reinterpret_cast<const std::uint16_t*>(first), part.plane, part.low, pixels);
            encode_plane(part, 0, part.plane, rows);
            encode_plane(part, 1, part.low, rows);
            return;
        }
        if (is_dense_ && cell_ == 1) {
            encode_plane(part, 0, reinterpret_cast<const std::uint8_t*>(first), rows);
            return;
        }
        for (unsigned segment = 0; segment < segments_; ++segment) {
            extract_plane(part, segment / cell_, cell_ - 1 - segment % cell_, part.plane);
            encode_plane(part, segment, part.plane, rows);
        }
    }

    void encode_plane(Rows& part, unsigned segment, const std::uint8_t* plane, std::size_t rows) const {
        const auto row_size = static_cast<std::size_t>(planes_.row_size);
        // Where all rows are one part, each segment begins where the one before ends, at an even place.
        if (segment > 0 && parts_.size() == 1) {
            std::uint8_t* const end = part.written[segment - 1];
            part.to[segment] = end + (end - part.to[segment - 1]) % 2;
        }
        std::uint8_t* to = part.to[segment];
        const PackBitsKernels& packbits = packbits_kernels(context_.isa);
        for (std::size_t row = 0; row < rows; ++row, plane += row_size) {
            if (row % 64 == 0) context_.check_interruption();
            to = packbits.encode_row(plane, row_size, to, part.equal);
        }
        part.written[segment] = to;
    }

    const FrameIn& frame_;
    const Planes planes_;
    const unsigned cell_;  // bytes
    const unsigned segments_;
    std::uint8_t* const out_;
    const Context& context_;
    bool is_dense_;  // one sample a pixel, without gaps
    std::vector<Rows> parts_;
};

}  // namespace

std::uint64_t encode_bound(const FrameIn& frame) {
    return checked_add(
        checked_multiply(segment_bound(planes_of(frame.attributes)), std::uint64_t{segment_count(frame.attributes)}),
        header_size);
}

std::size_t encode(const FrameIn& frame, std::span<std::byte> out, const EncodeOptions&, Context& context) {
    const PixelAttributes& a = frame.attributes;
    const unsigned count = segment_count(a);
    if (count > max_segments) {
        fail(ErrorCode::unsupported, no_offset,
             "an RLE frame can have at most 15 segments (PS3.5, G.2), but %u samples of %u bits need %u",
             unsigned{a.samples_per_pixel}, unsigned{a.bits_allocated}, count);
    }
    if (out.size() < encode_bound(frame))
        fail(ErrorCode::argument, no_offset, "the buffer for the encoded frame is too small");
    if (encode_bound(frame) > 0xffffffffu)
        fail(ErrorCode::unsupported, no_offset,
             "an RLE frame cannot have more than 4 GiB, because its offsets have 32 bits");
    return FrameEncoder(frame, reinterpret_cast<std::uint8_t*>(out.data()), context).encode();
}

}  // namespace dcmturbo::rle
