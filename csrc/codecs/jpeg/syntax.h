// Headers of JPEG (ISO/IEC 10918-1), JPEG Lossless (the same, Annex H) and JPEG-LS (ISO/IEC 14495-1).
#pragma once

#include "base/fragments.h"
#include "codecs/jpeg/markers.h"
#include "image/component.h"

namespace dcmturbo {

// Reads the marker segments up to the first scan. Where the frame header leaves the height to DNL,
// also passes over that scan; where a lossless or JPEG-LS stream has a scan for each component,
// over all of them, because each states its own selection value or NEAR.
//
// Format: jpeg (SOF0, 1, 2, 9, 10), jpeg_lossless (SOF3, 11), jpegls (SOF55); hierarchical streams
// take that of their first frame header. `interleaved` tells that the first scan holds all components.
void probe_jpeg(jpeg::MarkerReader reader, Header& header);

// Walks every marker: segments well formed, RSTn in order and as many as DRI says, each component in
// some scan, EOI present. What follows EOI is ignored. Damage inside entropy-coded data is not seen.
// Refuses (unsupported) what no decoder here reads: arithmetic coding, hierarchical streams.
void check_jpeg(Bytes data, const Header& header);

}  // namespace dcmturbo
