// Chooses between the core's own codec and a library's.
#include "codecs/registry.h"

#include "base/error.h"

namespace dcmturbo {

const Codec& decoder_of(Format format, bool prefer_library) {
    const FormatRow& row = row_of(format);
    if (row.own != nullptr && !(prefer_library && row.library != nullptr)) return *row.own;
    if (row.library != nullptr) return *row.library;
    fail(ErrorCode::unsupported, no_offset, "dcmturbo cannot decode %s", row.title);
}

bool is_decoded(const TransferSyntax& syntax) {
    const FormatRow& row = row_of(syntax.format);
    return row.own != nullptr || row.library != nullptr;
}

Coder encoder_of(const TransferSyntax& syntax, bool prefer_library) {
    if (!syntax.written) return Coder::nobody;
    const FormatRow& row = row_of(syntax.format);
    // If frames are made from codestreams of another format instead of samples, the core does not encode them.
    const bool own = row.own != nullptr && row.own->encode != nullptr && syntax.made_from == Format::unknown;
    if (own && !(prefer_library && row.library_encodes)) return Coder::own;
    return row.library_encodes ? Coder::library : Coder::nobody;
}

}  // namespace dcmturbo
