// HTJ2K, encoded and decoded again.
#include "encode_round_trip.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    dcmturbo::fuzz::encode_round_trip({"1.2.840.10008.1.2.4.203", 31, true}, data, size);
    return 0;
}
