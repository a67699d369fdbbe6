#include "codecs/jpegls/codec.h"

#include "codecs/jpegls/options.h"

namespace dcmturbo {

const Codec jpegls_codec = {
    .name = "jpegls",
    .decode = jpegls::decode,
    .decode_components = jpegls::decode_components,
    .encode_bound = jpegls::encode_bound,
    .encode = jpegls::encode,
    .options = jpegls::options,
};

}  // namespace dcmturbo
