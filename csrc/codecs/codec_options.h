// Which options there are, by transfer syntax: those of the codec that encodes it, without what its label forbids.
#pragma once

#include <vector>

#include "base/option.h"
#include "codecs/transfer_syntaxes.h"

namespace dcmturbo {

// The options of encoding in a transfer syntax; none where nothing encodes it.
std::vector<const Option*> encode_options(const TransferSyntax& syntax, bool prefer_library);

// The options of decoding, of all codecs.
std::vector<const Option*> decode_options();

}  // namespace dcmturbo
