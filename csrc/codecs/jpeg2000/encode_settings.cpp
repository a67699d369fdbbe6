// What the options ask for, and what the formats hold.
#include <bit>

#include "base/error.h"
#include "codecs/jpeg2000/blocks/code_block.h"
#include "codecs/jpeg2000/encode.h"
#include "codecs/jpeg2000/options.h"

namespace dcmturbo::jpeg2000 {

namespace {

constexpr unsigned most_bits = 31;  // of samples

unsigned exponent_of(const OptionValues& values, const Option& option) {
    const std::int64_t value = values.integer(option);
    if (!std::has_single_bit(static_cast<std::uint64_t>(value)))
        fail(ErrorCode::argument, no_offset, "%s is %lld; it is a power of two", option.name,
             static_cast<long long>(value));
    return static_cast<unsigned>(std::countr_zero(static_cast<std::uint64_t>(value)));
}

double given(const OptionValues& values, const Option& option) {
    return values.is_given(option) ? values.number(option) : 0;
}

EncodeSettings settings_of(const OptionValues& values, bool is_high_throughput) {
    EncodeSettings settings;
    settings.is_high_throughput = is_high_throughput;
    settings.order = static_cast<std::uint8_t>(
        values.word(is_high_throughput ? high_throughput_progression_order : progression_order));
    settings.levels = static_cast<std::uint8_t>(values.integer(decomposition_levels));
    settings.block_width_exponent = static_cast<std::uint8_t>(exponent_of(values, code_block_width));
    settings.block_height_exponent = static_cast<std::uint8_t>(exponent_of(values, code_block_height));
    if (settings.block_width_exponent + settings.block_height_exponent > 12) {
        fail(ErrorCode::argument, no_offset, "a code-block of %u x %u coefficients; it has at most 4096",
             1U << settings.block_width_exponent, 1U << settings.block_height_exponent);
    }
    settings.precinct_exponent = static_cast<std::uint8_t>(exponent_of(values, precinct_size));
    settings.tile_width = static_cast<std::uint32_t>(values.integer(tile_width));
    settings.tile_height = static_cast<std::uint32_t>(values.integer(tile_height));
    settings.has_packet_lengths = values.flag(packet_lengths);
    settings.has_tile_part_lengths =
        values.flag(is_high_throughput ? high_throughput_tile_part_lengths : tile_part_lengths);
    settings.has_sop = settings.has_eph = values.flag(packet_markers);
    settings.step = given(values, quantisation_step);
    settings.ratio = given(values, ratio);
    settings.psnr = given(values, psnr);
    if (is_high_throughput) return settings;
    settings.layers = static_cast<std::uint16_t>(values.integer(layers));
    const auto style = [&](const Option& option, unsigned flag) {
        return static_cast<std::uint8_t>(values.flag(option) ? flag : 0);
    };
    settings.block_style = static_cast<std::uint8_t>(
        style(selective_bypass, style_bypass) | style(reset_contexts, style_reset_contexts) |
        style(terminate_passes, style_terminate_all) | style(vertically_causal_contexts, style_vertically_causal) |
        style(segmentation_symbols, style_segmentation_symbols));
    return settings;
}

// What the format, and PS3.5, 8.2.4, say of the frame.
void check(const PixelAttributes& a, const char* format) {
    if (a.keyword != PixelKeyword::pixel_data || a.bits_stored < 1 || a.bits_stored > most_bits) {
        fail(ErrorCode::unsupported, no_offset,
             "%s is encoded from integers of 1 to %u bits; BitsAllocated is %u, BitsStored %u: native transfer "
             "syntaxes hold such samples",
             format, most_bits, unsigned{a.bits_allocated}, unsigned{a.bits_stored});
    }
    const Photometric p = a.photometric;
    const bool is_grey =
        p == Photometric::monochrome1 || p == Photometric::monochrome2 || p == Photometric::palette_color;
    const bool needs_three =
        p == Photometric::ybr_rct || p == Photometric::ybr_ict || p == Photometric::rgb || p == Photometric::ybr_full;
    if ((is_grey && a.samples_per_pixel != 1) || (needs_three && a.samples_per_pixel != 3)) {
        fail(ErrorCode::argument, no_offset, "%s contradicts %u samples per pixel", photometric_name(p),
             unsigned{a.samples_per_pixel});
    }
}

void check_loss(const PixelAttributes& a, bool loses, bool is_high_throughput) {
    if (!loses && a.photometric == Photometric::ybr_ict) {
        fail(ErrorCode::argument, no_offset,
             "YBR_ICT is the transform of coding with loss: use YBR_RCT or RGB, or say how much to lose");
    }
    if (loses && a.photometric == Photometric::palette_color)
        fail(ErrorCode::argument, no_offset, "indices into a palette cannot be coded with loss");
    // Passes of reversible coding can be left out, but an HT block has one pass.
    if (loses && is_high_throughput && a.photometric == Photometric::ybr_rct) {
        fail(ErrorCode::argument, no_offset,
             "YBR_RCT is the transform of lossless coding: use YBR_ICT or RGB for HTJ2K with loss");
    }
}

}  // namespace

EncodeSettings encode_settings(const PixelAttributes& a, const OptionValues& values, bool is_high_throughput) {
    check(a, is_high_throughput ? "HTJ2K" : "JPEG 2000");
    EncodeSettings settings = settings_of(values, is_high_throughput);
    const bool loses = settings.step > 0 || settings.ratio > 0 || settings.psnr > 0;
    check_loss(a, loses, is_high_throughput);
    settings.reversible = !loses || a.photometric == Photometric::ybr_rct;
    if (settings.reversible && settings.step > 0) {
        fail(ErrorCode::argument, no_offset,
             "YBR_RCT goes with a transform that has no quantisation: use YBR_ICT or RGB, or ratio or psnr");
    }
    return settings;
}

}  // namespace dcmturbo::jpeg2000
