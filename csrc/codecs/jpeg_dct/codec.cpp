#include "codecs/jpeg_dct/codec.h"

namespace dcmturbo {

namespace {

// Planes of components are the library's: it gives them only where no component is subsampled.
Outcome leave_components(const Fragments&, const Header&, std::span<const ComponentOut>, const Options&, Context&) {
    fail(ErrorCode::other_codec, no_offset, "the core does not return the components of JPEG");
}

}  // namespace

const Codec jpeg_codec = {
    .name = "jpeg",
    .decode = jpeg_dct::decode,
    .decode_components = leave_components,
    .encode_bound = nullptr,
    .encode = nullptr,
};

}  // namespace dcmturbo
