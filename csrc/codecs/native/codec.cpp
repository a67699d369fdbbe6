#include "codecs/native/codec.h"

namespace dcmturbo {

const Codec native_codec = {
    .name = "native",
    .decode = native::decode,
    .encode_bound = native::encode_bound,
    .encode = native::encode,
};

}  // namespace dcmturbo
