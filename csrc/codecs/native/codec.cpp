#include "codecs/native/codec.h"

#include "codecs/frame_header.h"

namespace dcmturbo {

namespace {

void probe(const Fragments& frame, const PixelAttributes& attributes, Context&, Header& header) {
    header_from_attributes(attributes, Format::native, header);
    header.codestream_size = frame.size();
}

}  // namespace

const Codec native_codec = {
    .name = "native",
    .probe = probe,
    .decode = native::decode,
    .encode_bound = native::encode_bound,
    .encode = native::encode,
};

}  // namespace dcmturbo
