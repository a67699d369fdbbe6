// probe and check on arbitrary bytes: either a header or a DecodeError, in time linear in the input.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "base/error.h"
#include "codecs/probe.h"

using namespace dcmturbo;

namespace {

// What any caller may take for granted of a header.
void require_sane(const Header& header, std::size_t size) {
    bool sane =
        header.width != 0 && header.height != 0 && !header.components.empty() && header.components.size() <= 16384;
    sane = sane && header.codestream_offset <= size && header.codestream_size <= size - header.codestream_offset;
    for (const ComponentHeader& component : header.components) {
        sane = sane && component.precision >= 1 && component.precision <= 38 && component.horizontal_step >= 1 &&
               component.vertical_step >= 1 && component.width <= header.width && component.height <= header.height;
    }
    if (!sane) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    const Bytes data(reinterpret_cast<const std::byte*>(bytes), size);
    static Header header;  // as a worker's, from frame to frame
    try {
        probe(data, header);
        require_sane(header, size);
        check(data, header);
    } catch (const DecodeError& error) {
        if (error.code == ErrorCode::ok || error.code == ErrorCode::internal) std::abort();
        if (error.offset != no_offset && error.offset > size) std::abort();
    }
    return 0;
}
