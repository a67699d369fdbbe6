// JPEG 2000 and HTJ2K as codecs.
#include "codecs/jpeg2000/codec.h"

#include <cstring>

#include "base/checked.h"
#include "base/error.h"
#include "codecs/jpeg2000/encode.h"
#include "codecs/jpeg2000/excerpt.h"
#include "codecs/jpeg2000/options.h"
#include "codecs/jpeg2000/prefix.h"

namespace dcmturbo {

namespace jpeg2000 {

namespace {

Bytes encode_with(const FrameIn& frame, const EncodeOptions& options, bool is_high_throughput, Context& context) {
    const EncodeSettings settings = encode_settings(frame.attributes, options.values, is_high_throughput);
    return encode_frame(frame, settings, context);
}

}  // namespace

Bytes encode(const FrameIn& frame, const EncodeOptions& options, Context& context) {
    return encode_with(frame, options, false, context);
}

Bytes encode_high_throughput(const FrameIn& frame, const EncodeOptions& options, Context& context) {
    return encode_with(frame, options, true, context);
}

namespace {

// No decision takes more than 15 bits, but whole bit-planes of noise take little more than one bit a decision. Of each
// coefficient at most two decisions and a sign are coded in each of its bit-planes; HT blocks take less.
std::uint64_t encode_bound(const FrameIn& frame) {
    const PixelAttributes& a = frame.attributes;
    const std::uint64_t samples = std::uint64_t{a.rows} * a.columns * a.samples_per_pixel;
    const std::uint64_t of_each = (std::uint64_t{a.bits_stored} + 6) / 2;
    return checked_add<std::uint64_t>(checked_multiply<std::uint64_t>(samples, of_each), 1U << 16);
}

template <Bytes (*encode_frame_with)(const FrameIn&, const EncodeOptions&, Context&)>
std::size_t encode_into(const FrameIn& frame, std::span<std::byte> to, const EncodeOptions& options, Context& context) {
    const Bytes codestream = encode_frame_with(frame, options, context);
    if (codestream.size() > to.size())
        fail(ErrorCode::argument, no_offset, "the buffer for the encoded frame is too small");
    std::memcpy(to.data(), codestream.data(), codestream.size());
    return codestream.size();
}

}  // namespace

}  // namespace jpeg2000

const Codec jpeg2000_codec = {
    .name = "jpeg2000",
    .decode = jpeg2000::decode,
    .decode_components = jpeg2000::decode_components,
    .prefix_size = jpeg2000::prefix_size,
    .excerpt = jpeg2000::excerpt,
    .encode_bound = jpeg2000::encode_bound,
    .encode = jpeg2000::encode_into<jpeg2000::encode>,
    .encode_unbounded = jpeg2000::encode,
    .blank = jpeg2000::blank,
    .options = jpeg2000::options,
};

const Codec htj2k_codec = {
    .name = "htj2k",
    .decode = jpeg2000::decode,
    .decode_components = jpeg2000::decode_components,
    .prefix_size = jpeg2000::prefix_size,
    .excerpt = jpeg2000::excerpt,
    .encode_bound = jpeg2000::encode_bound,
    .encode = jpeg2000::encode_into<jpeg2000::encode_high_throughput>,
    .encode_unbounded = jpeg2000::encode_high_throughput,
    .blank = jpeg2000::blank,
    .options = jpeg2000::high_throughput_options,
};

}  // namespace dcmturbo
