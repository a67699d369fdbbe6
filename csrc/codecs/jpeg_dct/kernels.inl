// What is compiled for each instruction set, and the table of it.
#include "codecs/jpeg_dct/inverse_dct.inl"
#if defined(DCMTURBO_TARGET_AVX2) || defined(DCMTURBO_TARGET_AVX512)
#include "codecs/jpeg_dct/inverse_dct_avx2.inl"
#else
#include "codecs/jpeg_dct/inverse_dct_scalar.inl"
#endif
// They use what the others define.
#include "codecs/jpeg_dct/data_units.inl"
#include "codecs/jpeg_dct/upsampling.inl"

constexpr DctKernels table = {
    .decode_mcus8 = decode_mcus<std::uint8_t>,
    .decode_mcus12 = decode_mcus<std::uint16_t>,
    .transform_blocks8 = transform_blocks<std::uint8_t>,
    .transform_blocks12 = transform_blocks<std::uint16_t>,
    .double_columns8 = double_columns<std::uint8_t>,
    .double_columns12 = double_columns<std::uint16_t>,
    .between_rows8 = between_rows<std::uint8_t>,
    .between_rows12 = between_rows<std::uint16_t>,
};
