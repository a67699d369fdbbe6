#include "entropy/mq.h"

#include "base/endian.h"

namespace dcmturbo {
namespace {

// Table C.2.
struct Estimate {
    std::uint16_t qe;
    std::uint8_t after_mps;
    std::uint8_t after_lps;
    bool switches;  // MPS
};
constexpr std::array<Estimate, 47> estimates = {{
    {0x5601, 1, 1, true},    {0x3401, 2, 6, false},   {0x1801, 3, 9, false},   {0x0ac1, 4, 12, false},
    {0x0521, 5, 29, false},  {0x0221, 38, 33, false}, {0x5601, 7, 6, true},    {0x5401, 8, 14, false},
    {0x4801, 9, 14, false},  {0x3801, 10, 14, false}, {0x3001, 11, 17, false}, {0x2401, 12, 18, false},
    {0x1c01, 13, 20, false}, {0x1601, 29, 21, false}, {0x5601, 15, 14, true},  {0x5401, 16, 14, false},
    {0x5101, 17, 15, false}, {0x4801, 18, 16, false}, {0x3801, 19, 17, false}, {0x3401, 20, 18, false},
    {0x3001, 21, 19, false}, {0x2801, 22, 19, false}, {0x2401, 23, 20, false}, {0x2201, 24, 21, false},
    {0x1c01, 25, 22, false}, {0x1801, 26, 23, false}, {0x1601, 27, 24, false}, {0x1401, 28, 25, false},
    {0x1201, 29, 26, false}, {0x1101, 30, 27, false}, {0x0ac1, 31, 28, false}, {0x09c1, 32, 29, false},
    {0x08a1, 33, 30, false}, {0x0521, 34, 31, false}, {0x0441, 35, 32, false}, {0x02a1, 36, 33, false},
    {0x0221, 37, 34, false}, {0x0141, 38, 35, false}, {0x0111, 39, 36, false}, {0x0085, 40, 37, false},
    {0x0049, 41, 38, false}, {0x0025, 42, 39, false}, {0x0015, 43, 40, false}, {0x0009, 44, 41, false},
    {0x0005, 45, 42, false}, {0x0001, 45, 43, false}, {0x5601, 46, 46, false},
}};

constexpr std::array<MqState, 94> make_states() {
    std::array<MqState, 94> states{};
    for (std::size_t i = 0; i < states.size(); ++i) {
        const Estimate& estimate = estimates[i / 2];
        const std::uint64_t mps = i % 2;
        const std::uint64_t after_mps = estimate.after_mps * 2u + mps;
        const std::uint64_t after_lps = estimate.after_lps * 2u + (estimate.switches ? 1 - mps : mps);
        states[i] = std::uint64_t{estimate.qe} << 48 | after_lps << 8 | after_mps;
    }
    return states;
}

// Puts bits into words of 32, the first at the top.
struct WordWriter {
    std::uint32_t* to;
    std::uint32_t* begin;
    std::uint64_t bits = 0;  // the lowest `count`
    unsigned count = 0;      // below 32 between calls

    void put(std::uint64_t value, unsigned width) {
        bits = bits << width | value;
        count += width;
        if (count < 32) return;
        count -= 32;
        *to++ = static_cast<std::uint32_t>(bits >> count);
        bits &= (std::uint64_t{1} << count) - 1;
    }
    // Adds 1 to the number that the bits so far are. A carry makes zeros of the ones that it passes, so all the
    // carries together pass no more bits than were put.
    void increment() {
        if (++bits >> count == 0) return;
        bits = 0;
        for (std::uint32_t* word = to; word != begin && ++*--word == 0;) {
        }
    }
    // Returns the last word, which is all ones.
    std::uint32_t* finish() {
        *to++ = static_cast<std::uint32_t>(bits << (32 - count)) | (count == 0 ? ~0u : ~0u >> count);
        *to = ~0u;
        return to;
    }
};

// The byte after an FF (C.3.4, D.6): 7 bits. In arithmetic coding its top bit is a carry into the bits before it, and
// there the number is formed at once: what the standard's registers take in late decides the same, because no encoder
// leaves a decision to a carry that is still to come. Raw bits have a stuffed 0 there.
template <bool is_raw>
bool unstuff(const std::uint8_t* data, std::size_t size, WordWriter& writer) {
    bool after_ff = false;
    std::size_t i = 0;
    while (i < size) {
        if (!after_ff && size - i >= 4) {
            const auto four = load_be<std::uint32_t>(data + i);
            if (((~four - 0x01010101u) & four & 0x80808080u) == 0) {  // none is FF
                writer.put(four, 32);
                i += 4;
                continue;
            }
        }
        const std::uint8_t byte = data[i++];
        if (after_ff) {
            if (byte > 0x8f) return false;
            if (!is_raw && byte >= 0x80) writer.increment();
            writer.put(byte & 0x7fu, 7);
        } else {
            writer.put(byte, 8);
        }
        after_ff = byte == 0xff;
    }
    return true;
}

}  // namespace

constinit const std::array<MqState, 94> mq_states = make_states();

bool start_mq(const std::uint8_t* data, std::size_t size, std::uint32_t* words, MqDecoder& decoder) {
    WordWriter writer{words, words};
    writer.put(0, 1);  // C starts with seven bits of the second byte (C.3.5)
    const bool is_whole = unstuff<false>(data, size, writer);
    decoder.last = writer.finish();
    decoder.a = std::uint64_t{0x8000} << 48;
    decoder.c = std::uint64_t{words[0]} << 32 | std::uint64_t{1} << 31;
    decoder.next = words + 1;
    return is_whole;
}

bool start_raw(const std::uint8_t* data, std::size_t size, std::uint32_t* words, RawDecoder& decoder) {
    WordWriter writer{words, words};
    const bool is_whole = unstuff<true>(data, size, writer);
    decoder.last = writer.finish();
    decoder.bits = 0;
    decoder.left = 0;
    decoder.next = words;
    return is_whole;
}

}  // namespace dcmturbo
