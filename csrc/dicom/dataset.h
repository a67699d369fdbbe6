// What a scan of a dataset finds: enough to decode its pixel data, nothing about the patient.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dicom/file_source.h"
#include "image/pixel_attributes.h"

namespace dcmturbo {

// A value, as it is in the source.
struct ByteRange {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    bool present = false;
};

struct PixelDataElement {
    std::uint64_t offset = 0;           // of the value
    std::uint64_t length = 0;           // of the value; to the end of the source where undefined or cut short
    std::uint64_t declared_length = 0;  // as the element says; 0xFFFFFFFF where undefined
    bool undefined_length = false;
    bool cut_short = false;  // the source ends before a defined length does
    char vr[3] = {0, 0, 0};  // "OB", "OW", ...; empty for implicit VR
    PixelKeyword keyword = PixelKeyword::pixel_data;
};

struct Dataset {
    std::string transfer_syntax;  // (0002,0010); empty if the file does not say
    bool has_preamble = false;    // "DICM" at byte 128
    bool has_meta = false;
    bool explicit_vr = true;  // as the dataset is encoded, whatever the transfer syntax says
    bool big_endian = false;
    bool deflated = false;             // nothing after the file meta has been scanned
    std::uint64_t dataset_offset = 0;  // first byte after the file meta; where deflated, of the deflate stream

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

    // For people: dcmturbo info
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

    // Length fields of sequences and items before the pixel data that are wrong, as they should be.
    std::vector<Patch> patches;
    std::string cut;  // where the data end within an element before the pixel data; empty where they do not
    std::vector<std::string> warnings;
};

}  // namespace dcmturbo
