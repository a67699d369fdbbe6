#include "codecs/jpeg2000/codec.h"

namespace dcmturbo {

const Codec jpeg2000_codec = {
    .name = "jpeg2000",
    .decode = jpeg2000::decode,
    .decode_components = jpeg2000::decode_components,
    .encode_bound = nullptr,
    .encode = nullptr,
};

}  // namespace dcmturbo
