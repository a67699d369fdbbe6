#include <doctest/doctest.h>

#include "dcmturbo.h"

TEST_CASE("quick frames: small ones that are stored or in RLE") {
    constexpr const char* rle = "1.2.840.10008.1.2.5";
    CHECK(dcmturbo_is_quick(rle, 32 << 10) == 1);
    CHECK(dcmturbo_is_quick(rle, (32 << 10) + 1) == 0);
    CHECK(dcmturbo_is_quick("1.2.840.10008.1.2.1", 100) == 1);     // Explicit VR Little Endian
    CHECK(dcmturbo_is_quick("1.2.840.10008.1.2.4.90", 100) == 0);  // JPEG 2000 lossless
    CHECK(dcmturbo_is_quick("1.2.840.10008.1.2.8.1", 100) == 0);   // Deflated Image Frame
    CHECK(dcmturbo_is_quick("1.2.3", 100) == 0);
}
