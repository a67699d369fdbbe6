#include "codecs/jpeg_dct/progressive_symbols.h"

#include <bit>
#include <cstdlib>
#include <vector>

namespace dcmturbo::jpeg_dct {

namespace {

using namespace jpeg;

constexpr std::array<std::uint8_t, most_positions> places = zigzag_places();
constexpr std::uint32_t most_skipped_blocks = 0x7fff;  // G.1.2.2
constexpr unsigned sixteen_zeros = 0xf0;

class AcWriter {
  public:
    AcWriter(SymbolScan& to, std::size_t slot, const ScanHeader& scan)
        : to_(to), slot_(slot), first_(scan.first), last_(scan.second), low_(scan.low) {}

    // G.1.2.2
    void first_bits(const std::int16_t* block) {
        unsigned zeros = 0;
        for (unsigned k = first_; k <= last_; ++k) {
            const std::int32_t coefficient = block[places[k]];
            const std::int32_t magnitude = std::abs(coefficient) >> low_;
            if (magnitude == 0) {
                ++zeros;
                continue;
            }
            end_skipped_blocks();
            for (; zeros > 15; zeros -= 16) to_.add_symbol(slot_, sixteen_zeros, 0, 0);
            const CodedValue value = coded_value(coefficient < 0 ? -magnitude : magnitude);
            to_.add_symbol(slot_, zeros << 4 | value.size, value.bits, value.size);
            zeros = 0;
        }
        if (zeros > 0 && ++skipped_blocks_ == most_skipped_blocks) end_skipped_blocks();
    }

    // G.1.2.3: one more bit. Coefficients that were not zero before have a bit each, without a symbol. They follow the
    // next symbol, or the end of the run of blocks that have no more symbols.
    void next_bit(const std::int16_t* block) {
        unsigned end = first_;  // behind the last coefficient that is new
        for (unsigned k = first_; k <= last_; ++k)
            if (std::abs(std::int32_t{block[places[k]]}) >> low_ == 1) end = k + 1;
        unsigned zeros = 0;
        for (unsigned k = first_; k <= last_; ++k) {
            const std::int32_t coefficient = block[places[k]];
            const auto magnitude = static_cast<std::uint32_t>(std::abs(coefficient) >> low_);
            if (magnitude == 0) {
                ++zeros;
                continue;
            }
            for (; zeros > 15 && k < end; zeros -= 16) {
                end_skipped_blocks();
                to_.add_symbol(slot_, sixteen_zeros, 0, 0);
                write(bits_);
            }
            if (magnitude > 1) {
                bits_.push_back(static_cast<std::uint8_t>(magnitude & 1));
                continue;
            }
            end_skipped_blocks();
            to_.add_symbol(slot_, zeros << 4 | 1, coefficient < 0 ? 0 : 1, 1);
            write(bits_);
            zeros = 0;
        }
        if (zeros == 0 && bits_.empty()) return;
        skipped_bits_.insert(skipped_bits_.end(), bits_.begin(), bits_.end());
        bits_.clear();
        if (++skipped_blocks_ == most_skipped_blocks) end_skipped_blocks();
    }

    void end_skipped_blocks() {
        if (skipped_blocks_ == 0) return;
        const auto size = static_cast<unsigned>(std::bit_width(skipped_blocks_)) - 1;
        to_.add_symbol(slot_, size << 4, skipped_blocks_ & ((1u << size) - 1), size);
        write(skipped_bits_);
        skipped_blocks_ = 0;
    }

  private:
    void write(std::vector<std::uint8_t>& bits) {
        std::uint32_t word = 0;
        unsigned count = 0;
        for (const std::uint8_t bit : bits) {
            word = word << 1 | bit;
            if (++count < 32) continue;
            to_.add_bits(word, count);
            word = count = 0;
        }
        if (count > 0) to_.add_bits(word, count);
        bits.clear();
    }

    SymbolScan& to_;
    std::size_t slot_;
    unsigned first_;
    unsigned last_;
    unsigned low_;
    std::uint32_t skipped_blocks_ = 0;
    std::vector<std::uint8_t> bits_;          // of this block
    std::vector<std::uint8_t> skipped_bits_;  // of blocks that were skipped
};

}  // namespace

void encode_progressive_scan(const ScanWalk& walk, const ProgressiveImage& image, SymbolScan& to, Context& context) {
    const FrameHeader& frame = walk.frame();
    const ScanHeader& scan = walk.scan();
    const bool is_refined = walk.scan_segment().u8(3 + 2 * scan.count) >> 4 != 0;
    const bool is_interleaved = scan.count > 1;
    const std::size_t only = walk.covered().index(0);
    const std::uint64_t columns = is_interleaved ? ceil_divide(frame.samples_per_line, 8 * frame.horizontal_max)
                                                 : ceil_divide(frame.width(only), 8);
    const std::uint64_t mcus = count_units(frame, scan, walk.covered());
    const std::uint64_t interval = walk.restart_interval() == 0 ? mcus : walk.restart_interval();
    std::array<std::int32_t, most_components> predictions{};
    AcWriter ac(to, table_slot(false, scan.tables[0] & 15), scan);
    for (std::uint64_t mcu = 0; mcu < mcus; ++mcu) {
        if (mcu % interval == 0) {
            context.check_interruption();
            ac.end_skipped_blocks();
            if (mcu > 0) to.restart();
            predictions.fill(0);
        }
        for (std::size_t k = 0; k < scan.count; ++k) {
            const std::size_t i = walk.covered().index(k);
            const unsigned across = is_interleaved ? frame.components[i].horizontal_factor : 1;
            const unsigned down = is_interleaved ? frame.components[i].vertical_factor : 1;
            for (unsigned unit = 0; unit < across * down; ++unit) {
                const std::int16_t* const block =
                    image.plane(i).block(static_cast<std::uint32_t>(mcu / columns * down + unit / across),
                                         static_cast<std::uint32_t>(mcu % columns * across + unit % across));
                if (scan.first > 0) {
                    if (is_refined) ac.next_bit(block);
                    else ac.first_bits(block);
                    continue;
                }
                const std::int32_t dc = block[0] >> scan.low;
                if (is_refined) {
                    to.add_bits(static_cast<std::uint32_t>(dc & 1), 1);
                    continue;
                }
                const CodedValue value = coded_value(dc - predictions[k]);
                predictions[k] = dc;
                to.add_symbol(table_slot(true, scan.tables[k] >> 4), value.size, value.bits, value.size);
            }
        }
    }
    ac.end_skipped_blocks();
}

}  // namespace dcmturbo::jpeg_dct
