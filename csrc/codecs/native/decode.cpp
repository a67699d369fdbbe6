#include <algorithm>
#include <array>
#include <cstring>

#include "codecs/frame_format.h"
#include "codecs/native/codec.h"
#include "codecs/zero_tail.h"
#include "image/pixel_writer.h"

namespace dcmturbo::native {

namespace {

constexpr std::size_t block = PixelWriter::block;

class FrameDecoder {
  public:
    FrameDecoder(Bytes frame, const PixelAttributes& attributes, const FrameOut& out, const Options& options,
                 Context& context)
        : frame_(frame),
          attributes_(attributes),
          out_(out),
          first_bit_(options.first_bit),
          context_(context),
          cell_(sample_size(out.format.type)),
          samples_(out.format.samples_per_pixel),
          pixels_(out.format.pixels()),
          first_row_(out.region.top),
          kernels_(pixel_kernels(context.isa)),
          writer_(out, context.isa) {}

    // How many pixels, from the first, the frame holds completely.
    [[nodiscard]] std::uint64_t pixels_present() const {
        // Of a word, both bytes or none.
        const std::uint64_t bits = (attributes_.words_swapped ? frame_.size() / 2 * 2 : frame_.size()) * 8;
        const std::uint64_t available = bits > first_bit_ ? bits - first_bit_ : 0;
        if (available >= native_frame_bits(attributes_)) return pixels_;
        if (attributes_.bits_allocated == 1) return available;
        const std::uint64_t bytes = available / 8;
        if (is_422()) return bytes / 4 * 2;
        // Planes: the last sample's plane says how far all of them go.
        if (samples_ > 1 && attributes_.planar_configuration == 1) {
            const std::uint64_t before = std::uint64_t{samples_ - 1} * pixels_ * cell_;
            return bytes > before ? (bytes - before) / cell_ : 0;
        }
        return bytes / (cell_ * samples_);
    }

    void decode(std::uint64_t pixels) {
        bytes_ = attributes_.words_swapped ? unswapped_words() : frame_.data();
        if (attributes_.bits_allocated == 1) return decode_bits(pixels);
        bytes_ += first_bit_ / 8;
        if (is_422()) return decode_422(pixels);
        // The frame as a separate image: interleaved samples, or one plane per sample (PS3.3, C.7.6.3.1.3).
        FrameOut stored{const_cast<std::byte*>(bytes_), 0, 0, 0, out_.format, {}};
        const bool planar = samples_ > 1 && attributes_.planar_configuration == 1;
        stored.pixel_stride = static_cast<std::ptrdiff_t>(planar ? cell_ : cell_ * samples_);
        stored.row_stride = stored.pixel_stride * static_cast<std::ptrdiff_t>(out_.format.columns);
        stored.sample_stride = planar ? stored.row_stride * static_cast<std::ptrdiff_t>(out_.format.rows)
                                      : static_cast<std::ptrdiff_t>(cell_);
        writer_.convert(stored, pixels, attributes_.big_endian && cell_ > 1, context_.arena);
    }

    // Single bits are segmentations, which are mostly zeroes.
    [[nodiscard]] std::uint32_t notes() const {
        if (attributes_.bits_allocated == 1) return 0;
        const auto size = static_cast<std::size_t>((first_bit_ + native_frame_bits(attributes_)) / 8);
        return has_zero_tail(frame_.first(std::min(size, frame_.size())).subspan(first_bit_ / 8)) ? note_zero_tail : 0U;
    }

  private:
    [[nodiscard]] bool is_422() const { return samples_ == 3 && attributes_.photometric == Photometric::ybr_full_422; }

    // The first pixel of the first row of the region.
    [[nodiscard]] std::uint64_t first_needed() const { return std::uint64_t{first_row_} * out_.format.columns; }

    // Cells of 1 or 8 bits as words of a big endian dataset: every pair of bytes is exchanged (PS3.5, 8.1.2).
    // The frame's range begins at a whole word; first_bit says where in it the frame does.
    const std::byte* unswapped_words() {
        const std::size_t size = frame_.size() / 2 * 2;
        std::byte* words = context_.arena.allocate(size);
        for (std::size_t i = 0; i < size; i += 2) {
            words[i] = frame_[i + 1];
            words[i + 1] = frame_[i];
        }
        return words;
    }

    void decode_bits(std::uint64_t pixels) {
        std::byte* plane = context_.arena.allocate(block);
        const auto* from = reinterpret_cast<const std::uint8_t*>(bytes_);
        for (std::uint64_t first = first_needed(); first < pixels; first += block) {
            const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(block, pixels - first));
            const std::uint64_t bit = first_bit_ + first;
            std::byte* to = writer_.direct(first) != nullptr ? writer_.direct(first) : plane;
            kernels_.unpack_bits(from + bit / 8, static_cast<unsigned>(bit % 8), reinterpret_cast<std::uint8_t*>(to),
                                 count);
            if (to == plane) writer_.write(first, count, &plane);
        }
    }

    void decode_422(std::uint64_t pixels) {
        std::array<std::byte*, 3> planes{};
        for (std::byte*& plane : planes) plane = context_.arena.allocate(block);
        for (std::uint64_t first = first_needed(); first < pixels; first += block) {
            const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(block, pixels - first));
            kernels_.expand_422(reinterpret_cast<const std::uint8_t*>(bytes_ + first * 2),
                                reinterpret_cast<std::uint8_t*>(planes[0]), reinterpret_cast<std::uint8_t*>(planes[1]),
                                reinterpret_cast<std::uint8_t*>(planes[2]), count);
            if (writer_.corrects()) {
                for (std::byte* plane : planes) writer_.correct(plane, plane, count);
            }
            writer_.write(first, count, planes.data());
        }
    }

    Bytes frame_;
    const PixelAttributes& attributes_;
    const FrameOut& out_;
    std::uint32_t first_bit_;
    Context& context_;
    std::size_t cell_;
    unsigned samples_;
    std::uint64_t pixels_;
    std::uint32_t first_row_;  // that is needed
    const PixelKernels& kernels_;
    PixelWriter writer_;
    const std::byte* bytes_ = nullptr;
};

}  // namespace

Outcome decode(const Fragments& frame, const PixelAttributes& attributes, const Header&, const FrameOut& out,
               const Options& options, Context& context) {
    const std::uint64_t pixels = out.end_pixel();
    if (attributes.photometric == Photometric::ybr_full_422 && attributes.samples_per_pixel == 3 &&
        (attributes.bits_allocated != 8 || attributes.columns % 2 != 0)) {
        fail(ErrorCode::unsupported, no_offset,
             "native YBR_FULL_422 needs 8-bit samples and an even number of columns, found %u bits and %u "
             "columns",
             unsigned{attributes.bits_allocated}, attributes.columns);
    }
    FrameDecoder decoder(frame.contiguous(context.arena), attributes, out, options, context);
    const std::uint64_t present = decoder.pixels_present();
    if (present >= pixels) {  // all that is needed
        decoder.decode(pixels);
        // A byte more pads a frame in a fragment of its own (PS3.5, A.4.11).
        return {.valid_pixels = pixels,
                .complete = true,
                .message = {},
                .has_excess_data = frame.size() > (native_frame_bits(attributes) + options.first_bit + 7) / 8 + 1,
                .notes = decoder.notes()};
    }
    try {
        fail(ErrorCode::truncated, frame.size(), "a frame should have %llu bytes, but only %zu are there",
             static_cast<unsigned long long>((native_frame_bits(attributes) + 7) / 8), frame.size());
    } catch (DecodeError& error) {
        if (!options.salvage || present == 0) throw;
        decoder.decode(present);
        return {.valid_pixels = present,
                .complete = false,
                .code = error.code,
                .offset = error.offset,
                .message = error.message};
    }
}

}  // namespace dcmturbo::native
