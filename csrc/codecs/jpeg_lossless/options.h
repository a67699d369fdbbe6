// What JPEG Lossless can be asked for.
#pragma once

#include "base/option.h"

namespace dcmturbo::jpeg_lossless {

inline constexpr Option selection_value{
    .name = "selection_value",
    .meaning = "The predictor; 'best' takes the one that an estimate from some of the rows finds best.",
    .type = OptionType::integer,
    .lowest = 1,
    .highest = 7,
    .words = {"best"},
    .default_value = 1,
};

inline constexpr Option restart_rows{
    .name = "restart_rows",
    .meaning = "The number of rows between restart markers; 0 writes no markers.",
    .type = OptionType::integer,
    .lowest = 0,
    .highest = 65535,
    .default_value = 0,
};

inline constexpr Option category_16_has_bits{
    .name = "category_16_has_bits",
    .meaning =
        "Decode JPEG Lossless of some old encoders, which wrote 16 bits after the code of category 16, against "
        "ISO/IEC 10918-1, H.1.2.2; set it only for their files, because others then decode to wrong pixels.",
    .type = OptionType::flag,
    .use = OptionUse::decoding,
    .default_value = 0,
};

inline constexpr const Option* options[] = {&selection_value, &restart_rows, &category_16_has_bits};

}  // namespace dcmturbo::jpeg_lossless
