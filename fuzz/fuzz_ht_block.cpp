// A code-block of HTJ2K: any bytes as its cleanup and refinement segments, decoded on every instruction set, alone and
// beside another block; traps where two ways differ.
#include <algorithm>
#include <vector>

#include "codecs/jpeg2000/blocks/ht_block.h"
#include "frames.h"

namespace dcmturbo::fuzz {

struct Decoded {
    bool is_damaged = false;
    std::vector<std::uint8_t> coefficients;  // their bytes

    bool operator==(const Decoded&) const = default;
};

template <typename T>
void decode_into(const jpeg2000::CodeBlock& block, HtForm form, Isa isa, bool with_other, std::vector<Decoded>& found) {
    const std::size_t stride = block.width + 3;
    std::vector<T> memory[2] = {std::vector<T>(stride * block.height, T{77}),
                                std::vector<T>(stride * block.height, T{77})};
    Arena arena;
    jpeg2000::BlockOutcome outcomes[2];
    const HtTarget targets[2] = {{memory[0].data(), stride, form, 0.5F}, {memory[1].data(), stride, form, 0.5F}};
    if (with_other) jpeg2000::decode_two_ht_blocks({block, block}, targets, isa, arena, outcomes);
    else outcomes[0] = jpeg2000::decode_ht_block(block, targets[0], isa, arena);
    for (int i = 0; i < (with_other ? 2 : 1); ++i) {
        Decoded decoded{outcomes[i].is_damaged, {}};
        for (std::uint32_t y = 0; y < block.height; ++y) {
            const T* row = memory[i].data() + y * stride;
            const auto* const bytes = reinterpret_cast<const std::uint8_t*>(row);
            decoded.coefficients.insert(decoded.coefficients.end(), bytes, bytes + block.width * sizeof(T));
            require(std::all_of(row + block.width, row + stride, [](T value) { return value == T{77}; }),
                    "nothing beside the block is written");
        }
        found.push_back(decoded);
    }
}

void decode_everywhere(const jpeg2000::CodeBlock& block, HtForm form) {
    std::vector<Decoded> found;
    for (std::uint8_t i = 0; dcmturbo_isa_name(i) != nullptr; ++i) {
        if (dcmturbo_isa_available(i) == 0) continue;
        for (const bool with_other : {false, true}) {
            const auto isa = static_cast<Isa>(i);
            if (form == HtForm::half_64) decode_into<std::int64_t>(block, form, isa, with_other, found);
            else if (form == HtForm::real_32) decode_into<float>(block, form, isa, with_other, found);
            else decode_into<std::int32_t>(block, form, isa, with_other, found);
        }
    }
    for (const Decoded& other : found) require(other == found[0], "every path decodes alike");
}

}  // namespace dcmturbo::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace dcmturbo;
    if (size < 8) return 0;
    jpeg2000::CodeBlock block;
    block.width = 1 + data[0] % 70;
    block.height = 1 + data[1] % 58;
    block.style = data[2] & jpeg2000::style_vertically_causal;
    block.coder = jpeg2000::BlockCoder::high_throughput;
    block.band_planes = static_cast<std::uint8_t>(1 + data[3] % 38);
    block.bit_planes = static_cast<std::uint8_t>(1 + data[4] % block.band_planes);
    const std::size_t refinement = std::min<std::size_t>(data[5], size - 8);
    // Segments are readable 16 bytes past their ends.
    std::vector<std::uint8_t> cleanup(data + 8, data + size - refinement),
        refined(data + size - refinement, data + size);
    const std::size_t cleanup_size = cleanup.size();
    cleanup.resize(cleanup_size + 16, 0xFF);
    refined.resize(refinement + 16, 0xFF);
    const unsigned passes = block.bit_planes > 1 ? data[6] % 3 : 0;
    const jpeg2000::CodewordSegment segments[2] = {{cleanup.data(), static_cast<std::uint32_t>(cleanup_size), 1},
                                                   {refined.data(), static_cast<std::uint32_t>(refinement), passes}};
    block.segments = std::span(segments).first(passes == 0 ? 1 : 2);
    if (block.band_planes <= jpeg2000::max_narrow_bit_planes) {
        fuzz::decode_everywhere(block, HtForm::whole_32);
        fuzz::decode_everywhere(block, HtForm::real_32);
    }
    fuzz::decode_everywhere(block, HtForm::half_64);
    return 0;
}
