#include "codecs/jpeg_lossless/codec.h"

#include "codecs/jpeg_lossless/options.h"

namespace dcmturbo {

const Codec jpeg_lossless_codec = {
    .name = "jpeg_lossless",
    .decode = jpeg_lossless::decode,
    .decode_components = jpeg_lossless::decode_components,
    .encode_bound = jpeg_lossless::encode_bound,
    .encode = jpeg_lossless::encode,
    .options = jpeg_lossless::options,
};

}  // namespace dcmturbo
