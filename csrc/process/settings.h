// The settings of dt.config, which hold for the whole process. Each call reads them once.
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
    bool prefer_library = false;  // use a library where both it and the core can decode or encode
    std::shared_ptr<const OptionValues> decode_options;  // of all codecs; null if all options have their default

    [[nodiscard]] const OptionValues& decode_values() const {
        return decode_options ? *decode_options : no_option_values;
    }
};

// The first call reads DCMTURBO_NUM_THREADS, DCMTURBO_ISA and DCMTURBO_MAX_PIXELS from the environment.
Settings settings();
void set_settings(const Settings& settings);

// The number of workers of a call: the number that the call asks for, otherwise the setting, otherwise the default.
unsigned resolve_threads(unsigned asked, const Settings& settings);

}  // namespace dcmturbo
