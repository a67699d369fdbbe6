// The options of the libraries' encoders. src/dcmturbo/formats/library/encoding.py reads their values.
#pragma once

#include "base/option.h"

namespace dcmturbo::library_options {

inline constexpr Option quality{
    .name = "quality",
    .meaning = "The quality of libjpeg: the higher, the better the image and the larger the file.",
    .type = OptionType::integer,
    .lowest = 1,
    .highest = 100,
    .default_value = 90,
    .loses_from = Option::any_value,
};

inline constexpr Option ratio{
    .name = "ratio",
    .meaning =
        "The size of the array divided by the encoded size: the encoder finds the best quality that reaches it, "
        "which takes about seven times as long.",
    .type = OptionType::number,
    .lowest = 1,
    .loses_from = Option::any_value,
};

inline constexpr Option from_rgb{
    .name = "from_rgb",
    .meaning = "The samples are RGB and are converted to YBR_FULL or YBR_FULL_422.",
    .type = OptionType::flag,
    .default_value = 0,
};

inline constexpr Option selection_value{
    .name = "selection_value",
    .meaning = "The predictor.",
    .type = OptionType::integer,
    .lowest = 1,
    .highest = 7,
    .default_value = 1,
};

inline constexpr Option near_lossless{
    .name = "near_lossless",
    .meaning = "The largest error that a sample may have; 0 is lossless.",
    .type = OptionType::integer,
    .lowest = 0,
    .highest = 255,
    .default_value = 0,
    .loses_from = 1,
    .bounds_error = true,
};

inline constexpr Option psnr{
    .name = "psnr",
    .meaning = "The peak signal-to-noise ratio to reach, in decibels.",
    .type = OptionType::number,
    .lowest = 1,
    .highest = 200,
    .loses_from = Option::any_value,
};

inline constexpr Option quantisation_step{
    .name = "quantisation_step",
    .meaning = "The step of the quantiser, as a part of the range of the samples: the smaller, the better the image.",
    .type = OptionType::number,
    .lowest = 1e-6,
    .highest = 0.5,
    .loses_from = Option::any_value,
};

inline constexpr Option distance{
    .name = "distance",
    .meaning = "The visible difference that is allowed (Butteraugli): 1 is just noticeable.",
    .type = OptionType::number,
    .lowest = 0.01,
    .highest = 25,
    .loses_from = Option::any_value,
};

inline constexpr Option effort{
    .name = "effort",
    .meaning = "How much time the encoder may take for a smaller file.",
    .type = OptionType::integer,
    .lowest = 1,
    .highest = 10,
    .default_value = 7,
};

inline constexpr Option level{
    .name = "level",
    .meaning = "How much time the encoder may take for a smaller file; 0 stores the data without compression.",
    .type = OptionType::integer,
    .lowest = 0,
    .highest = 9,
    .default_value = 6,
};

inline constexpr const Option* jpeg[] = {&quality, &ratio, &from_rgb};
inline constexpr const Option* jpeg_lossless[] = {&selection_value};
inline constexpr const Option* jpegls[] = {&near_lossless};
inline constexpr const Option* jpeg2000[] = {&ratio, &psnr};
inline constexpr const Option* htj2k[] = {&ratio, &quantisation_step};
inline constexpr const Option* jpegxl[] = {&ratio, &distance, &effort};
inline constexpr const Option* deflated_frame[] = {&level};

}  // namespace dcmturbo::library_options
