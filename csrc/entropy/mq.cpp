#include "entropy/mq.h"

#include "bits/mq_stuffing.h"

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

}  // namespace

constinit const std::array<MqState, 94> mq_states = make_states();

bool start_mq(const std::uint8_t* data, std::size_t size, std::uint32_t* words, MqDecoder& decoder) {
    const UnstuffedWords bits = unstuff_mq(data, size, words);
    decoder.last = bits.last;
    decoder.a = std::uint64_t{0x8000} << 48;
    decoder.c = std::uint64_t{words[0]} << 32 | std::uint64_t{1} << 31;
    decoder.next = words + 1;
    return bits.is_whole;
}

bool start_raw(const std::uint8_t* data, std::size_t size, std::uint32_t* words, RawDecoder& decoder) {
    const UnstuffedWords bits = unstuff_raw(data, size, words);
    decoder.last = bits.last;
    decoder.bits = 0;
    decoder.left = 0;
    decoder.next = words;
    return bits.is_whole;
}

}  // namespace dcmturbo
