// Copies codestreams of JPEG 2000 and HTJ2K without what does not describe the image: comments, the boxes of a file
// around the codestream, and whatever comes after EOC. All of these can hold the name of a patient.
#pragma once

#include <cstdint>
#include <vector>

#include "base/fragments.h"
#include "codecs/jpeg2000/codestream/header_writer.h"
#include "codecs/jpeg2000/codestream/tile_part.h"
#include "image/component.h"

namespace dcmturbo {

// The bare codestream. Packets keep their bytes. TLM is written anew if it was there. Throws DecodeError if the
// tile-parts cannot be followed to the end.
std::vector<std::uint8_t> clean_jpeg2000(Bytes data, const Header& header);

namespace jpeg2000 {

// Whether a marker segment says how to decode the image, or where its parts are. A comment does neither, nor does a
// segment that no part of the standard defines.
bool describes_image(std::uint8_t code);

// Copies the segments that describe the image from SOC up to the first tile-part. If the source has TLM, room is left
// for the lengths of `parts` tile-parts. PLM is copied if `keeps_packet_lengths`.
void copy_main_header(const Codestream& codestream, std::uint64_t parts, bool keeps_packet_lengths,
                      HeaderWriter& writer);

// Copies the segments of a tile-part's header that describe the image, from SOT on without it, up to SOD. PLT is copied
// if `keeps_packet_lengths`.
void copy_tile_part_header(const Codestream& codestream, const TilePartData& part, bool keeps_packet_lengths,
                           HeaderWriter& writer);

// Copies a tile-part, the rest of its header included.
void copy_tile_part(const Codestream& codestream, const TilePartData& part, HeaderWriter& writer);

}  // namespace jpeg2000

}  // namespace dcmturbo
