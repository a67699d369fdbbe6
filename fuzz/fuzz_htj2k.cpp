// HTJ2K: any bytes as a codestream. The seeds in tests/regress/htj2k hold blocks of one and of both kinds, several HT
// sets, placeholder and refinement passes; the input is one of them, changed.
#include "codestreams.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    dcmturbo::fuzz::decode_every_way("1.2.840.10008.1.2.4.203", {data, data + size});
    return 0;
}
