#include "codecs/jpeg_dct/codec.h"

namespace dcmturbo {

const Codec jpeg_codec = {
    .name = "jpeg",
    .decode = jpeg_dct::decode,
    .decode_components = jpeg_dct::decode_components,
    .encode_bound = nullptr,
    .encode = nullptr,
    .blank = jpeg_dct::blank,
};

}  // namespace dcmturbo
