#include "codecs/jpeg_lossless/codec.h"

#include "codecs/jpeg/syntax.h"

namespace dcmturbo {

namespace {

void probe(const Fragments& frame, const PixelAttributes&, Context& context, Header& header) {
    probe_jpeg(jpeg::MarkerReader(frame, context.arena), header);
}

}  // namespace

const Codec jpeg_lossless_codec = {
    .name = "jpeg_lossless",
    .reads_header = true,
    .probe = probe,
    .decode = jpeg_lossless::decode,
    .decode_components = jpeg_lossless::decode_components,
    .encode_bound = jpeg_lossless::encode_bound,
    .encode = jpeg_lossless::encode,
};

}  // namespace dcmturbo
