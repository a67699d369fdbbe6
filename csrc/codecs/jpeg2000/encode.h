// Encodes a frame as JPEG 2000 (ISO/IEC 15444-1) or HTJ2K (ISO/IEC 15444-15).
#pragma once

#include <array>
#include <cstdint>

#include "codecs/codec.h"
#include "codecs/jpeg2000/codestream/header_writer.h"

namespace dcmturbo::jpeg2000 {

// How a codestream is to be. The defaults are what DICOM files usually hold: one tile, five levels, code-blocks of
// 64 x 64, LRCP.
struct EncodeSettings {
    bool is_high_throughput = false;
    bool reversible = true;
    std::uint8_t order = 0;  // Table A.16
    std::uint16_t layers = 1;
    std::uint8_t levels = 5;                // at most: an image too small for them gets fewer
    std::uint8_t block_width_exponent = 6;  // 2 to 10, both together at most 12
    std::uint8_t block_height_exponent = 6;
    std::uint8_t block_style = 0;         // Table A.19
    std::uint8_t precinct_exponent = 15;  // of all resolutions, both ways
    std::uint32_t tile_width = 0;         // 0: the whole image
    std::uint32_t tile_height = 0;
    bool has_sop = false;
    bool has_eph = false;
    bool has_tile_part_lengths = false;
    bool has_packet_lengths = false;
    // With loss: one of these, the others 0. `step` asks for an irreversible transform.
    double step = 0;   // quantisation, as a share of the samples' range
    double ratio = 0;  // bytes of the frame over bytes of the codestream, at least
    double psnr = 0;   // decibel
};

// Throws where the options, or the samples, are not what the format takes.
EncodeSettings encode_settings(const PixelAttributes& attributes, const OptionValues& values, bool is_high_throughput);

// The headers of a codestream without loss.
CodestreamPlan lossless_plan(const PixelAttributes& attributes, const EncodeSettings& settings);

// The codestream lies in the context's arena.
Bytes encode_frame(const FrameIn& frame, const EncodeSettings& settings, Context& context);

}  // namespace dcmturbo::jpeg2000
