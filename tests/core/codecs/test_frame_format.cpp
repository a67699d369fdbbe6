// Dataset against codestream: colours, the length of native data, and the bits of a cell.
#include "codecs/frame_format.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <utility>

using namespace dcmturbo;

namespace {

PixelAttributes colour(Photometric photometric) {
    PixelAttributes a;
    a.rows = 4;
    a.columns = 6;
    a.samples_per_pixel = 3;
    a.bits_allocated = a.bits_stored = 8;
    a.photometric = photometric;
    return a;
}

Header header(Format format, ColourTransform transform, std::uint32_t step) {
    Header h;
    h.format = format;
    h.width = 6;
    h.height = 4;
    h.colour = transform;
    h.lossless = true;
    for (std::uint32_t i = 0; i < 3; ++i) {
        const std::uint32_t s = i == 0 ? 1 : step;
        ComponentHeader c;
        c.width = (6 + s - 1) / s;
        c.height = 4;
        c.horizontal_step = s;
        c.precision = 8;
        h.components.push_back(c);
    }
    return h;
}

SettledFormat settled(Photometric stated, const Header* h, const char* syntax, bool raw = true) {
    return frame_format(colour(stated), h, *find_transfer_syntax(syntax), {.raw = raw});
}

}  // namespace

TEST_CASE("subsampled chroma is YCbCr where neither codestream nor dataset says so") {
    for (const auto& [format, syntax] : {std::pair{Format::jpeg, "JPEGBaseline8Bit"},
                                         std::pair{Format::jpeg2000, "JPEG2000"}, std::pair{Format::htj2k, "HTJ2K"}}) {
        for (const Photometric stated : {Photometric::rgb, Photometric::ybr_rct, Photometric::ybr_partial_422}) {
            const Header h = header(format, ColourTransform::unstated, 2);
            const SettledFormat raw = settled(stated, &h, syntax);
            CHECK(raw.format.photometric == Photometric::ybr_full);
            CHECK(raw.notes == note_subsampled_colour);
            const SettledFormat converted = settled(stated, &h, syntax, false);
            CHECK(converted.format.photometric == Photometric::rgb);
            CHECK(converted.format.colour == ColourConversion::ybr_full_to_rgb);
        }
        const Header same = header(format, ColourTransform::unstated, 1);
        CHECK(settled(Photometric::rgb, &same, syntax).notes == 0);
        const Header subsampled = header(format, ColourTransform::unstated, 2);
        CHECK(settled(Photometric::ybr_full_422, &subsampled, syntax).notes == 0);
    }
}

TEST_CASE("what a codestream states comes before its sampling, and JPEG Lossless holds whatever was put in") {
    const Header rgb = header(Format::jpeg, ColourTransform::none_rgb, 2);
    CHECK(settled(Photometric::rgb, &rgb, "JPEGBaseline8Bit").format.photometric == Photometric::rgb);
    CHECK(settled(Photometric::rgb, &rgb, "JPEGBaseline8Bit").notes == 0);
    const Header lossless = header(Format::jpeg_lossless, ColourTransform::unstated, 2);
    CHECK(settled(Photometric::rgb, &lossless, "JPEGLossless").format.photometric == Photometric::rgb);
    CHECK(settled(Photometric::rgb, &lossless, "JPEGLossless").notes == 0);
}

TEST_CASE("component transforms against YBR_RCT and YBR_ICT") {
    for (const Photometric stated : {Photometric::ybr_rct, Photometric::ybr_ict}) {
        const Header without = header(Format::jpeg2000, ColourTransform::unstated, 1);
        CHECK(settled(stated, &without, "JPEG2000").format.photometric == Photometric::rgb);
        CHECK(settled(stated, &without, "JPEG2000").notes == note_transform_missing);
        const Header with = header(Format::jpeg2000, ColourTransform::reversible, 1);
        CHECK(settled(stated, &with, "JPEG2000").notes == 0);
        CHECK(settled(stated, nullptr, "ExplicitVRLittleEndian").notes == note_transform_missing);
        CHECK(settled(stated, nullptr, "JPEG2000").notes == 0);  // nobody has looked at a codestream yet
    }
    const Header with = header(Format::jpeg2000, ColourTransform::irreversible, 1);
    CHECK(settled(Photometric::rgb, &with, "JPEG2000").notes == 0);
    CHECK(settled(Photometric::ybr_full, &with, "JPEG2000").notes == note_photometric_overridden);
    CHECK(settled(Photometric::ybr_full, &with, "JPEG2000").format.photometric == Photometric::rgb);
}

TEST_CASE("the length of native data decides between YBR_FULL_422 and three samples a pixel") {
    constexpr std::uint64_t pixels = 4 * 6;
    for (std::uint64_t frames = 1; frames <= 7; ++frames) {
        const PixelAttributes half = colour(Photometric::ybr_full_422);
        CHECK(native_reading(half, 2 * pixels * frames, frames).notes == 0);
        CHECK(native_reading(half, 3 * pixels * frames, frames).photometric == Photometric::ybr_full);
        CHECK(native_reading(half, 3 * pixels * frames, frames).notes == note_not_subsampled);
        CHECK(native_reading(half, 3 * pixels * frames - 1, frames).notes == 0);
        CHECK(native_reading(half, 3 * pixels * frames + 2, frames).notes == 0);
        for (const Photometric stated : {Photometric::rgb, Photometric::ybr_full}) {
            const NativeReading found = native_reading(colour(stated), 2 * pixels * frames, frames);
            // Of three frames one may be missing.
            CHECK(found.notes == (frames % 3 == 0 ? 0u : unsigned{note_subsampled_native}));
            CHECK(found.photometric == (frames % 3 == 0 ? stated : Photometric::ybr_full_422));
            CHECK(native_reading(colour(stated), 3 * pixels * frames, frames).notes == 0);
        }
    }
    PixelAttributes odd = colour(Photometric::ybr_full_422);
    odd.rows = odd.columns = 1;
    CHECK(native_reading(odd, 3, 1).notes == note_not_subsampled);
    CHECK(native_reading(odd, 4, 1).notes == note_not_subsampled);  // with a byte of padding
    odd.photometric = Photometric::rgb;
    CHECK(native_reading(odd, 2, 1).notes == 0);  // YBR_FULL_422 has an even number of columns
    CHECK(native_reading(colour(Photometric::hsv), 2 * pixels, 1).notes == 0);
    CHECK(native_reading(colour(Photometric::ybr_full_422), 3 * pixels, 0).notes == 0);
    PixelAttributes empty = colour(Photometric::ybr_full_422);
    empty.rows = 0;
    CHECK(native_reading(empty, 0, 1).notes == 0);
    PixelAttributes huge = colour(Photometric::ybr_full_422);
    huge.rows = huge.columns = 0xFFFF;
    CHECK(native_reading(huge, 1000, 0xFFFFFFFFFFFFFFFF).notes == 0);
}

TEST_CASE("signed JPEG Lossless is extended from its precision, or from Bits Stored where that is less") {
    PixelAttributes a;
    a.rows = 4;
    a.columns = 6;
    a.bits_allocated = 16;
    a.pixel_representation = 1;
    a.photometric = Photometric::monochrome2;
    Header h = header(Format::jpeg_lossless, ColourTransform::unstated, 1);
    h.components.resize(1);
    h.components[0].precision = 11;
    const TransferSyntax& syntax = *find_transfer_syntax("JPEGLossless");
    for (const unsigned stored : {8u, 11u, 14u, 16u}) {
        a.bits_stored = static_cast<std::uint16_t>(stored);
        CHECK(frame_format(a, &h, syntax, {}).format.significant_bits == std::min(stored, 11u));
        CHECK(frame_format(a, &h, syntax, {.keep_unused_bits = true}).format.significant_bits == 11);
        CHECK(frame_format(a, &h, syntax, {}).format.sign_extend);
    }
}
