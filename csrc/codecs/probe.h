// Determines the format of a compressed frame from its own bytes, independent of the transfer syntax.
#pragma once

#include "base/fragments.h"
#include "image/component.h"

namespace dcmturbo {

// The format according to the signature. The three formats of JPEG have the same signature and differ in the frame
// header; JPEG 2000 and HTJ2K differ in the capabilities. For all of them this returns jpeg or jpeg2000. Returns
// `unknown` for formats without a signature (native, RLE, deflated).
Format sniff(Bytes data);

// The format of a whole frame, from its header or its RLE header (PS3.5, G.5). Returns `unknown` for everything else,
// also for a damaged header.
Format recognise(Bytes data);

// Reads the header of a format with a signature. Throws DecodeError: unsupported for other formats; truncated,
// malformed or limit if the probe of the format does. It decodes no pixels and takes microseconds. Only for a JPEG
// whose frame header has no size (DNL), it reads through the first scan.
void probe(Bytes data, Header& header);

// The same for a frame in fragments. They are joined in the arena only if the format needs it.
void probe(const Fragments& frame, Arena& arena, Header& header);

// Walks the markers or boxes of a frame after `probe`. Call it before a decoder that would not notice damage. Throws
// DecodeError: truncated, malformed, or unsupported if no codec decodes the coding process.
void check(Bytes data, const Header& header);

}  // namespace dcmturbo
