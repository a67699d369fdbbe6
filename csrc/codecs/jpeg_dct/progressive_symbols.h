// The coefficients of a progressive image as a scan (ISO/IEC 10918-1, G.1.2).
#pragma once

#include "base/context.h"
#include "codecs/jpeg/scan_walk.h"
#include "codecs/jpeg_dct/progressive.h"
#include "codecs/jpeg_dct/scan_writer.h"

namespace dcmturbo::jpeg_dct {

// Encodes what the last scan of `walk` has: its components, positions and bits of the coefficients.
void encode_progressive_scan(const jpeg::ScanWalk& walk, const ProgressiveImage& image, SymbolScan& to,
                             Context& context);

}  // namespace dcmturbo::jpeg_dct
