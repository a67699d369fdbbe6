// The options of each transfer syntax: those of the codec that encodes it, without those that the transfer syntax
// fixes.
#pragma once

#include <vector>

#include "base/option.h"
#include "codecs/transfer_syntaxes.h"

namespace dcmturbo {

// The options for encoding to a transfer syntax. Empty if no codec encodes it.
std::vector<const Option*> encode_options(const TransferSyntax& syntax, bool prefer_library);

// The options of all codecs for decoding.
std::vector<const Option*> decode_options();

}  // namespace dcmturbo
