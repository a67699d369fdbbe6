// Code-blocks of JPEG 2000: any bytes as the segments of a block, on every instruction set, narrow and wide, against
// the plain reference; and any bytes as coefficients, encoded by the reference and decoded again.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "block_reference.h"
#include "codecs/jpeg2000/blocks/mq_block.h"

namespace {

using namespace dcmturbo;
using namespace dcmturbo::jpeg2000;

void require(bool condition, const char* what) {
    if (condition) return;
    std::fprintf(stderr, "not so: %s\n", what);
    std::abort();
}

constexpr std::size_t header_size = 8;

struct Segment {
    std::vector<std::uint8_t> bytes;
    std::uint32_t passes;
};

// A buffer of exactly what may be read.
struct Readable {
    explicit Readable(const Segment& segment) : bytes(segment.bytes) { bytes.resize(bytes.size() + 16, 0x5a); }
    std::vector<std::uint8_t> bytes;
};

struct Expected {
    std::vector<std::int64_t> coefficients;
    bool is_damaged = false;
};

Expected decode_plainly(const CodeBlock& block, const std::vector<Segment>& segments) {
    reference::Block<reference::Decoder> decoder(static_cast<int>(block.width), static_cast<int>(block.height),
                                                 static_cast<int>(block.orientation), block.style, block.bit_planes);
    const unsigned most = block.bit_planes == 0 ? 0 : 3u * block.bit_planes - 2u;
    unsigned pass = 0;
    bool is_right = true;
    bool is_marked = false;
    // The last pass may end early where an encoder has left passes out behind it, unless each is terminated.
    std::size_t last = 0;
    for (const Segment& segment : segments) last += segment.passes;
    if (last >= most || (block.style & 4) != 0) last = 0;
    for (const Segment& segment : segments) {
        bool is_raw = false;
        for (std::uint32_t k = 0; is_right && k < segment.passes; ++k) {
            is_right = pass < most;
            if (!is_right) break;
            const bool is_pass_raw = decoder.is_raw(block.style, pass);
            if (k == 0) {
                is_raw = is_pass_raw;
                decoder.coder.start(segment.bytes.data(), segment.bytes.size(), is_raw);
                is_marked = is_marked || decoder.coder.has_marker();
            }
            is_right = is_pass_raw == is_raw;
            const bool was_damaged = decoder.is_damaged;
            if (is_right) decoder.run(pass++);
            if (is_right && pass == last) decoder.is_damaged = was_damaged;
        }
    }
    Expected expected;
    expected.is_damaged = !is_right || is_marked || decoder.is_damaged;
    for (std::size_t i = 0; i < decoder.magnitude.size(); ++i) {
        const auto magnitude = static_cast<std::int64_t>(decoder.magnitude[i]);
        expected.coefficients.push_back(decoder.negative[i] != 0 ? -magnitude : magnitude);
    }
    return expected;
}

template <typename Coefficient, typename Decode>
void compare(const CodeBlock& block, const Expected& expected, Decode&& decode) {
    constexpr Coefficient untouched = 0x77777777;
    const std::size_t stride = block.width + 3;
    std::vector<Coefficient> to(stride * block.height, untouched);
    Arena arena;
    const BlockOutcome outcome = decode(to.data(), stride, arena);
    require(outcome.is_damaged == expected.is_damaged, "damage is told alike");
    for (std::size_t y = 0; y < block.height; ++y) {
        for (std::size_t x = 0; x < stride; ++x) {
            const std::int64_t value = to[y * stride + x];
            require(value == (x < block.width ? expected.coefficients[y * block.width + x] : untouched),
                    "every coefficient is the reference's, and nothing beside the block is written");
        }
    }
}

void decode_everywhere(CodeBlock block, const std::vector<Segment>& segments) {
    std::vector<Readable> readable;
    for (const Segment& segment : segments) readable.emplace_back(segment);
    std::vector<CodewordSegment> codewords;
    for (std::size_t i = 0; i < segments.size(); ++i) {
        codewords.push_back(
            {readable[i].bytes.data(), static_cast<std::uint32_t>(segments[i].bytes.size()), segments[i].passes});
    }
    block.segments = codewords;
    const Expected expected = decode_plainly(block, segments);
    compare<std::int64_t>(block, expected, [&block](std::int64_t* to, std::size_t stride, Arena& arena) {
        return decode_mq_block_wide(block, to, stride, arena);
    });
    if (block.bit_planes > 30) return;
    for (int isa = 0; isa < isa_count; ++isa) {
        if (!isa_available(static_cast<Isa>(isa))) continue;
        compare<std::int32_t>(block, expected, [&block, isa](std::int32_t* to, std::size_t stride, Arena& arena) {
            return decode_mq_block(block, to, stride, static_cast<Isa>(isa), arena);
        });
    }
}

// Two blocks at a time: each comes out as alone.
void decode_in_pairs(const CodeBlock& block, const std::vector<Segment>& segments) {
    if (block.bit_planes > 30) return;
    std::vector<Readable> readable;
    for (const Segment& segment : segments) readable.emplace_back(segment);
    std::vector<CodewordSegment> codewords;
    for (std::size_t i = 0; i < segments.size(); ++i) {
        codewords.push_back(
            {readable[i].bytes.data(), static_cast<std::uint32_t>(segments[i].bytes.size()), segments[i].passes});
    }
    CodeBlock blocks[2] = {block, block};
    blocks[0].segments = codewords;
    blocks[1].segments = std::span(codewords).first((codewords.size() + 1) / 2);
    blocks[1].bit_planes = static_cast<std::uint8_t>(1 + block.bit_planes * 2 / 3);
    blocks[1].orientation = static_cast<Orientation>((static_cast<int>(block.orientation) + 1) % 4);
    const Expected expected[2] = {
        decode_plainly(blocks[0], segments),
        decode_plainly(blocks[1],
                       {segments.begin(), segments.begin() + static_cast<std::ptrdiff_t>((segments.size() + 1) / 2)})};
    for (int isa = 0; isa < isa_count; ++isa) {
        if (!isa_available(static_cast<Isa>(isa))) continue;
        for (const int first : {0, 1}) {
            std::vector<std::int32_t> to[2];
            MqTarget targets[2];
            for (int i = 0; i < 2; ++i) {
                to[i].resize(std::size_t{block.width} * block.height);
                targets[i] = {to[i].data(), block.width};
            }
            Arena arena;
            BlockOutcome outcomes[2];
            decode_two_mq_blocks({blocks[first], blocks[1 - first]}, targets, static_cast<Isa>(isa), arena, outcomes);
            for (int i = 0; i < 2; ++i) {
                const Expected& alone = expected[i == 0 ? first : 1 - first];
                require(outcomes[i].is_damaged == alone.is_damaged, "damage of one of two blocks is told alike");
                require(std::equal(to[i].begin(), to[i].end(), alone.coefficients.begin()),
                        "each of two blocks comes out as alone");
            }
        }
    }
}

CodeBlock block_from(const std::uint8_t* data) {
    CodeBlock block;
    block.width = 1 + (data[0] | (data[6] & 3u) << 8) % 1024;
    block.height = 1 + (data[1] | (data[6] >> 2 & 3u) << 8) % 1024;
    const std::uint32_t most = (data[7] & 24) == 24 ? 4096 : 256;  // the reference is slow
    while (block.width * block.height > most) (block.width > block.height ? block.width : block.height) /= 2;
    block.orientation = static_cast<Orientation>(data[2] & 3);
    block.style = data[3] & 63;
    block.bit_planes = static_cast<std::uint8_t>(data[4] % 63);
    return block;
}

// Cut where the style has a new segment, or (by data[7]) where the data say.
void decode_bytes(const std::uint8_t* data, std::size_t size) {
    const CodeBlock block = block_from(data);
    std::uint32_t passes = data[5] % 100u;
    const std::uint8_t* from = data + header_size;
    std::size_t left = size - header_size;
    std::vector<Segment> segments;
    unsigned pass = 0;
    while (passes > 0 || (data[7] & 3) == 1) {
        std::uint32_t count = 1;
        if ((data[7] & 3) == 0) {
            const auto is_raw = [&block](unsigned at) {
                return reference::Block<reference::Decoder>::is_raw(block.style, at);
            };
            while ((block.style & style_terminate_all) == 0 && count < passes && is_raw(pass) == is_raw(pass + count))
                ++count;
        } else if (left > 0) {
            count = *from++ % 8u;
            --left;
        }
        if (count > passes && (data[7] & 2) == 0) count = passes;
        std::size_t bytes = left;
        if (passes > count && left > 0) bytes = data[5 + left % 3] * left / 512;
        segments.push_back({{from, from + bytes}, count});
        from += bytes;
        left -= bytes;
        pass += count;
        if (passes <= count) break;
        passes -= count;
        if (segments.size() > 200) break;
    }
    decode_everywhere(block, segments);
    decode_in_pairs(block, segments);
}

void round_trip(const std::uint8_t* data, std::size_t size) {
    CodeBlock block = block_from(data);
    const unsigned planes = block.bit_planes;
    if (planes == 0) return;
    using Encoder = reference::Block<reference::Encoder>;
    Encoder encoder(static_cast<int>(block.width), static_cast<int>(block.height), static_cast<int>(block.orientation),
                    block.style, planes);
    for (std::size_t i = 0; i < encoder.magnitude.size(); ++i) {
        std::uint64_t value = 0;
        for (std::size_t k = 0; k < 8; ++k) value = value << 8 | data[header_size + (i * 5 + k) % (size - header_size)];
        encoder.negative[i] = value & 1;
        encoder.magnitude[i] = (value >> 2 & ((std::uint64_t{1} << planes) - 1)) >> (value >> 58) % planes << 1;
        if (encoder.magnitude[i] == 0) encoder.negative[i] = 0;
    }
    std::vector<Segment> segments;
    for (unsigned pass = 0; pass < 3 * planes - 2;) {
        const bool is_raw = Encoder::is_raw(block.style, pass);
        encoder.coder.start(is_raw);
        std::uint32_t count = 0;
        do {
            encoder.run(pass++);
            ++count;
        } while (pass < 3 * planes - 2 && (block.style & style_terminate_all) == 0 &&
                 Encoder::is_raw(block.style, pass) == is_raw);
        segments.push_back({encoder.coder.finish(), count});
    }
    const Expected expected = decode_plainly(block, segments);
    require(!expected.is_damaged, "what was encoded is whole");
    for (std::size_t i = 0; i < encoder.magnitude.size(); ++i) {
        const auto magnitude = static_cast<std::int64_t>(encoder.magnitude[i] == 0 ? 0 : encoder.magnitude[i] + 1);
        require(expected.coefficients[i] == (encoder.negative[i] != 0 ? -magnitude : magnitude),
                "decoding gives back what was encoded");
    }
    decode_everywhere(block, segments);
    decode_in_pairs(block, segments);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size <= header_size) return 0;
    decode_bytes(data, size);
    if ((data[7] & 4) != 0) round_trip(data, size);
    return 0;
}
