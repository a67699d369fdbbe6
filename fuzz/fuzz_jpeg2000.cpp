// JPEG 2000: any bytes as a codestream or a JP2 file. The seeds in tests/regress/jpeg2000 hold every progression,
// code-block style and layout of tiles; the input is one of them, changed.
#include "codestreams.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    dcmturbo::fuzz::decode_every_way("1.2.840.10008.1.2.4.91", {data, data + size});
    return 0;
}
