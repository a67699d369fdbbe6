// The result of scanning a dataset: everything that decoding its pixel data needs, and nothing about the patient.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dicom/file_source.h"
#include "image/pixel_attributes.h"

namespace dcmturbo {

// The position of a value in the source.
struct ByteRange {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    bool present = false;
};

struct PixelDataElement {
    std::uint64_t offset = 0;  // position of the value
    // Available bytes of the value: up to the end of the source if the length is undefined or too large.
    std::uint64_t length = 0;
    std::uint64_t declared_length = 0;  // the length field of the element; 0xFFFFFFFF if undefined
    bool undefined_length = false;
    bool cut_short = false;  // the source ends before the value does
    char vr[3] = {0, 0, 0};  // "OB", "OW", ...; empty for implicit VR
    PixelKeyword keyword = PixelKeyword::pixel_data;
};

struct Dataset {
    std::string transfer_syntax;  // (0002,0010); empty if the file has none
    bool has_preamble = false;    // the file has "DICM" at byte 128
    bool has_meta = false;
    bool explicit_vr = true;  // the encoding that the dataset really has; the transfer syntax may say otherwise
    bool big_endian = false;
    bool deflated = false;             // the dataset is a deflate stream; only the File Meta Information was scanned
    std::uint64_t dataset_offset = 0;  // position of the dataset or, if it is deflated, of the deflate stream

    // Image Pixel module (PS3.3 C.7.6.3)
    std::optional<std::uint16_t> samples_per_pixel;
    std::optional<std::uint16_t> planar_configuration;
    std::optional<std::uint16_t> rows;
    std::optional<std::uint16_t> columns;
    std::optional<std::uint16_t> bits_allocated;
    std::optional<std::uint16_t> bits_stored;
    std::optional<std::uint16_t> high_bit;
    std::optional<std::uint16_t> pixel_representation;
    std::optional<std::int64_t> number_of_frames;
    std::string photometric_interpretation;  // as stored, without padding; empty if absent
    std::string pixel_data_provider_url;     // (0028,7FE0)

    // Only `dcmturbo info` shows these.
    std::string sop_class_uid;
    std::string sop_instance_uid;
    std::string modality;
    std::string manufacturer;
    std::string manufacturer_model_name;
    std::string lossy_image_compression;
    std::string lossy_image_compression_ratio;
    std::string lossy_image_compression_method;
    bool has_icon = false;  // (0088,0200)

    ByteRange extended_offset_table;          // (7FE0,0001)
    ByteRange extended_offset_table_lengths;  // (7FE0,0002)
    std::optional<PixelDataElement> pixel_data;

    // Corrections of wrong length fields of sequences and items before the pixel data.
    std::vector<Patch> patches;
    // Describes an element before the pixel data that the source holds only in part; empty if there is none.
    std::string cut;
    std::vector<std::string> warnings;
};

}  // namespace dcmturbo
