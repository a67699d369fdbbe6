#include "process/settings.h"

#include <doctest/doctest.h>

#include "codecs/codec_options.h"

using namespace dcmturbo;

TEST_CASE("settings: what was set, until something else is") {
    const Settings before = settings();
    Settings wanted = before;
    wanted.threads = 7;
    wanted.isa = Isa::scalar;
    wanted.limits = {.max_pixels = 1, .max_output = 2, .max_scratch = 3};
    wanted.prefer_library = !before.prefer_library;
    set_settings(wanted);
    const Settings found = settings();
    CHECK(found.threads == 7);
    CHECK(found.isa == Isa::scalar);
    CHECK(found.limits.max_pixels == 1);
    CHECK(found.limits.max_output == 2);
    CHECK(found.limits.max_scratch == 3);
    CHECK(found.prefer_library != before.prefer_library);
    set_settings(before);
    CHECK(settings().limits.max_pixels == before.limits.max_pixels);
}

TEST_CASE("settings: equal options of decoding are kept once") {
    const Option& option = *decode_options().front();
    OptionValues values;
    values.set(option, 1);
    const OptionValues same = values;
    const OptionValues* const kept = kept_values(values);
    CHECK(kept->number(option) == 1);
    CHECK(kept_values(same) == kept);
    values.set(option, 0);
    CHECK(kept_values(values) != kept);
    CHECK(kept->number(option) == 1);
}
