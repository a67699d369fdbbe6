// Decides the format of a decoded frame from dataset and codestream: PS3.5, clause 8, and PS3.3, C.7.6.3.
#include "codecs/frame_format.h"

#include <algorithm>

#include "base/checked.h"
#include "base/error.h"

namespace dcmturbo {

namespace {

bool is_ybr_full(Photometric photometric) {
    return photometric == Photometric::ybr_full || photometric == Photometric::ybr_full_422;
}

bool is_monochrome(Photometric photometric) {
    return photometric == Photometric::monochrome1 || photometric == Photometric::monochrome2;
}

// Whether the second and third component have fewer samples than the first. Only chroma is stored so. JPEG Lossless and
// JPEG-LS store any data, so for them the dataset decides.
bool has_subsampled_chroma(const Header& header) {
    if (!row_of(header.format).subsampling_is_chroma || header.components.size() != 3) return false;
    const ComponentHeader& luma = header.components[0];
    const auto is_smaller = [&](const ComponentHeader& component) {
        return component.width <= luma.width && component.height <= luma.height &&
               (component.width < luma.width || component.height < luma.height ||
                component.horizontal_step > luma.horizontal_step || component.vertical_step > luma.vertical_step);
    };
    return is_smaller(header.components[1]) && is_smaller(header.components[2]);
}

// The colour space of the decoded samples: that of the codestream if it names one, otherwise that of the dataset.
Photometric decoded_photometric(const PixelAttributes& attributes, const Header* header, const FormatRow& label) {
    const Photometric stated = attributes.photometric;
    if (attributes.samples_per_pixel != 3) return stated;
    if (header != nullptr) {
        switch (header->colour) {
            case ColourTransform::none_rgb: return Photometric::rgb;
            case ColourTransform::ycbcr: return is_ybr_full(stated) ? stated : Photometric::ybr_full;
            // The decoder has undone the transform (ISO/IEC 15444-1, G.2 and G.3), whatever the label says.
            case ColourTransform::reversible:
            case ColourTransform::irreversible: return Photometric::rgb;
            case ColourTransform::unstated: break;
        }
        // Red and blue of RGB are never subsampled, so this is YCbCr.
        if (has_subsampled_chroma(*header) && !is_ybr_full(stated)) return Photometric::ybr_full;
    }
    // YBR_RCT and YBR_ICT (PS3.5, 8.2.4) and XYB (8.2.15) describe the codestream, and decoding gives RGB.
    const bool is_transform =
        stated == Photometric::ybr_rct || stated == Photometric::ybr_ict || stated == Photometric::xyb;
    if (is_transform && (label.colours & photometrics(stated)) != 0) return Photometric::rgb;
    return stated;
}

std::uint32_t colour_notes(const PixelAttributes& attributes, const Header* header, const FormatRow& label,
                           Photometric decoded) {
    const Photometric stated = attributes.photometric;
    if (attributes.samples_per_pixel != 3 || stated == Photometric::unknown) return 0;
    const bool states_colour = header != nullptr && header->colour != ColourTransform::unstated;
    if (stated == Photometric::ybr_rct || stated == Photometric::ybr_ict) {
        // PS3.3, C.7.6.3.1.2: these values name the component transforms of JPEG 2000. Without a transform, the samples
        // may be RGB with a wrong label, or stored YBR. Nothing shows which.
        if (header == nullptr && label.has_header) return 0;  // the header has not been read
        const bool transformed = states_colour && (header->colour == ColourTransform::reversible ||
                                                   header->colour == ColourTransform::irreversible);
        if (transformed) return 0;
        if (states_colour) return note_photometric_overridden;
        return decoded == Photometric::ybr_full ? note_subsampled_colour : note_transform_missing;
    }
    if (decoded == stated || stated == Photometric::xyb) return 0;
    return states_colour ? note_photometric_overridden : note_subsampled_colour;
}

void correct_bits(const PixelAttributes& attributes, const Header* header, const FormatRow& label, bool keep,
                  SettledFormat& result) {
    FrameFormat& format = result.format;
    if (attributes.keyword != PixelKeyword::pixel_data || attributes.bits_allocated == 1) return;
    const bool is_signed = attributes.pixel_representation == 1;
    const auto cell_bits = static_cast<unsigned>(8 * sample_size(format.type));
    unsigned significant = 0;
    if (header != nullptr && (label.sign == Sign::stated || label.sign == Sign::stated_unsigned)) {
        // The codestream states whether it is signed. If the dataset says otherwise, the bits are right and are
        // interpreted as the dataset says (pydicom#1149, #2012).
        if (header->is_signed() != is_signed) {
            if (is_monochrome(attributes.photometric) || attributes.photometric == Photometric::palette_color ||
                label.sign == Sign::stated_unsigned)
                significant = header->precision();
            result.notes |= note_sign_differs;
        }
    } else if (header != nullptr && label.keeps_all_bits) {
        // JPEG-LS has no sign (ISO/IEC 14495-1): cells in two's complement are decoded as unsigned.
        if (is_signed) significant = header->precision();
    } else {
        if (!keep && attributes.bits_stored < attributes.bits_allocated) significant = attributes.bits_stored;
        // JPEG Lossless has no sign either. The codestream does not have the bits above its precision. So they are
        // filled with the sign, even if some of them are below Bits Stored.
        if (header != nullptr && row_of(header->format).sign == Sign::none && is_signed &&
            (significant == 0 || header->precision() < significant)) {
            significant = header->precision();
        }
    }
    if (significant != 0 && significant < cell_bits) {
        format.significant_bits = static_cast<std::uint8_t>(significant);
        format.sign_extend = is_signed;
    }
}

// Each component of JPEG 2000 may have only every other point of the grid (XRsiz and YRsiz 2, in mammography). The
// image then has as many pixels as a component has samples.
bool has_size_of(const PixelAttributes& attributes, const Header& header) {
    if (header.width == attributes.columns && header.height == attributes.rows) return true;
    if (!row_of(header.format).has_grid) return false;
    const ComponentHeader& one = header.components.front();
    return one.width == attributes.columns && one.height == attributes.rows &&
           std::all_of(header.components.begin(), header.components.end(), [&](const ComponentHeader& component) {
               return component.horizontal_step == one.horizontal_step && component.vertical_step == one.vertical_step;
           });
}

void check_against_codestream(const PixelAttributes& attributes, const Header& header, const TransferSyntax& syntax,
                              SettledFormat& result) {
    if (!has_size_of(attributes, header)) {
        fail(ErrorCode::mismatch, no_offset, "the dataset has %u rows and %u columns, but the codestream has %u and %u",
             attributes.rows, attributes.columns, header.height, header.width);
    }
    if (header.components.size() != attributes.samples_per_pixel) {
        fail(ErrorCode::mismatch, no_offset,
             "the dataset has %u samples per pixel, but the codestream has %zu components",
             unsigned{attributes.samples_per_pixel}, header.components.size());
    }
    for (const ComponentHeader& component : header.components) {
        if (component.precision > 8 * sample_size(result.format.type)) {
            fail(ErrorCode::mismatch, no_offset,
                 "a component has %u bits, which do not fit in the %u bits that the dataset allocates",
                 unsigned{component.precision}, unsigned{attributes.bits_allocated});
        }
        if (component.precision != header.precision() || component.is_signed != header.is_signed()) {
            fail(ErrorCode::unsupported, no_offset,
                 "the components differ in precision or sign, which a DICOM image cannot have: use "
                 "decode_components");
        }
    }
    if (header.precision() != attributes.bits_stored) result.notes |= note_precision_differs;
    if (header.in_container && !row_of(syntax.format).container_allowed) result.notes |= note_container;
    if (header.format != syntax.format && header.format != syntax.also) result.notes |= note_format_differs;
    // One such note per frame is enough, and the note about another format says the same.
    else if (syntax.lossless_only && !header.lossless) result.notes |= note_lossy_under_lossless;
    // With both options, a reader can find the parts of one resolution.
    else if (syntax.warns_of_promises && header.format == syntax.format && !keeps_promises(syntax, header))
        result.notes |= note_options_missing;
}

}  // namespace

void check_attributes(const PixelAttributes& a) {
    if (a.rows == 0 || a.columns == 0)
        fail(ErrorCode::argument, no_offset, "an image cannot have %u rows and %u columns", a.rows, a.columns);
    if (a.samples_per_pixel == 0 || a.samples_per_pixel > 4) {
        fail(ErrorCode::argument, no_offset, "Samples per Pixel is %u; expected 1, 3 or 4",
             unsigned{a.samples_per_pixel});
    }
    const bool whole =
        a.bits_allocated == 8 || a.bits_allocated == 16 || a.bits_allocated == 32 || a.bits_allocated == 64;
    if (!whole && a.bits_allocated != 1) {
        fail(ErrorCode::unsupported, no_offset, "Bits Allocated is %u; expected 1, 8, 16, 32 or 64",
             unsigned{a.bits_allocated});
    }
    if (a.keyword == PixelKeyword::float_pixel_data && a.bits_allocated != 32) {
        fail(ErrorCode::argument, no_offset, "Float Pixel Data have Bits Allocated %u; expected 32",
             unsigned{a.bits_allocated});
    }
    if (a.keyword == PixelKeyword::double_float_pixel_data && a.bits_allocated != 64) {
        fail(ErrorCode::argument, no_offset, "Double Float Pixel Data have Bits Allocated %u; expected 64",
             unsigned{a.bits_allocated});
    }
    if (a.keyword == PixelKeyword::pixel_data && (a.bits_stored == 0 || a.bits_stored > a.bits_allocated)) {
        fail(ErrorCode::argument, no_offset,
             "Bits Stored is %u with Bits Allocated %u; expected at least 1 and at most Bits Allocated",
             unsigned{a.bits_stored}, unsigned{a.bits_allocated});
    }
    if (a.pixel_representation > 1)
        fail(ErrorCode::argument, no_offset, "Pixel Representation is %u; expected 0 or 1",
             unsigned{a.pixel_representation});
    if (a.planar_configuration > 1)
        fail(ErrorCode::argument, no_offset, "Planar Configuration is %u; expected 0 or 1",
             unsigned{a.planar_configuration});
    if (a.bits_allocated == 1 && a.samples_per_pixel != 1) {
        fail(ErrorCode::unsupported, no_offset, "single-bit samples with %u samples per pixel; expected 1",
             unsigned{a.samples_per_pixel});
    }
}

SampleType cell_type(const PixelAttributes& attributes) {
    if (attributes.keyword == PixelKeyword::float_pixel_data) return SampleType::f32;
    if (attributes.keyword == PixelKeyword::double_float_pixel_data) return SampleType::f64;
    const bool is_signed = attributes.pixel_representation == 1;
    switch (attributes.bits_allocated) {
        case 1: return SampleType::u8;
        case 8: return is_signed ? SampleType::i8 : SampleType::u8;
        case 16: return is_signed ? SampleType::i16 : SampleType::u16;
        case 32: return is_signed ? SampleType::i32 : SampleType::u32;
        default: return is_signed ? SampleType::i64 : SampleType::u64;
    }
}

std::uint32_t reduced_size(std::uint32_t size, unsigned levels) {
    const std::uint64_t most = (std::uint64_t{1} << levels) - 1;
    return static_cast<std::uint32_t>((size + most) >> levels);
}

std::uint64_t native_frame_bits(const PixelAttributes& attributes) {
    const std::uint64_t pixels = std::uint64_t{attributes.rows} * attributes.columns;
    // Each two pixels of a row share two chroma samples.
    const std::uint64_t samples =
        attributes.samples_per_pixel == 3 && attributes.photometric == Photometric::ybr_full_422
            ? pixels * 2
            : checked_multiply(pixels, std::uint64_t{attributes.samples_per_pixel});
    return checked_multiply(samples, std::uint64_t{attributes.bits_allocated});
}

NativeReading native_reading(const PixelAttributes& attributes, std::uint64_t bytes, std::uint64_t frames) {
    const Photometric stated = attributes.photometric;
    const NativeReading as_stated{stated, 0};
    const std::uint64_t pixels = std::uint64_t{attributes.rows} * attributes.columns;
    if (attributes.samples_per_pixel != 3 || attributes.keyword != PixelKeyword::pixel_data ||
        attributes.bits_allocated < 8 || frames == 0 || pixels == 0 || frames > bytes / pixels) {
        return as_stated;
    }
    const std::uint64_t of_one = checked_multiply(pixels * frames, attributes.bits_allocated / 8);
    const auto is_length = [&](std::uint64_t wanted) { return bytes == wanted || bytes == wanted + (wanted & 1); };
    if (stated == Photometric::ybr_full_422) {
        if (is_length(checked_multiply(of_one, 3))) return {Photometric::ybr_full, note_not_subsampled};
    } else if ((stated == Photometric::ybr_full || stated == Photometric::rgb) && attributes.bits_allocated == 8 &&
               attributes.pixel_representation == 0 && attributes.columns % 2 == 0 && frames % 3 != 0) {
        if (is_length(checked_multiply(of_one, 2))) return {Photometric::ybr_full_422, note_subsampled_native};
    }
    return as_stated;
}

SettledFormat frame_format(const PixelAttributes& attributes, const Header* header, const TransferSyntax& syntax,
                           const FormatRequest& request) {
    check_attributes(attributes);
    SettledFormat result;
    FrameFormat& format = result.format;
    const FormatRow& label = row_of(syntax.format);
    if (request.reduce > 0) check_reduce(label, request.reduce);
    format.reduce = request.reduce;
    format.rows = reduced_size(attributes.rows, request.reduce);
    format.columns = reduced_size(attributes.columns, request.reduce);
    format.samples_per_pixel = attributes.samples_per_pixel;
    format.type = cell_type(attributes);
    if (!label.has_header) header = nullptr;
    // Only the header of such a frame states its colour space. So without it no conversion is promised.
    const bool converts = !request.raw && (header != nullptr || !label.has_header);
    if (header != nullptr) check_against_codestream(attributes, *header, syntax, result);
    correct_bits(attributes, header, label, request.keep_unused_bits, result);

    format.photometric = decoded_photometric(attributes, header, label);
    result.notes |= colour_notes(attributes, header, label, format.photometric);
    if (format.samples_per_pixel == 3 && is_ybr_full(format.photometric)) {
        if (!converts) {
            // Decoding gives one sample of each component per pixel, so nothing is subsampled any more.
            if (label.holds_native_frames) format.photometric = Photometric::ybr_full;
        } else if (format.type == SampleType::u8) {
            format.colour = ColourConversion::ybr_full_to_rgb;
            format.photometric = Photometric::rgb;
        } else {
            fail(ErrorCode::unsupported, no_offset,
                 "YBR_FULL is defined for unsigned 8-bit samples (PS3.3, C.7.6.3.1.2), but this image has %u "
                 "bits: decode it with raw=True",
                 unsigned{attributes.bits_allocated});
        }
    }
    return result;
}

}  // namespace dcmturbo
