// Blanks blocks of a sequential scan (ISO/IEC 10918-1, F.1.2).
#pragma once

#include <array>
#include <cstdint>

#include "base/context.h"
#include "codecs/jpeg/scan_walk.h"
#include "codecs/jpeg_dct/blank_blocks.h"
#include "codecs/jpeg_dct/scan_data.h"
#include "codecs/jpeg_dct/scan_writer.h"
#include "codecs/jpeg_dct/tables.h"

namespace dcmturbo::jpeg_dct {

// A scan, and what is to be blank in it.
struct SequentialScan {
    const jpeg::ScanWalk& walk;
    const Tables& tables;
    const ScanData& data;
    const BlankBlocks& blocks;
    const std::array<std::int32_t, most_components>& dc;  // of the blank blocks of each component
};

// Writes the scan with its own Huffman tables. The bits of all other blocks stay, except where the prediction of their
// DC coefficient has changed. Returns false if the tables lack a code: then what was written is of no use. Throws
// DecodeError.
bool blank_with_own_tables(const SequentialScan& scan, BitOutput& to, Context& context);
// The same scan as symbols, for tables of its own.
void blank_as_symbols(const SequentialScan& scan, SymbolScan& to, Context& context);

}  // namespace dcmturbo::jpeg_dct
