#include "codecs/jpeg2000/codec.h"

#include "codecs/jpeg2000/syntax.h"

namespace dcmturbo {

namespace {

// JPEG and JPEG-LS under this label: the first bytes tell, and another codec decodes it.
bool is_jpeg(Bytes data) {
    return data.size() >= 3 && data[0] == std::byte{0xFF} && data[1] == std::byte{0xD8} && data[2] == std::byte{0xFF};
}

void probe(const Fragments& frame, const PixelAttributes&, Context& context, Header& header) {
    const Bytes data = frame.contiguous(context.arena);
    if (is_jpeg(data)) fail(ErrorCode::other_codec, 0, "expected JPEG 2000, found the start of a JPEG stream");
    probe_jpeg2000(data, header);
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
