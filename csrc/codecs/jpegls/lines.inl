// Decoding and encoding lines, within a target region.

#include "entropy/golomb.inl"

#include "codecs/jpegls/samples.inl"

#include "codecs/jpegls/decode_lines.inl"
#include "codecs/jpegls/encode_lines.inl"

constexpr LineKernels table = {
    .decode_line = decode_line,
    .decode_samples = decode_samples,
    .encode_line = encode_line,
    .encode_samples = encode_samples,
};
