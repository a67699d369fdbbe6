// Deflated Image Frame Compression (PS3.5, A.4.13): a frame is a raw deflate stream of native cells.
#include "base/checked.h"
#include "codecs/frame_format.h"
#include "codecs/library.h"
#include "codecs/native/codec.h"

namespace dcmturbo {

namespace {

Outcome decode(const Fragments& frame, const PixelAttributes& attributes, const Header&, const FrameOut& out,
               const Options& options, Context& context) {
    Header header;
    header.format = Format::deflated;
    const std::uint64_t size = checked_add(native_frame_bits(attributes), 7) / 8;
    if (size > context.limits.max_scratch || size > 0xffffffff)
        fail(ErrorCode::limit, no_offset, "the inflated frame would take %llu bytes of scratch memory",
             static_cast<unsigned long long>(size));
    FrameOut bytes;
    bytes.base = context.arena.allocate(static_cast<std::size_t>(size));
    bytes.format.rows = 1;
    bytes.format.columns = static_cast<std::uint32_t>(size);
    bytes.row_stride = static_cast<std::ptrdiff_t>(size);
    bytes.pixel_stride = 1;
    decode_with_library(frame.contiguous(context.arena), header, bytes);
    const Bytes inflated{bytes.base, static_cast<std::size_t>(size)};
    return native::decode(Fragments(inflated), attributes, header, out, options, context);
}

}  // namespace

const Codec deflated_frame_codec = {
    .name = "deflated",
    .decode = decode,
    .encode_bound = nullptr,
    .encode = nullptr,
};

}  // namespace dcmturbo
