#include "codecs/rle/codec.h"

#include "codecs/frame_header.h"
#include "codecs/rle/segments.h"

namespace dcmturbo {

namespace {

void probe(const Fragments& frame, const PixelAttributes& attributes, Context& context, Header& header) {
    const Bytes bytes = frame.contiguous(context.arena);
    const rle::Segments segments = rle::read_segments(bytes, rle::segment_count(attributes));
    header_from_attributes(attributes, Format::rle, header);
    header.codestream_size = bytes.size();
    header.parameters.push_back({"segments", segments.count});
}

}  // namespace

const Codec rle_codec = {
    .name = "rle",
    .probe = probe,
    .decode = rle::decode,
    .encode_bound = rle::encode_bound,
    .encode = rle::encode,
};

}  // namespace dcmturbo
