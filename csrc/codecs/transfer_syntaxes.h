// Transfer syntaxes (PS3.5, section 10 and annex A; PS3.6, annex A): the format of their frames, and what a transfer
// syntax promises about them. codecs/formats.h describes the formats.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "codecs/formats.h"

namespace dcmturbo {

// How the dataset itself is encoded (PS3.5, A.1 to A.5).
enum class DatasetEncoding : std::uint8_t { explicit_little, implicit_little, explicit_big, deflated };

// A parameter of the codestream's header (Header::parameters) that must lie within bounds. If a header does not have
// the parameter, its value is 0.
struct Promise {
    const char* parameter = nullptr;
    std::int64_t least = 0;
    std::int64_t most = 0;
};

struct TransferSyntax {
    std::string_view uid;      // these three end with a NUL, because they are literals
    std::string_view keyword;  // as pydicom.uid spells it
    std::string_view name;     // PS3.6
    Format format;             // the format of its frames
    DatasetEncoding dataset = DatasetEncoding::explicit_little;
    bool encapsulated = true;
    bool lossless_only = false;     // the transfer syntax promises that nothing was lost
    Format also = Format::unknown;  // another format that its frames may have
    // Frames are made by recompressing codestreams of this format, which can be restored from them.
    Format made_from = Format::unknown;
    std::array<Promise, 2> promises{};
    bool warns_of_promises = false;  // readers rely on the promises, so a frame that breaks one causes a warning
    // Lossy frames are not copied unchanged to a lossless-only syntax. They are copied if the syntax names a coding
    // process, because that process itself may lose information (point transform).
    bool names_process = false;
    bool retired = false;  // PS3.6: no longer written
    bool written = true;   // can be encoded to, if its format has an encoder
    bool general = false;  // the one with the fewest promises among those of its format
};

std::span<const TransferSyntax> transfer_syntaxes();

// Returns null if it is unknown. Accepts a UID, with trailing NULs or spaces, or a keyword.
const TransferSyntax* find_transfer_syntax(std::string_view uid_or_keyword);

// The general transfer syntax of a format; null if there is none.
const TransferSyntax* general_transfer_syntax(Format format);

// Whether a codestream with this header keeps all promises of the transfer syntax, so it can be stored in it unchanged.
bool keeps_promises(const TransferSyntax& syntax, const Header& header);

inline bool has_header(const TransferSyntax& syntax) { return row_of(syntax.format).has_header; }

}  // namespace dcmturbo
