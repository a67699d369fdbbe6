// Chooses the codec that decodes or encodes. No other code decides between the core's own codec and a library's.
#pragma once

#include "codecs/codec.h"
#include "codecs/transfer_syntaxes.h"

namespace dcmturbo {

// The codec for frames of a format, whatever their transfer syntax is. Throws DecodeError(unsupported) if there is
// none.
const Codec& decoder_of(Format format, bool prefer_library);

// Whether frames of a transfer syntax can be decoded at all.
bool is_decoded(const TransferSyntax& syntax);

enum class Coder : std::uint8_t { nobody, own, library };

// Which side encodes frames to a transfer syntax.
Coder encoder_of(const TransferSyntax& syntax, bool prefer_library);

}  // namespace dcmturbo
