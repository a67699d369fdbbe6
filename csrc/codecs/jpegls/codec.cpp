#include "codecs/jpegls/codec.h"

namespace dcmturbo {

const Codec jpegls_codec = {
    .name = "jpegls",
    .decode = jpegls::decode,
    .decode_components = jpegls::decode_components,
    .encode_bound = nullptr,
    .encode = nullptr,
};

}  // namespace dcmturbo
