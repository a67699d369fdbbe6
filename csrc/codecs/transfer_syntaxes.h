// Transfer syntaxes (PS3.5, section 10 and annex A; PS3.6, annex A): which format each names, and what its label
// promises of the frames under it. What a format is stands in codecs/formats.h.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "codecs/formats.h"

namespace dcmturbo {

// How the dataset itself is encoded (PS3.5, A.1 to A.5).
enum class DatasetEncoding : std::uint8_t { explicit_little, implicit_little, explicit_big, deflated };

// A parameter of the codestream's header (Header::parameters) that the label promises to lie within bounds. A header
// without the parameter says 0.
struct Promise {
    const char* parameter = nullptr;
    std::int64_t least = 0;
    std::int64_t most = 0;
};

struct TransferSyntax {
    std::string_view uid;      // these three end in a NUL: they are literals
    std::string_view keyword;  // as pydicom.uid spells it
    std::string_view name;     // PS3.6
    Format format;             // what its frames are, by the label
    DatasetEncoding dataset = DatasetEncoding::explicit_little;
    bool encapsulated = true;
    bool lossless_only = false;          // the label promises that nothing was lost
    Format also = Format::unknown;       // another format that its frames may have
    Format made_from = Format::unknown;  // frames are codestreams of that format made smaller, and give them back
    std::array<Promise, 2> promises{};
    bool warns_of_promises = false;  // readers rely on them: a frame that breaks one is worth a warning
    // Frames with loss are not copied into a lossless-only syntax; unless it names a process, whatever that has lost.
    bool names_process = false;
    bool retired = false;  // PS3.6: nothing new is written in it
    bool written = true;   // frames are encoded in it here, where its format has an encoder
    bool general = false;  // the one of its format whose label promises least
};

std::span<const TransferSyntax> transfer_syntaxes();

// Null for an unknown one. Accepts a UID (trailing NUL or space tolerated) or a keyword.
const TransferSyntax* find_transfer_syntax(std::string_view uid_or_keyword);

// The general transfer syntax of a format; null if there is none.
const TransferSyntax* general_transfer_syntax(Format format);

// Whether a frame with this header is all that the label promises, so that it can stand under it as it is.
bool keeps_promises(const TransferSyntax& syntax, const Header& header);

inline bool has_header(const TransferSyntax& syntax) { return row_of(syntax.format).has_header; }

}  // namespace dcmturbo
