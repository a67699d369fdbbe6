// Headers of JPEG 2000 (ISO/IEC 15444-1 Annex A), HTJ2K (15444-15), and the JP2 and JPH boxes
// (15444-1 Annex I) that DICOM forbids and files hold all the same.
#pragma once

#include "base/fragments.h"
#include "image/component.h"

namespace dcmturbo {

// Finds the codestream and reads its main header, up to the first SOT: what tile-part headers say
// otherwise is not seen.
void probe_jpeg2000(Bytes data, Header& header);

// Walks the tile-parts by their lengths: every tile has one, none leaves the data, EOC ends them.
// Bare JPEG 2000 may lack EOC where each tile has just as many tile-parts as it announces (TNsot).
// HTJ2K may not: libraries decode a cut one without an error.
void check_jpeg2000(Bytes data, const Header& header);

}  // namespace dcmturbo
