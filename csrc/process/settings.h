// The settings of dt.config, which hold for the whole process. Each call reads them once.
#pragma once

#include "base/limits.h"
#include "base/option.h"
#include "cpu/features.h"

namespace dcmturbo {

struct Settings {
    unsigned threads = 0;  // 0: default_threads()
    Isa isa = Isa::scalar;
    Limits limits;
    bool prefer_library = false;                   // use a library where both it and the core can decode or encode
    const OptionValues* decode_options = nullptr;  // of all codecs, from kept_values(); null if all have their default

    [[nodiscard]] const OptionValues& decode_values() const {
        return decode_options != nullptr ? *decode_options : no_option_values;
    }
};

// The first call reads DCMTURBO_NUM_THREADS, DCMTURBO_ISA and DCMTURBO_MAX_PIXELS from the environment.
Settings settings();
void set_settings(const Settings& settings);
// A copy that lives as long as the process: threads that decode may still use it when other values are set.
const OptionValues* kept_values(const OptionValues& values);

// The number of workers of a call: the number that the call asks for, otherwise the setting, otherwise the default.
unsigned resolve_threads(unsigned asked, const Settings& settings);

}  // namespace dcmturbo
