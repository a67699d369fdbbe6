// What dt.config sets for the whole process. Read once a call.
#pragma once

#include "base/limits.h"
#include "cpu/features.h"

namespace dcmturbo {

struct Settings {
    unsigned threads = 0;  // 0: default_threads()
    Isa isa = Isa::scalar;
    Limits limits;
    bool prefer_library = false;        // over the core's own codecs, where there is one
    bool category_16_has_bits = false;  // JPEG Lossless of some old encoders: codecs/codec.h, Options
};

// The first call reads DCMTURBO_NUM_THREADS, DCMTURBO_ISA and DCMTURBO_MAX_PIXELS.
Settings settings();
void set_settings(const Settings& settings);

// How many workers a call may use: what it asked for, else the setting, else the default.
unsigned resolve_threads(unsigned asked, const Settings& settings);

}  // namespace dcmturbo
