#include "codecs/jpeg_dct/progressive.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "bits/zero_byte_stuffing.h"
#include "codecs/jpeg_dct/bit_reader.h"

namespace dcmturbo::jpeg_dct {

namespace {

using namespace jpeg;

constexpr std::array<std::uint8_t, most_positions> places = zigzag_places();

// What the bits of an interval cannot be.
enum class Finding : std::uint8_t { right, no_code };

// The positions and bits of a scan, and what lasts from block to block.
struct Progress {
    unsigned first;   // Ss
    unsigned last;    // Se
    unsigned low;     // Al
    bool is_refined;  // Ah is not 0
    std::uint32_t blocks_to_skip = 0;
};

// G.1.2.1
Finding decode_dc(BitReader& bits, const SymbolTable* table, const Progress& progress, std::int32_t& prediction,
                  std::int16_t* block) {
    if (progress.is_refined) {
        block[0] = static_cast<std::int16_t>(block[0] | static_cast<int>(bits.take(1) << progress.low));
        return Finding::right;
    }
    const int size = bits.take_symbol(*table);
    if (size < 0 || size > 15) return Finding::no_code;
    prediction = static_cast<std::int16_t>(prediction + bits.take_value(static_cast<unsigned>(size)));
    block[0] = static_cast<std::int16_t>(prediction * (1 << progress.low));
    return Finding::right;
}

// G.1.2.2
Finding decode_ac(BitReader& bits, const SymbolTable& table, Progress& progress, std::int16_t* block) {
    if (progress.blocks_to_skip > 0) {
        --progress.blocks_to_skip;
        return Finding::right;
    }
    for (unsigned k = progress.first; k <= progress.last;) {
        const int symbol = bits.take_symbol(table);
        if (symbol < 0) return Finding::no_code;
        const unsigned run = static_cast<unsigned>(symbol) >> 4;
        const unsigned size = static_cast<unsigned>(symbol) & 15;
        if (size == 0 && run < 15) {
            progress.blocks_to_skip = (1u << run) + bits.take(run) - 1;
            return Finding::right;
        }
        k += run;
        if (k > progress.last) return size == 0 ? Finding::right : Finding::no_code;
        block[places[k++]] = static_cast<std::int16_t>(bits.take_value(size) * (1 << progress.low));
    }
    return Finding::right;
}

// G.1.2.3: one more bit of each coefficient that is not zero, and new coefficients between them.
Finding refine_ac(BitReader& bits, const SymbolTable& table, Progress& progress, std::int16_t* block) {
    const int bit = 1 << progress.low;
    unsigned k = progress.first;
    // Passes over `zeros` coefficients that are zero, and stops at the next one.
    const auto refine = [&](unsigned zeros) {
        for (; k <= progress.last; ++k) {
            std::int16_t& coefficient = block[places[k]];
            if (coefficient == 0) {
                if (zeros-- == 0) return;
            } else if (bits.take(1) != 0) {
                coefficient = static_cast<std::int16_t>(coefficient + (coefficient < 0 ? -bit : bit));
            }
        }
    };
    while (progress.blocks_to_skip == 0 && k <= progress.last) {
        const int symbol = bits.take_symbol(table);
        if (symbol < 0) return Finding::no_code;
        const unsigned run = static_cast<unsigned>(symbol) >> 4;
        const unsigned size = static_cast<unsigned>(symbol) & 15;
        if (size > 1) return Finding::no_code;
        if (size == 0 && run < 15) {
            progress.blocks_to_skip = (1u << run) + bits.take(run);
            break;
        }
        const int value = size == 0 ? 0 : bits.take(1) != 0 ? bit : -bit;
        refine(run);
        if (k > progress.last) return size == 0 ? Finding::right : Finding::no_code;
        block[places[k++]] = static_cast<std::int16_t>(value);
    }
    if (progress.blocks_to_skip > 0) {
        refine(block_samples);
        --progress.blocks_to_skip;
    }
    return Finding::right;
}

}  // namespace

ProgressiveImage::ProgressiveImage(const FrameHeader& frame, Arena& arena) : count_(frame.count) {
    const std::uint64_t mcu_columns = ceil_divide(frame.samples_per_line, 8 * frame.horizontal_max);
    const std::uint64_t mcu_rows = ceil_divide(frame.lines, 8 * frame.vertical_max);
    for (std::size_t i = 0; i < count_; ++i) {
        const std::uint64_t columns = mcu_columns * frame.components[i].horizontal_factor;
        const std::uint64_t rows = mcu_rows * frame.components[i].vertical_factor;
        const std::size_t size = static_cast<std::size_t>(columns * rows) * block_samples;
        planes_[i].blocks = arena.allocate_array<std::int16_t>(size);
        planes_[i].blocks_per_line = static_cast<std::uint32_t>(columns);
        std::fill_n(planes_[i].blocks, size, std::int16_t{0});
    }
    for (auto& component : missing_bits_) component.fill(unknown);
}

const char* ProgressiveImage::contradiction(const ScanWalk& walk) const {
    const ScanHeader& scan = walk.scan();
    const unsigned low = scan.low;
    const unsigned high = walk.scan_segment().u8(3 + 2 * scan.count) >> 4;
    const bool is_dc = scan.first == 0;
    if (is_dc ? scan.second != 0 : scan.second < scan.first || scan.second >= block_samples || scan.count != 1)
        return "a scan has positions that one scan cannot have";
    if (low > 13 || (high != 0 && high != low + 1)) return "a scan has bits that one scan cannot have";
    for (std::size_t k = 0; k < scan.count; ++k) {
        const auto& missing = missing_bits_[walk.covered().index(k)];
        if (!is_dc && missing[0] == unknown) return "a scan has AC coefficients before those of DC";
        for (unsigned at = scan.first; at <= scan.second; ++at) {
            if (missing[at] != (high == 0 ? unknown : static_cast<int>(high)))
                return "a scan does not continue the scans before it";
        }
    }
    return nullptr;
}

bool ProgressiveImage::is_complete() const {
    return std::all_of(missing_bits_.begin(), missing_bits_.begin() + static_cast<std::ptrdiff_t>(count_),
                       [](const auto& component) {
                           return std::all_of(component.begin(), component.end(), [](int bits) { return bits == 0; });
                       });
}

bool ProgressiveImage::decode_scan(const ScanWalk& walk, const Tables& tables, const ScanData& data,
                                   const Fragments& stream, Context& context) {
    const FrameHeader& frame = walk.frame();
    const ScanHeader& scan = walk.scan();
    Progress progress{.first = scan.first,
                      .last = scan.second,
                      .low = scan.low,
                      .is_refined = walk.scan_segment().u8(3 + 2 * scan.count) >> 4 != 0};
    const bool is_dc = scan.first == 0;
    std::array<SymbolTable, most_components> symbols;
    std::array<std::int32_t, most_components> predictions{};
    for (std::size_t k = 0; k < scan.count; ++k) {
        const std::size_t i = walk.covered().index(k);
        if (planes_[i].steps == nullptr) {
            const Steps* const steps = tables.steps(frame.components[i].quantisation_table);
            if (steps == nullptr) fail(ErrorCode::other_codec, no_offset, "a quantisation table is not defined");
            steps_[i] = *steps;
            planes_[i].steps = &steps_[i];
        }
        if (is_dc && progress.is_refined) continue;
        const unsigned destination = is_dc ? scan.tables[k] >> 4 : scan.tables[k] & 15;
        if (!tables.symbols(is_dc, destination, walk.scan_segment(), symbols[k]))
            fail(ErrorCode::other_codec, no_offset, "a Huffman table is not defined");
    }

    const bool is_interleaved = scan.count > 1;
    const std::size_t only = walk.covered().index(0);
    const std::uint64_t columns = is_interleaved ? ceil_divide(frame.samples_per_line, 8 * frame.horizontal_max)
                                                 : ceil_divide(frame.width(only), 8);
    const std::uint64_t rows =
        is_interleaved ? ceil_divide(frame.lines, 8 * frame.vertical_max) : ceil_divide(frame.height(only), 8);
    const std::uint64_t interval = walk.restart_interval() == 0 ? columns * rows : walk.restart_interval();
    std::uint64_t left = 0;  // MCUs of the interval
    std::size_t next = 0;
    bool has_excess_data = false;
    BitReader bits;
    const auto fail_at = [&](std::uint64_t row, Finding finding) {
        const std::ptrdiff_t unread = std::max<std::ptrdiff_t>(bits.left(), 0);
        const std::ptrdiff_t index = bits.end() - data.bytes - (unread + 7) / 8;
        const std::size_t offset = stuffed_position(stream, data.begin, static_cast<std::size_t>(index));
        if (finding == Finding::no_code && unread >= static_cast<std::ptrdiff_t>(max_code_length)) {
            fail(ErrorCode::malformed, offset,
                 "row %u of %u of the scan has bits that are no code of the Huffman table", static_cast<unsigned>(row),
                 static_cast<unsigned>(rows));
        }
        fail(ErrorCode::truncated, std::min(offset, data.end), "the scan ends in row %u of %u",
             static_cast<unsigned>(row), static_cast<unsigned>(rows));
    };
    for (std::uint64_t row = 0; row < rows; ++row) {
        context.check_interruption();
        for (std::uint64_t column = 0; column < columns; ++column) {
            if (left == 0) {
                if (next >= data.intervals.size()) {
                    fail(ErrorCode::truncated, data.end, "the scan ends in row %u of %u", static_cast<unsigned>(row),
                         static_cast<unsigned>(rows));
                }
                bits = BitReader(data.intervals[next++]);
                left = interval;
                predictions.fill(0);
                progress.blocks_to_skip = 0;
            }
            --left;
            for (std::size_t k = 0; k < scan.count; ++k) {
                const std::size_t i = walk.covered().index(k);
                const unsigned h = is_interleaved ? frame.components[i].horizontal_factor : 1;
                const unsigned v = is_interleaved ? frame.components[i].vertical_factor : 1;
                for (unsigned unit = 0; unit < h * v; ++unit) {
                    std::int16_t* const block = planes_[i].block(static_cast<std::uint32_t>(row * v + unit / h),
                                                                 static_cast<std::uint32_t>(column * h + unit % h));
                    const Finding finding = is_dc ? decode_dc(bits, &symbols[k], progress, predictions[k], block)
                                            : progress.is_refined ? refine_ac(bits, symbols[k], progress, block)
                                                                  : decode_ac(bits, symbols[k], progress, block);
                    if (finding != Finding::right || bits.left() < 0) fail_at(row, finding);
                }
            }
            // Blocks that are skipped beyond the interval are not there.
            if (left == 0) has_excess_data |= bits.left() >= excess_bits;
        }
    }
    has_excess_data |= bits.left() >= excess_bits;
    for (std::size_t k = 0; k < scan.count; ++k) {
        for (unsigned at = progress.first; at <= progress.last; ++at)
            missing_bits_[walk.covered().index(k)][at] = static_cast<std::int8_t>(scan.low);
    }
    return has_excess_data;
}

}  // namespace dcmturbo::jpeg_dct
