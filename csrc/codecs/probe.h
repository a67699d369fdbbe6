// What a compressed frame is, by its own first bytes and whatever the transfer syntax says.
#pragma once

#include "base/fragments.h"
#include "image/component.h"

namespace dcmturbo {

// The format by signature alone. JPEG's three formats are told apart by the frame header, JPEG 2000
// from HTJ2K by the capabilities: this names jpeg and jpeg2000 for all of them. `unknown` for
// formats without a signature (native, RLE, deflated).
Format sniff(Bytes data);

// The format of a whole frame: what its header says, or that it begins with an RLE header (PS3.5, G.5). `unknown` for
// everything else, a damaged header included.
Format recognise(Bytes data);

// Fills the header of any format with a signature. Throws DecodeError(unsupported) for others, and
// truncated, malformed, limit as the format's own probe does. Costs microseconds, no pixel work;
// for a JPEG without a size in its frame header (DNL), one pass over the first scan.
void probe(Bytes data, Header& header);

// The same of a frame in fragments, which are joined in the arena only where the format needs it.
void probe(const Fragments& frame, Arena& arena, Header& header);

// Walks the markers or boxes of a frame that `probe` has read, before a decoder that would not
// notice damage gets it. Throws DecodeError: truncated, malformed, or unsupported for a process
// that nothing here decodes.
void check(Bytes data, const Header& header);

}  // namespace dcmturbo
