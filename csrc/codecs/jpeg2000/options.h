// What JPEG 2000 and HTJ2K can be asked for.
#pragma once

#include "base/option.h"

namespace dcmturbo::jpeg2000 {

constexpr Option with_default(Option option, double value) {
    option.default_value = value;
    return option;
}

inline constexpr Option ratio{
    .name = "ratio",
    .meaning = "The size of the frame over the size of the codestream, at least; what must be lost for it is lost.",
    .type = OptionType::number,
    .lowest = 1,
    .loses_from = Option::any_value,
};

inline constexpr Option psnr{
    .name = "psnr",
    .meaning = "The peak signal-to-noise ratio to reach, in decibels.",
    .type = OptionType::number,
    .lowest = 1,
    .highest = 200,
    .loses_from = Option::any_value,
};

inline constexpr Option quantisation_step{
    .name = "quantisation_step",
    .meaning = "The quantisation step, as a share of the range of the samples.",
    .type = OptionType::number,
    .lowest = 1e-6,
    .highest = 0.5,
    .loses_from = Option::any_value,
};

inline constexpr Option layers{
    .name = "layers",
    .meaning = "The number of quality layers; each takes twice the bytes of the layers before it.",
    .type = OptionType::integer,
    .lowest = 1,
    .highest = 32,
    .default_value = 1,
};

inline constexpr Option progression_order{
    .name = "progression_order",
    .meaning = "The order of the packets: by layer (L), resolution (R), component (C) and position (P).",
    .type = OptionType::choice,
    .words = {"LRCP", "RLCP", "RPCL", "PCRL", "CPRL"},
    .default_value = 0,
};

// HTJ2K with RPCL is what viewers stream (PS3.5, A.4.8.2), and RPCL costs nothing.
inline constexpr Option high_throughput_progression_order = with_default(progression_order, 2);

inline constexpr Option decomposition_levels{
    .name = "decomposition_levels",
    .meaning = "How often the wavelet transform halves the image; a small image gets fewer levels.",
    .type = OptionType::integer,
    .lowest = 0,
    .highest = 32,
    .default_value = 5,
};

inline constexpr Option code_block_width{
    .name = "code_block_width",
    .meaning = "The width of a code-block: a power of two from 4 to 1024; width times height is at most 4096.",
    .type = OptionType::integer,
    .lowest = 4,
    .highest = 1024,
    .default_value = 64,
};

inline constexpr Option code_block_height{
    .name = "code_block_height",
    .meaning = "The height of a code-block: a power of two from 4 to 1024; width times height is at most 4096.",
    .type = OptionType::integer,
    .lowest = 4,
    .highest = 1024,
    .default_value = 64,
};

inline constexpr Option precinct_size{
    .name = "precinct_size",
    .meaning = "The width and height of the precincts of every resolution: a power of two from 2 to 32768.",
    .type = OptionType::integer,
    .lowest = 2,
    .highest = 32768,
    .default_value = 32768,
};

inline constexpr Option tile_width{
    .name = "tile_width",
    .meaning = "The width of a tile; 0 makes one tile of the whole width.",
    .type = OptionType::integer,
    .lowest = 0,
    .highest = 4294967295.0,
    .default_value = 0,
};

inline constexpr Option tile_height{
    .name = "tile_height",
    .meaning = "The height of a tile; 0 makes one tile of the whole height.",
    .type = OptionType::integer,
    .lowest = 0,
    .highest = 4294967295.0,
    .default_value = 0,
};

inline constexpr Option packet_lengths{
    .name = "packet_lengths",
    .meaning = "Write the lengths of all packets into the tile-part headers (PLT), so that readers can skip packets.",
    .type = OptionType::flag,
    .default_value = 0,
};

inline constexpr Option tile_part_lengths{
    .name = "tile_part_lengths",
    .meaning = "Write the lengths of all tile-parts into the main header (TLM).",
    .type = OptionType::flag,
    .default_value = 0,
};

inline constexpr Option high_throughput_tile_part_lengths = with_default(tile_part_lengths, 1);

inline constexpr Option packet_markers{
    .name = "packet_markers",
    .meaning = "Mark the start of each packet (SOP) and the end of its header (EPH).",
    .type = OptionType::flag,
    .default_value = 0,
};

inline constexpr Option selective_bypass{
    .name = "selective_bypass",
    .meaning = "Store the bits of the lower bit-planes without arithmetic coding: faster, but larger.",
    .type = OptionType::flag,
    .default_value = 0,
};

inline constexpr Option reset_contexts{
    .name = "reset_contexts",
    .meaning = "Reset the probabilities of the arithmetic coder after each coding pass.",
    .type = OptionType::flag,
    .default_value = 0,
};

inline constexpr Option terminate_passes{
    .name = "terminate_passes",
    .meaning = "End the codeword segment after each coding pass.",
    .type = OptionType::flag,
    .default_value = 0,
};

inline constexpr Option vertically_causal_contexts{
    .name = "vertically_causal_contexts",
    .meaning = "Let no stripe of a code-block depend on the stripe below it.",
    .type = OptionType::flag,
    .default_value = 0,
};

inline constexpr Option segmentation_symbols{
    .name = "segmentation_symbols",
    .meaning = "Write a symbol at the end of each bit-plane, by which decoders detect damage.",
    .type = OptionType::flag,
    .default_value = 0,
};

inline constexpr const Option* options[] = {
    &ratio,
    &psnr,
    &quantisation_step,
    &layers,
    &progression_order,
    &decomposition_levels,
    &code_block_width,
    &code_block_height,
    &precinct_size,
    &tile_width,
    &tile_height,
    &packet_lengths,
    &tile_part_lengths,
    &packet_markers,
    &selective_bypass,
    &reset_contexts,
    &terminate_passes,
    &vertically_causal_contexts,
    &segmentation_symbols,
};

inline constexpr const Option* high_throughput_options[] = {
    &ratio,
    &psnr,
    &quantisation_step,
    &high_throughput_progression_order,
    &decomposition_levels,
    &code_block_width,
    &code_block_height,
    &precinct_size,
    &tile_width,
    &tile_height,
    &packet_lengths,
    &high_throughput_tile_part_lengths,
    &packet_markers,
};

}  // namespace dcmturbo::jpeg2000
