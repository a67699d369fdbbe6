#include "codecs/jpeg_dct/blank_sequential.h"

#include "base/error.h"
#include "codecs/jpeg_dct/bit_reader.h"

namespace dcmturbo::jpeg_dct {

namespace {

using namespace jpeg;

constexpr unsigned end_of_block_symbol = 0x00;

// Goes through all blocks of a scan. A sink has these functions; k is the component in the scan, and positions are in
// bits of the interval:
//
//   begin_interval(bits)
//   dc(k, difference, begin, end, is_blank)    of the code that lies between the two positions
//   ac(k, symbol, bits, is_blank)              reads or skips the bits of the coefficient
//   end_block(k, end, is_blank)
//   end_interval(is_last)
template <typename Sink>
class BlockWalk {
  public:
    BlockWalk(const SequentialScan& scan, Sink& sink, Context& context) : scan_(scan), sink_(sink), context_(context) {
        const ScanHeader& header = scan.walk.scan();
        for (std::size_t k = 0; k < header.count; ++k) {
            if (!scan.tables.symbols(true, header.tables[k] >> 4, scan.walk.scan_segment(), dc_[k]) ||
                !scan.tables.symbols(false, header.tables[k] & 15, scan.walk.scan_segment(), ac_[k]))
                fail(ErrorCode::unsupported, scan.walk.scan_segment().offset, "a Huffman table is not defined");
        }
    }

    void run() {
        const FrameHeader& frame = scan_.walk.frame();
        const ScanHeader& header = scan_.walk.scan();
        const bool is_interleaved = header.count > 1;
        const std::size_t only = scan_.walk.covered().index(0);
        const std::uint64_t columns = is_interleaved ? ceil_divide(frame.samples_per_line, 8 * frame.horizontal_max)
                                                     : ceil_divide(frame.width(only), 8);
        const std::uint64_t mcus = count_units(frame, header, scan_.walk.covered());
        const std::uint64_t interval = scan_.walk.restart_interval() == 0 ? mcus : scan_.walk.restart_interval();
        std::size_t next = 0;
        for (std::uint64_t mcu = 0; mcu < mcus; ++mcu) {
            if (mcu % interval == 0) {
                context_.check_interruption();
                if (next >= scan_.data.intervals.size()) fail_truncated();
                bits_ = BitReader(scan_.data.intervals[next++]);
                sink_.begin_interval(bits_);
            }
            for (std::size_t k = 0; k < header.count; ++k) {
                const std::size_t i = scan_.walk.covered().index(k);
                const unsigned across = is_interleaved ? frame.components[i].horizontal_factor : 1;
                const unsigned down = is_interleaved ? frame.components[i].vertical_factor : 1;
                for (unsigned unit = 0; unit < across * down; ++unit) {
                    read_block(k, scan_.blocks.has(i, mcu / columns * down + unit / across,
                                                   mcu % columns * across + unit % across));
                }
            }
            if ((mcu + 1) % interval == 0 || mcu + 1 == mcus) sink_.end_interval(mcu + 1 == mcus);
        }
    }

  private:
    void read_block(std::size_t k, bool is_blank) {
        const std::ptrdiff_t position = bits_.position();
        const int size = bits_.take_symbol(dc_[k]);
        if (size < 0 || size > 15) fail_no_code();
        const std::int32_t difference = bits_.take_value(static_cast<unsigned>(size));
        sink_.dc(k, difference, position, bits_.position(), is_blank);
        for (unsigned at = 1; at < block_samples;) {
            const int symbol = bits_.take_symbol(ac_[k]);
            if (symbol < 0) fail_no_code();
            const unsigned run = static_cast<unsigned>(symbol) >> 4;
            const unsigned value_size = static_cast<unsigned>(symbol) & 15;
            sink_.ac(k, static_cast<unsigned>(symbol), bits_, is_blank);
            if (value_size == 0 && run != 15) break;
            at += run + 1;
            if (at > block_samples) fail_no_code();
        }
        if (bits_.left() < 0) fail_truncated();
        sink_.end_block(k, bits_.position(), is_blank);
    }

    [[noreturn]] void fail_no_code() const {
        if (bits_.left() < static_cast<std::ptrdiff_t>(max_code_length)) fail_truncated();
        fail(ErrorCode::malformed, scan_.data.begin, "the scan has bits that are no code of the Huffman table");
    }
    [[noreturn]] void fail_truncated() const {
        fail(ErrorCode::truncated, scan_.data.end, "the scan ends before its last block");
    }

    const SequentialScan& scan_;
    Sink& sink_;
    Context& context_;
    std::array<SymbolTable, most_components> dc_;
    std::array<SymbolTable, most_components> ac_;
    BitReader bits_;
};

// The DC coefficients that a decoder has read, and those that are written.
struct Predictions {
    std::array<std::int32_t, most_components> read{};
    std::array<std::int32_t, most_components> written{};

    // The difference to write.
    std::int32_t replace(std::size_t k, std::int32_t difference, bool is_blank, std::int32_t blank) {
        // A sum that leaves 16 bits wraps, as in decoders.
        read[k] = static_cast<std::int16_t>(read[k] + difference);
        const std::int32_t value = is_blank ? blank : read[k];
        const std::int32_t result = value - written[k];
        written[k] = value;
        return result;
    }
};

class BitCopy {
  public:
    BitCopy(const SequentialScan& scan, BitOutput& to) : scan_(scan), to_(to) {
        const ScanHeader& header = scan.walk.scan();
        for (std::size_t k = 0; k < header.count; ++k) {
            dc_[k] = huffman_codes(*scan.tables.huffman(true, header.tables[k] >> 4));
            end_[k] = huffman_codes(*scan.tables.huffman(false, header.tables[k] & 15))[end_of_block_symbol];
        }
    }
    [[nodiscard]] bool has_all_codes() const { return has_all_codes_; }

    void begin_interval(const BitReader& bits) {
        from_ = bits.begin();
        copied_ = 0;
        predictions_ = {};
    }
    void dc(std::size_t k, std::int32_t difference, std::ptrdiff_t begin, std::ptrdiff_t end, bool is_blank) {
        const std::int32_t wanted =
            predictions_.replace(k, difference, is_blank, scan_.dc[scan_.walk.covered().index(k)]);
        if (!is_blank && wanted == difference) return;
        to_.copy(from_, copied_, begin);
        copied_ = end;
        const CodedValue value = coded_value(wanted);
        put(dc_[k][value.size]);
        if (value.size > 0) to_.put(value.bits, value.size);
        if (is_blank) put(end_[k]);
    }
    void ac(std::size_t, unsigned symbol, BitReader& bits, bool) { bits.skip(symbol & 15); }
    void end_block(std::size_t, std::ptrdiff_t end, bool is_blank) {
        position_ = end;
        if (is_blank) copied_ = end;
    }
    void end_interval(bool is_last) {
        to_.copy(from_, copied_, position_);
        if (is_last) to_.finish();
        else to_.restart(restarts_++);
    }

  private:
    void put(const HuffmanCode& code) {
        has_all_codes_ &= code.length > 0;
        to_.put(code.code, code.length);
    }

    const SequentialScan& scan_;
    BitOutput& to_;
    std::array<std::array<HuffmanCode, 256>, most_components> dc_;
    std::array<HuffmanCode, most_components> end_;
    Predictions predictions_;
    const std::uint8_t* from_ = nullptr;
    std::ptrdiff_t copied_ = 0;    // up to here the bits are written
    std::ptrdiff_t position_ = 0;  // of the end of the last block
    std::uint64_t restarts_ = 0;
    bool has_all_codes_ = true;
};

class Symbols {
  public:
    Symbols(const SequentialScan& scan, SymbolScan& to) : scan_(scan), to_(to) {}

    void begin_interval(const BitReader&) { predictions_ = {}; }
    void dc(std::size_t k, std::int32_t difference, std::ptrdiff_t, std::ptrdiff_t, bool is_blank) {
        const CodedValue value =
            coded_value(predictions_.replace(k, difference, is_blank, scan_.dc[scan_.walk.covered().index(k)]));
        to_.add_symbol(table_slot(true, scan_.walk.scan().tables[k] >> 4), value.size, value.bits, value.size);
        if (is_blank) to_.add_symbol(ac_slot(k), end_of_block_symbol, 0, 0);
    }
    void ac(std::size_t k, unsigned symbol, BitReader& bits, bool is_blank) {
        const std::uint32_t value = bits.take(symbol & 15);
        if (!is_blank) to_.add_symbol(ac_slot(k), symbol, value, symbol & 15);
    }
    void end_block(std::size_t, std::ptrdiff_t, bool) {}
    void end_interval(bool is_last) {
        if (!is_last) to_.restart();
    }

  private:
    [[nodiscard]] std::size_t ac_slot(std::size_t k) const {
        return table_slot(false, scan_.walk.scan().tables[k] & 15);
    }

    const SequentialScan& scan_;
    SymbolScan& to_;
    Predictions predictions_;
};

}  // namespace

bool blank_with_own_tables(const SequentialScan& scan, BitOutput& to, Context& context) {
    for (std::size_t k = 0; k < scan.walk.scan().count; ++k) {
        const unsigned tables = scan.walk.scan().tables[k];
        if (scan.tables.huffman(true, tables >> 4) == nullptr || scan.tables.huffman(false, tables & 15) == nullptr)
            fail(ErrorCode::unsupported, scan.walk.scan_segment().offset, "a Huffman table is not defined");
    }
    BitCopy sink(scan, to);
    BlockWalk<BitCopy>(scan, sink, context).run();
    return sink.has_all_codes();
}

void blank_as_symbols(const SequentialScan& scan, SymbolScan& to, Context& context) {
    Symbols sink(scan, to);
    BlockWalk<Symbols>(scan, sink, context).run();
}

}  // namespace dcmturbo::jpeg_dct
