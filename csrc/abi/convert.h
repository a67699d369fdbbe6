// Converts between the plain structs of dcmturbo.h and the core's types. No exception leaves this layer.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <new>

#include "base/error.h"
#include "codecs/frame_format.h"
#include "codecs/registry.h"
#include "codecs/transfer_syntaxes.h"
#include "dcmturbo.h"
#include "dicom/dataset.h"
#include "dicom/frame_index.h"
#include "dicom/source.h"
#include "image/frame.h"

struct dcmturbo_header {
    dcmturbo::Header header;
};

struct dcmturbo_source {
    std::unique_ptr<dcmturbo::Source> source;
};

struct dcmturbo_dataset {
    dcmturbo::Dataset dataset;
};

struct dcmturbo_index {
    const dcmturbo::Source* source;
    std::unique_ptr<dcmturbo::FrameIndex> index;
};

namespace dcmturbo::abi {

inline void fill_error(dcmturbo_error* error, ErrorCode code, std::uint64_t offset, std::int64_t frame,
                       const char* message, const Whole& whole = {}) {
    if (error == nullptr) return;
    // A caller that was compiled with the first version of the ABI has no room for these.
    if (error->size >= offsetof(dcmturbo_error, whole_layers) + sizeof error->whole_layers) {
        error->states_whole = whole.is_known ? 1 : 0;
        error->whole_resolutions = whole.resolutions;
        error->whole_layers = whole.layers;
    }
    error->code = static_cast<std::int32_t>(code);
    error->offset = offset;
    error->frame = frame;
    const std::size_t length = std::min(std::strlen(message), sizeof error->message - 1);
    std::memcpy(error->message, message, length);
    error->message[length] = '\0';
}

// Throws if the caller was compiled with another version of a struct that it passes.
template <typename Struct>
void check_size(const Struct& passed, const char* name) {
    if (passed.size == sizeof passed) return;
    fail(ErrorCode::argument, no_offset,
         "%s has the size %u, expected %zu: the caller was compiled with another dcmturbo.h, or did not set it", name,
         unsigned{passed.size}, sizeof passed);
}

// Runs work(). Converts exceptions to a code and fills the error.
template <typename Work>
std::int32_t guarded(dcmturbo_error* error, const Work& work) noexcept {
    try {
        work();
        return DCMTURBO_OK;
    } catch (const DecodeError& caught) {
        fill_error(error, caught.code, caught.offset, -1, caught.message.c_str());
        return static_cast<std::int32_t>(caught.code);
    } catch (const std::bad_alloc&) {
        fill_error(error, ErrorCode::out_of_memory, no_offset, -1, "out of memory");
        return static_cast<std::int32_t>(ErrorCode::out_of_memory);
    } catch (const std::exception& caught) {
        fill_error(error, ErrorCode::internal, no_offset, -1, caught.what());
        return static_cast<std::int32_t>(ErrorCode::internal);
    } catch (...) {
        fill_error(error, ErrorCode::internal, no_offset, -1, "an unknown exception");
        return static_cast<std::int32_t>(ErrorCode::internal);
    }
}

inline PixelAttributes attributes_from(const dcmturbo_attributes& from) {
    PixelAttributes to;
    to.rows = from.rows;
    to.columns = from.columns;
    to.samples_per_pixel = from.samples_per_pixel;
    to.bits_allocated = from.bits_allocated;
    to.bits_stored = from.bits_stored;
    to.pixel_representation = from.pixel_representation;
    to.planar_configuration = from.planar_configuration;
    to.photometric = static_cast<Photometric>(from.photometric);
    to.keyword = static_cast<PixelKeyword>(from.keyword);
    to.big_endian = from.big_endian != 0;
    to.words_swapped = from.words_swapped != 0;
    return to;
}

inline dcmturbo_attributes attributes_to(const PixelAttributes& from) {
    dcmturbo_attributes to{};
    to.size = sizeof to;
    to.rows = from.rows;
    to.columns = from.columns;
    to.samples_per_pixel = from.samples_per_pixel;
    to.bits_allocated = from.bits_allocated;
    to.bits_stored = from.bits_stored;
    to.pixel_representation = from.pixel_representation;
    to.planar_configuration = from.planar_configuration;
    to.photometric = static_cast<std::uint8_t>(from.photometric);
    to.keyword = static_cast<std::uint8_t>(from.keyword);
    to.big_endian = from.big_endian ? 1 : 0;
    to.words_swapped = from.words_swapped ? 1 : 0;
    return to;
}

inline FrameFormat format_from(const dcmturbo_format& from) {
    FrameFormat to;
    to.rows = from.rows;
    to.columns = from.columns;
    to.samples_per_pixel = from.samples_per_pixel;
    to.type = static_cast<SampleType>(from.type);
    to.significant_bits = from.significant_bits;
    to.sign_extend = from.sign_extend != 0;
    to.colour = static_cast<ColourConversion>(from.colour);
    to.photometric = static_cast<Photometric>(from.photometric);
    to.reduce = from.reduce;
    return to;
}

inline void format_to(const SettledFormat& from, dcmturbo_format& to) {
    to.rows = from.format.rows;
    to.columns = from.format.columns;
    to.samples_per_pixel = from.format.samples_per_pixel;
    to.type = static_cast<std::uint8_t>(from.format.type);
    to.significant_bits = from.format.significant_bits;
    to.sign_extend = from.format.sign_extend ? 1 : 0;
    to.colour = static_cast<std::uint8_t>(from.format.colour);
    to.photometric = static_cast<std::uint8_t>(from.format.photometric);
    to.reduce = from.format.reduce;
    to.notes = from.notes;
}

inline const TransferSyntax& required_syntax(const char* uid) {
    const TransferSyntax* syntax = find_transfer_syntax(uid);
    if (syntax == nullptr)
        fail(ErrorCode::unknown_transfer_syntax, no_offset, "dcmturbo does not know the transfer syntax '%s'", uid);
    return *syntax;
}

// Finds a transfer syntax whose frames can be decoded. Throws for others.
inline const TransferSyntax& required_decoded_syntax(const char* uid) {
    const TransferSyntax& syntax = required_syntax(uid);
    if (is_decoded(syntax)) return syntax;
    fail(ErrorCode::unknown_transfer_syntax, no_offset, "dcmturbo cannot decode %s (%s)", syntax.name.data(),
         syntax.uid.data());
}

// Finds the core's own encoder of a transfer syntax. Throws if there is none.
inline const Codec& required_encoder(const char* uid) {
    const TransferSyntax& syntax = required_syntax(uid);
    if (encoder_of(syntax, false) == Coder::own) return *row_of(syntax.format).own;
    fail(ErrorCode::unknown_transfer_syntax, no_offset, "the core has no encoder of its own for %s (%s)",
         syntax.name.data(), syntax.uid.data());
}

}  // namespace dcmturbo::abi
