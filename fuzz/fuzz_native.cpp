// Native pixel data: any bytes as a frame, little and big endian, on every instruction set.
#include "frames.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    dcmturbo::fuzz::decode_everywhere("ExplicitVRLittleEndian", data, size);
    return 0;
}
