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
    bool library;        // a library codec (dcmturbo.formats.library) decodes it
};

std::span<const TransferSyntax> transfer_syntaxes();

// Whether each frame of a family begins with a header, which then says what the frame is, whatever its label says.
constexpr bool has_codestream_header(Family family) {
    return family == Family::jpeg || family == Family::jpegls || family == Family::jpeg2000 || family == Family::jpegxl;
}

// The core's own codec for frames of a format, whatever the label says; null where only a library decodes them.
const Codec* codec_for(Format format);

// Who decodes frames of a format: the one place that decides between the core's own codec and a library's.
const Codec& decoder_of(Format format, bool prefer_library);

// The format of frames that have no header, by their label.
Format format_without_header(Family family);

// Null for an unknown one. Accepts a UID (trailing NUL or space tolerated) or a keyword.
const TransferSyntax* find_transfer_syntax(std::string_view uid_or_keyword);

}  // namespace dcmturbo
