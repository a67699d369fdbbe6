// Transfer syntaxes (PS3.5, section 10 and annex A; PS3.6, annex A) and the codec that decodes each.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "codecs/codec.h"

namespace dcmturbo {

// What stands in the frames of a transfer syntax. The codestream decides over the label between the
// formats of one family (a .50 file may hold a lossless JPEG); never across families.
enum class Family : std::uint8_t {
    native,
    rle,
    jpeg,
    jpegls,
    jpeg2000,
    jpegxl,
    deflated_frame,
    video,
    referenced,
    real_time,
};

struct TransferSyntax {
    std::string_view uid;      // these three end in a NUL: they are literals
    std::string_view keyword;  // as pydicom.uid spells it
    std::string_view name;     // PS3.6
    Family family;
    bool encapsulated;
    bool lossless_only;  // the label promises that nothing was lost
    const Codec* own;    // the core's own codec; null where a library does it, or nothing
    bool library;        // a library codec (dcmturbo.library) decodes it
};

std::span<const TransferSyntax> transfer_syntaxes();

// The core's codec for frames of a format, whatever the label says; null where a library decodes them.
const Codec* codec_for(Format format);

// Null for an unknown one. Accepts a UID (trailing NUL or space tolerated) or a keyword.
const TransferSyntax* find_transfer_syntax(std::string_view uid_or_keyword);

}  // namespace dcmturbo
