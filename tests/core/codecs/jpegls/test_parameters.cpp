#include "codecs/jpegls/parameters.h"

#include <doctest/doctest.h>

#include <initializer_list>

using namespace dcmturbo::jpegls;

TEST_CASE("jpegls: parameters without presets are those of ISO/IEC 14495-1, C.2.4.1.1.1 and A.2.1") {
    struct Expected {
        unsigned precision, near_lossless;
        std::int32_t t1, t2, t3, range;
        unsigned qbpp, limit;
    };
    for (const Expected& e : {
             Expected{8, 0, 3, 7, 21, 256, 8, 32},  // table C.3
             Expected{12, 0, 18, 67, 276, 4096, 12, 48}, Expected{16, 0, 18, 67, 276, 65536, 16, 64},
             Expected{8, 3, 12, 22, 42, 38, 6, 32},
             Expected{2, 0, 2, 3, 3, 4, 2, 20},  // T3 is 4 at least, which MAXVAL does not allow: it becomes T2
         }) {
        CAPTURE(e.precision);
        REQUIRE(what_is_wrong({}, e.precision, e.near_lossless) == nullptr);
        const Parameters p = resolve({}, e.precision, e.near_lossless);
        CHECK(p.maxval == (1 << e.precision) - 1);
        CHECK(p.t1 == e.t1);
        CHECK(p.t2 == e.t2);
        CHECK(p.t3 == e.t3);
        CHECK(p.reset == 64);
        CHECK(p.range == e.range);
        CHECK(p.qbpp == e.qbpp);
        CHECK(p.limit == e.limit);
    }
}

TEST_CASE("jpegls: presets outside table C.1 are wrong") {
    CHECK(what_is_wrong({.maxval = 256}, 8, 0) != nullptr);
    CHECK(what_is_wrong({.maxval = 9}, 8, 5) != nullptr);
    CHECK(what_is_wrong({}, 8, 128) != nullptr);
    CHECK(what_is_wrong({}, 16, 256) != nullptr);
    CHECK(what_is_wrong({.t1 = 2}, 8, 2) != nullptr);
    CHECK(what_is_wrong({.t1 = 9, .t2 = 8}, 8, 0) != nullptr);
    CHECK(what_is_wrong({.t2 = 9, .t3 = 8}, 8, 0) != nullptr);
    CHECK(what_is_wrong({.t3 = 256}, 8, 0) != nullptr);
    CHECK(what_is_wrong({.reset = 2}, 8, 0) != nullptr);
    CHECK(what_is_wrong({.reset = 256}, 8, 0) != nullptr);
    CHECK(what_is_wrong({.reset = 4095}, 12, 0) == nullptr);
    CHECK(what_is_wrong({.maxval = 255, .t1 = 1, .t2 = 1, .t3 = 1, .reset = 3}, 8, 0) == nullptr);
}
