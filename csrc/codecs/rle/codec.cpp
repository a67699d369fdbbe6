#include "codecs/rle/codec.h"

namespace dcmturbo {

const Codec rle_codec = {
    .name = "rle",
    .decode = rle::decode,
    .encode_bound = rle::encode_bound,
    .encode = rle::encode,
};

}  // namespace dcmturbo
