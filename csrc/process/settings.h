// What dt.config sets for the whole process. Read once a call.
#pragma once

#include <memory>

#include "base/limits.h"
#include "base/option.h"
#include "cpu/features.h"

namespace dcmturbo {

struct Settings {
    unsigned threads = 0;  // 0: default_threads()
    Isa isa = Isa::scalar;
    Limits limits;
    bool prefer_library = false;                         // over the core's own codecs, where there is one
    std::shared_ptr<const OptionValues> decode_options;  // of all codecs; null where all have their defaults

    [[nodiscard]] const OptionValues& decode_values() const {
        return decode_options ? *decode_options : no_option_values;
    }
};

// The first call reads DCMTURBO_NUM_THREADS, DCMTURBO_ISA and DCMTURBO_MAX_PIXELS.
Settings settings();
void set_settings(const Settings& settings);

// How many workers a call may use: what it asked for, else the setting, else the default.
unsigned resolve_threads(unsigned asked, const Settings& settings);

}  // namespace dcmturbo
