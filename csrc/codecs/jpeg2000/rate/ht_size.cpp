// How many bytes the code-blocks of HTJ2K take, from coding some of their rows.
#include "codecs/jpeg2000/rate/ht_size.h"

#include <algorithm>
#include <vector>

#include "codecs/jpeg2000/wavelet/kernels.h"
#include "entropy/ht_encode.h"

namespace dcmturbo::jpeg2000 {

namespace {

// Of a block: Scup, the streams' last bytes that are not full, and its part of a packet header. Measured.
constexpr double bytes_of_block = 5;
// Of how many coefficients a sub-band is large, and one of which all rows count.
constexpr std::uint64_t large_band = 16384;
constexpr std::uint64_t small_band = 1024;

class RowSample {
  public:
    RowSample(std::span<const CodedBlock> blocks, Isa isa, Arena& arena)
        : coder_(ht_encode_kernels(isa)), wavelet_(wavelet_kernels(isa)) {
        std::size_t size = 0;
        std::size_t width = 0;
        for (const CodedBlock& block : blocks) {
            width = std::max<std::size_t>(width, block.area.width());
            size = std::max(size, ht_encode_scratch_size(block.area.width(), block.area.height()));
        }
        memory_ = arena.allocate(size);
        stride_ = (width + 15) & ~std::size_t{7};  // the coder reads seven coefficients past the ends
        rows_ = arena.allocate_array<std::int32_t>(3 * stride_);
        std::fill_n(rows_, 3 * stride_, 0);
    }

    void add(const CodedBlock& block, unsigned every) {
        OfBand& of = of_band(*block.band);
        const Band& band = *block.band;
        const std::uint32_t width = block.area.width();
        const std::uint32_t height = block.area.height();
        const float* const from = reinterpret_cast<const float*>(band.coefficients) +
                                  std::size_t{block.area.y0 - band.area.y0} * band.stride +
                                  (block.area.x0 - band.area.x0);
        HtEncodeScratch streams;
        start_ht_encode(width, height, memory_, streams);
        // The state that MEL has come to in the blocks before is more like that of a whole block than a new one.
        streams.mel.run = of.mel.run;
        streams.mel.longest = of.mel.longest;
        streams.mel.state = of.mel.state;
        for (std::uint32_t y = 0; y < height; y += 2) {
            of.size += width;
            if ((of.rows++ + every / 2) % every != 0) continue;
            of.sampled += width;
            const std::uint32_t end = std::min(y + 2, height);
            for (std::uint32_t i = y == 0 ? 0 : y - 1; i < end; ++i)
                wavelet_.quantise_row(from + i * band.stride, rows_ + (i + 1 - y) * stride_, width, 1 / band.step);
            coder_.encode_quad_row(y == 0 ? nullptr : rows_, rows_ + stride_, stride_, width, y + 1 < height, streams);
        }
        of.mel = streams.mel;
        const std::size_t bits = ht_encoded_bits(streams);
        of.bits += bits;
        if (bits != 0) bytes_ += bytes_of_block;
    }

    [[nodiscard]] double bytes() const {
        double sum = bytes_;
        for (const OfBand& of : bands_) {
            if (of.sampled != 0)
                sum +=
                    static_cast<double>(of.bits) / 8 * static_cast<double>(of.size) / static_cast<double>(of.sampled);
        }
        return sum;
    }

  private:
    struct OfBand {
        const Band* band = nullptr;
        MelEncoder mel;
        std::size_t rows = 0;  // of quads
        std::uint64_t size = 0, sampled = 0, bits = 0;
    };

    // With precincts, the blocks of a sub-band do not stand together.
    OfBand& of_band(const Band& band) {
        if (last_ < bands_.size() && bands_[last_].band == &band) return bands_[last_];
        for (last_ = 0; last_ < bands_.size(); ++last_)
            if (bands_[last_].band == &band) return bands_[last_];
        bands_.emplace_back().band = &band;
        return bands_.back();
    }

    const HtEncodeKernels& coder_;
    const WaveletKernels& wavelet_;
    void* memory_ = nullptr;
    std::int32_t* rows_ = nullptr;  // the one above a row of quads, and its two
    std::size_t stride_ = 0;
    std::vector<OfBand> bands_;
    std::size_t last_ = 0;  // of them, that was asked for
    double bytes_ = 0;
};

}  // namespace

double estimate_ht_bytes(std::span<const CodedBlock> blocks, unsigned every, Isa isa, Arena& arena) {
    const Arena::Mark mark = arena.mark();
    RowSample sample(blocks, isa, arena);
    for (const CodedBlock& block : blocks) {
        if (block.area.is_empty()) continue;
        const std::uint64_t size = std::uint64_t{block.band->area.width()} * block.band->area.height();
        sample.add(block, size >= large_band ? every : size >= small_band ? (every / 4) | 1 : 1);
    }
    const double bytes = sample.bytes();
    arena.rewind(mark);
    return bytes;
}

}  // namespace dcmturbo::jpeg2000
