#include "codecs/jpeg2000/codec.h"

#include "codecs/jpeg2000/syntax.h"

namespace dcmturbo {

namespace {

void probe(const Fragments& frame, const PixelAttributes&, Context& context, Header& header) {
    probe_jpeg2000(frame.contiguous(context.arena), header);
}

}  // namespace

const Codec jpeg2000_codec = {
    .name = "jpeg2000",
    .reads_header = true,
    .probe = probe,
    .decode = jpeg2000::decode,
    .decode_components = jpeg2000::decode_components,
    .encode_bound = nullptr,
    .encode = nullptr,
};

}  // namespace dcmturbo
