// Blanks boxes of a JPEG codestream. Blocks outside of them keep their coefficients; in sequential scans, mostly their
// bits as well. Comments, thumbnails and other application data are not kept: they could repeat what is blanked.
#include <algorithm>
#include <array>
#include <optional>

#include "base/error.h"
#include "codecs/jpeg/clean.h"
#include "codecs/jpeg/scan_walk.h"
#include "codecs/jpeg_dct/blank_blocks.h"
#include "codecs/jpeg_dct/blank_sequential.h"
#include "codecs/jpeg_dct/codec.h"
#include "codecs/jpeg_dct/progressive.h"
#include "codecs/jpeg_dct/progressive_symbols.h"
#include "codecs/jpeg_dct/scan_data.h"
#include "codecs/jpeg_dct/scan_writer.h"
#include "codecs/jpeg_dct/tables.h"

namespace dcmturbo::jpeg_dct {

namespace {

using namespace jpeg;

// The DC coefficient of a block whose samples are all `sample`, or as near as its quantisation step allows. Beyond the
// ends of the range, decoders clamp.
std::int32_t dc_of(std::uint32_t sample, unsigned precision, unsigned step) {
    if (step == 0) return 0;
    const std::int32_t middle = 1 << (precision - 1);
    const std::int32_t limit = 8 * middle;
    const std::int32_t wanted = 8 * (static_cast<std::int32_t>(std::min(sample, 2u * middle - 1)) - middle);
    const auto whole = static_cast<std::int32_t>(step);
    const bool is_end = sample == 0 || sample >= 2u * middle - 1;
    const std::int32_t added = is_end ? whole - 1 : whole / 2;
    const std::int32_t dc = (std::abs(wanted) + added) / whole;
    // Far beyond, they may wrap.
    const std::int32_t magnitude = std::int64_t{dc} * whole > 2 * std::int64_t{limit} ? std::abs(wanted) / whole : dc;
    return wanted < 0 ? -magnitude : magnitude;
}

class FrameBlanker {
  public:
    FrameBlanker(const Fragments& frame, const Header& header, const Blanking& blanking, Context& context)
        : frame_(frame), header_(header), blanking_(blanking), context_(context) {}

    std::vector<std::uint8_t> run(std::vector<Region>& changed) {
        if (header_.components.size() > most_components || header_.components.size() != blanking_.values.size())
            fail(ErrorCode::unsupported, no_offset, "boxes cannot be blanked in %zu components",
                 header_.components.size());
        to_.reserve(frame_.size() + 1024);
        writer_.marker(SOI);
        MarkerReader reader(frame_, context_.arena);
        ScanWalk walk(reader, header_);
        while (next(walk)) {
            if (!blocks_) blocks_.emplace(walk.frame(), blanking_.boxes, changed);
            if (walk.frame().code == SOF2) {
                if (!progressive_) decode_progressive();
                // Passes over the data.
                reader.seek(read_data(walk, reader.position()).end);
                put_headers(walk);
                SymbolScan symbols;
                encode_progressive_scan(walk, *progressive_, symbols, context_);
                put_scan(walk, symbols);
                continue;
            }
            if (walk.repeats()) fail(ErrorCode::unsupported, no_offset, "a component is in several scans");
            const ScanData data = read_data(walk, reader.position());
            reader.seek(data.end);
            put_headers(walk);
            blank_scan(walk, data);
        }
        writer_.marker(EOI);
        return std::move(to_);
    }

  private:
    // To the next scan. Writes the tables of quantisation, and what says the colours.
    bool next(ScanWalk& walk) {
        return walk.next([this](const Segment& segment) {
            tables_.read(segment);
            if (segment.code == DQT) writer_.segment(DQT, segment.parameters);
            copy_application_data(segment, writer_);
        });
    }

    ScanData read_data(const ScanWalk& walk, std::size_t begin) const {
        const std::uint64_t units = count_units(walk.frame(), walk.scan(), walk.covered());
        const std::uint32_t interval = walk.restart_interval();
        ScanData data =
            read_scan_data(frame_, begin, interval, interval == 0 ? 1 : ceil_divide(units, interval), context_.arena);
        if (data.damage) throw *data.damage;
        return data;
    }

    void blank_scan(const ScanWalk& walk, const ScanData& data) {
        const ScanHeader& scan = walk.scan();
        std::array<std::int32_t, most_components> dc{};
        for (std::size_t k = 0; k < scan.count; ++k) {
            const std::size_t i = walk.covered().index(k);
            const Steps* const steps = tables_.steps(walk.frame().components[i].quantisation_table);
            if (steps == nullptr) fail(ErrorCode::unsupported, no_offset, "a quantisation table is not defined");
            dc[i] = dc_of(blanking_.values[i], walk.frame().precision, (*steps)[0]);
        }
        const SequentialScan sequential{walk, tables_, data, *blocks_, dc};
        const std::size_t begin = to_.size();
        const auto written = written_;
        for (std::size_t k = 0; k < scan.count; ++k) {
            for (const bool is_dc : {true, false}) {
                const unsigned destination = is_dc ? scan.tables[k] >> 4 : scan.tables[k] & 15;
                const HuffmanTable* const table = tables_.huffman(is_dc, destination);
                if (table != nullptr) put_table(is_dc, destination, *table);
            }
        }
        writer_.segment(SOS, walk.scan_segment().parameters);
        BitOutput bits(to_);
        if (blank_with_own_tables(sequential, bits, context_)) return;
        to_.resize(begin);
        written_ = written;
        SymbolScan symbols;
        blank_as_symbols(sequential, symbols, context_);
        put_scan(walk, symbols);
    }

    // All coefficients, which are in all scans.
    void decode_progressive() {
        MarkerReader reader(frame_, context_.arena);
        ScanWalk walk(reader, header_);
        Tables tables;
        while (walk.next([&](const Segment& segment) { tables.read(segment); })) {
            if (!progressive_) progressive_.emplace(walk.frame(), context_.arena);
            if (const char* const why = progressive_->contradiction(walk))
                fail(ErrorCode::unsupported, no_offset, "%s", why);
            const ScanData data = read_data(walk, reader.position());
            reader.seek(data.end);
            progressive_->decode_scan(walk, tables, data, frame_, context_);
        }
        if (!progressive_->is_complete())
            fail(ErrorCode::unsupported, no_offset, "some bits of the coefficients are in no scan");
        for (std::size_t i = 0; i < walk.frame().count; ++i) {
            const CoefficientPlane& plane = progressive_->plane(i);
            const std::int32_t dc = dc_of(blanking_.values[i], walk.frame().precision, (*plane.steps)[0]);
            for (std::uint32_t row = 0; row < blocks_->rows(i); ++row) {
                for (std::uint32_t column = 0; column < blocks_->columns(i); ++column) {
                    if (!blocks_->has(i, row, column)) continue;
                    std::int16_t* const block = plane.block(row, column);
                    std::fill_n(block, block_samples, std::int16_t{0});
                    block[0] = static_cast<std::int16_t>(dc);
                }
            }
        }
    }

    // ---- segments ----

    // Before a scan: the frame header, with the height that DNL may have said, and the restart interval.
    void put_headers(const ScanWalk& walk) {
        if (!has_frame_header_) writer_.frame_header(walk.frame());
        has_frame_header_ = true;
        if (walk.restart_interval() == interval_) return;
        interval_ = walk.restart_interval();
        if (interval_ > 0xffff) fail(ErrorCode::malformed, no_offset, "the restart interval has more than 16 bits");
        writer_.restart_interval(interval_);
    }

    // A Huffman table, unless it is there already.
    void put_table(bool is_dc, unsigned destination, const HuffmanTable& table) {
        std::optional<HuffmanTable>& known = written_[table_slot(is_dc, destination)];
        if (known == table) return;
        known = table;
        writer_.segment(DHT, 1 + max_code_length + table.size());
        writer_.u8((is_dc ? 0U : 1U) << 4 | destination);
        to_.insert(to_.end(), table.counts.begin() + 1, table.counts.end());
        to_.insert(to_.end(), table.symbols.begin(), table.symbols.begin() + table.size());
    }

    // A scan with tables of its own.
    void put_scan(const ScanWalk& walk, const SymbolScan& symbols) {
        const ScanHeader& scan = walk.scan();
        for (std::size_t k = 0; k < scan.count; ++k) {
            for (const bool is_dc : {true, false}) {
                const unsigned destination = is_dc ? scan.tables[k] >> 4 : scan.tables[k] & 15;
                const std::size_t slot = table_slot(is_dc, destination);
                if (destination < 4 && symbols.has(slot)) put_table(is_dc, destination, symbols.table(slot));
            }
        }
        writer_.segment(SOS, walk.scan_segment().parameters);
        BitOutput bits(to_);
        symbols.write(bits);
    }

    const Fragments& frame_;
    const Header& header_;
    const Blanking& blanking_;
    Context& context_;
    Tables tables_;
    std::optional<BlankBlocks> blocks_;
    std::optional<ProgressiveImage> progressive_;
    std::array<std::optional<HuffmanTable>, table_slots> written_;
    std::vector<std::uint8_t> to_;
    MarkerAppender writer_{to_};
    std::uint32_t interval_ = 0;
    bool has_frame_header_ = false;
};

}  // namespace

std::vector<std::uint8_t> blank(const Fragments& frame, const Header& header, const Blanking& blanking,
                                std::vector<Region>& changed, Context& context) {
    return FrameBlanker(frame, header, blanking, context).run(changed);
}

}  // namespace dcmturbo::jpeg_dct
