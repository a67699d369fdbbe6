// JPEG: any bytes as a stream; and streams whose headers are right, with any sampling factors, tables, scans and
// restart intervals, and whose data are not. Every instruction set, strictly and under salvage, must agree, and a
// region must have the pixels of the whole.
#include <algorithm>

#include "codestreams.h"
#include "entropy/huffman.h"
#include "numbers.h"

namespace {

using namespace dcmturbo;
using namespace dcmturbo::fuzz;

constexpr const char* syntax = "1.2.840.10008.1.2.4.51";

void put(Stream& stream, std::initializer_list<unsigned> bytes) {
    for (const unsigned byte : bytes) stream.push_back(static_cast<std::uint8_t>(byte));
}

void put_table(Stream& stream, Numbers& input, unsigned class_and_destination) {
    Stream counts;
    Stream symbols;
    std::uint32_t used = 0;
    for (unsigned length = 1; length <= max_code_length; ++length) {
        const std::uint32_t free = ((1u << max_code_length) - used) >> (max_code_length - length);
        const auto count = std::min<std::size_t>({input.below(6), free, 200 - symbols.size()});
        counts.push_back(static_cast<std::uint8_t>(count));
        used += static_cast<std::uint32_t>(count) << (max_code_length - length);
        for (std::size_t i = 0; i < count; ++i) {
            const unsigned symbol = input.byte();
            symbols.push_back(static_cast<std::uint8_t>(class_and_destination < 16 ? symbol % 16 : symbol));
        }
    }
    put(stream, {0xFF, 0xC4, 0, static_cast<unsigned>(19 + symbols.size()), class_and_destination});
    stream.insert(stream.end(), counts.begin(), counts.end());
    stream.insert(stream.end(), symbols.begin(), symbols.end());
}

// The positions and bits of a scan: Ss, Se, Ah and Al.
struct Part {
    unsigned first = 0;
    unsigned last = 63;
    unsigned bits = 0;
};

void put_scan(Stream& stream, Numbers& input, unsigned first, unsigned count, unsigned interval,
              const Part& part = {}) {
    put(stream, {0xFF, 0xDA, 0, 6 + 2 * count, count});
    for (unsigned i = first; i < first + count; ++i) put(stream, {i + 1, input.byte() % 2 * 0x11u});
    put(stream, {part.first, part.last, part.bits});
    const unsigned runs = interval == 0 ? 1 : 1 + input.byte() % 24;
    for (unsigned run = 0; run < runs; ++run) {
        for (unsigned left = 1 + input.below(400); left > 0; --left) {
            const unsigned byte = input.byte();
            put(stream, {byte});
            if (byte == 0xFF) put(stream, {0});
        }
        if (run + 1 < runs) put(stream, {0xFF, 0xD0 + run % 8});
    }
}

Stream stream_from(Numbers& input) {
    Stream stream;
    put(stream, {0xFF, 0xD8});
    const unsigned precision = input.byte() % 4 == 0 ? 12 : 8;
    const unsigned count = 1 + input.byte() % 4;
    for (unsigned i = 0; i < 2; ++i) {
        put(stream, {0xFF, 0xDB, 0, 67, i});
        for (unsigned k = 0; k < 64; ++k) put(stream, {input.byte()});
    }
    const bool is_progressive = input.byte() % 3 == 0;
    put(stream, {0xFF, is_progressive ? 0xC2u : 0xC1u, 0, 8 + 3 * count, precision, 0, 1 + input.byte() % 60u, 0,
                 1 + input.byte() % 60u, count});
    for (unsigned i = 0; i < count; ++i) {
        static constexpr unsigned factors[] = {0x11, 0x21, 0x12, 0x22, 0x41, 0x14, 0x42, 0x31};
        put(stream, {i + 1, factors[input.byte() % 8], i % 2});
    }
    for (unsigned i = 0; i < 2; ++i) {
        put_table(stream, input, i);
        put_table(stream, input, 16 + i);
    }
    const unsigned interval = input.byte() % 3 == 0 ? 1 + input.byte() % 12u : 0;
    if (interval != 0) put(stream, {0xFF, 0xDD, 0, 4, 0, interval});
    if (is_progressive) {
        // Two passes over all positions, the second of which adds the lowest bit.
        const unsigned last = 1 + input.byte() % 63;
        for (const unsigned bits : {0x01u, 0x10u}) {
            put_scan(stream, input, 0, count, interval, {0, 0, bits});
            for (unsigned i = 0; i < count; ++i) {
                put_scan(stream, input, i, 1, interval, {1, last, bits});
                if (last < 63) put_scan(stream, input, i, 1, interval, {last + 1, 63, bits});
            }
        }
    } else if (input.byte() % 2 == 0) put_scan(stream, input, 0, count, interval);
    else
        for (unsigned i = 0; i < count; ++i) put_scan(stream, input, i, 1, interval);
    put(stream, {0xFF, 0xD9});
    return stream;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2 || size > 1 << 14) return 0;
    if ((data[0] & 1) == 0) {
        decode_every_way(syntax, Stream(data + 1, data + size));
    } else {
        Numbers input(data + 1, size - 1);
        decode_every_way(syntax, stream_from(input));
    }
    return 0;
}
