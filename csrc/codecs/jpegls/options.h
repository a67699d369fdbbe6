// What JPEG-LS can be asked for.
#pragma once

#include "base/option.h"

namespace dcmturbo::jpegls {

inline constexpr Option near_lossless{
    .name = "near_lossless",
    .meaning = "The largest error that a sample may have (NEAR); 0 is lossless.",
    .type = OptionType::integer,
    .lowest = 0,
    .highest = 255,
    .default_value = 0,
    .loses_from = 1,
    .bounds_error = true,
};

inline constexpr Option interleave{
    .name = "interleave",
    .meaning =
        "How the samples of a pixel are ordered: all of one component, then the next ('none'), line by line, or "
        "sample by sample.",
    .type = OptionType::choice,
    .words = {"none", "line", "sample"},
    .default_value = 2,
};

inline constexpr Option restart_rows{
    .name = "restart_rows",
    .meaning = "The number of rows between restart markers; 0 writes no markers.",
    .type = OptionType::integer,
    .lowest = 0,
    .highest = 4294967295.0,
    .default_value = 0,
};

inline constexpr Option maxval{
    .name = "maxval",
    .meaning = "The largest sample (MAXVAL); 0 is the largest of BitsStored.",
    .type = OptionType::integer,
    .lowest = 0,
    .highest = 65535,
    .default_value = 0,
};

inline constexpr Option threshold_1{
    .name = "threshold_1",
    .meaning = "The first threshold of gradients (T1); 0 is the standard's default.",
    .type = OptionType::integer,
    .lowest = 0,
    .highest = 65535,
    .default_value = 0,
};

inline constexpr Option threshold_2{
    .name = "threshold_2",
    .meaning = "The second threshold of gradients (T2); 0 is the standard's default.",
    .type = OptionType::integer,
    .lowest = 0,
    .highest = 65535,
    .default_value = 0,
};

inline constexpr Option threshold_3{
    .name = "threshold_3",
    .meaning = "The third threshold of gradients (T3); 0 is the standard's default.",
    .type = OptionType::integer,
    .lowest = 0,
    .highest = 65535,
    .default_value = 0,
};

inline constexpr Option reset{
    .name = "reset",
    .meaning = "After how many samples a context is halved (RESET); 0 is the standard's default, 64.",
    .type = OptionType::integer,
    .lowest = 0,
    .highest = 65535,
    .default_value = 0,
};

inline constexpr const Option* options[] = {&near_lossless, &interleave,  &restart_rows, &maxval,
                                            &threshold_1,   &threshold_2, &threshold_3,  &reset};

}  // namespace dcmturbo::jpegls
