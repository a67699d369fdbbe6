#include "codecs/registry.h"

#include "codecs/jpeg2000/codec.h"
#include "codecs/jpeg_lossless/codec.h"
#include "codecs/library.h"
#include "codecs/native/codec.h"
#include "codecs/rle/codec.h"

namespace dcmturbo {

namespace {

// uid, keyword, name, family, encapsulated, lossless only, own codec, library codec
const TransferSyntax table[] = {
    {"1.2.840.10008.1.2", "ImplicitVRLittleEndian", "Implicit VR Little Endian", Family::native, false, false,
     &native_codec, false},
    {"1.2.840.10008.1.2.1", "ExplicitVRLittleEndian", "Explicit VR Little Endian", Family::native, false, false,
     &native_codec, false},
    {"1.2.840.10008.1.2.1.98", "EncapsulatedUncompressedExplicitVRLittleEndian",
     "Encapsulated Uncompressed Explicit VR Little Endian", Family::native, true, false, &native_codec, false},
    {"1.2.840.10008.1.2.1.99", "DeflatedExplicitVRLittleEndian", "Deflated Explicit VR Little Endian", Family::native,
     false, false, &native_codec, false},
    {"1.2.840.10008.1.2.2", "ExplicitVRBigEndian", "Explicit VR Big Endian", Family::native, false, false,
     &native_codec, false},
    {"1.2.840.10008.1.2.4.50", "JPEGBaseline8Bit", "JPEG Baseline (Process 1)", Family::jpeg, true, false, nullptr,
     true},
    {"1.2.840.10008.1.2.4.51", "JPEGExtended12Bit", "JPEG Extended (Process 2 and 4)", Family::jpeg, true, false,
     nullptr, true},
    {"1.2.840.10008.1.2.4.52", "JPEGExtended35", "JPEG Extended (Process 3 and 5)", Family::jpeg, true, false, nullptr,
     true},
    {"1.2.840.10008.1.2.4.53", "JPEGSpectralSelectionNonHierarchical68",
     "JPEG Spectral Selection, Non-Hierarchical (Process 6 and 8)", Family::jpeg, true, false, nullptr, true},
    {"1.2.840.10008.1.2.4.54", "JPEGSpectralSelectionNonHierarchical79",
     "JPEG Spectral Selection, Non-Hierarchical (Process 7 and 9)", Family::jpeg, true, false, nullptr, true},
    {"1.2.840.10008.1.2.4.55", "JPEGFullProgressionNonHierarchical1012",
     "JPEG Full Progression, Non-Hierarchical (Process 10 and 12)", Family::jpeg, true, false, nullptr, true},
    {"1.2.840.10008.1.2.4.56", "JPEGFullProgressionNonHierarchical1113",
     "JPEG Full Progression, Non-Hierarchical (Process 11 and 13)", Family::jpeg, true, false, nullptr, true},
    {"1.2.840.10008.1.2.4.57", "JPEGLossless", "JPEG Lossless, Non-Hierarchical (Process 14)", Family::jpeg, true, true,
     &jpeg_lossless_codec, true},
    {"1.2.840.10008.1.2.4.58", "JPEGLosslessNonHierarchical15", "JPEG Lossless, Non-Hierarchical (Process 15)",
     Family::jpeg, true, true, nullptr, true},
    {"1.2.840.10008.1.2.4.59", "JPEGExtendedHierarchical1618", "JPEG Extended, Hierarchical (Process 16 and 18)",
     Family::jpeg, true, false, nullptr, true},
    {"1.2.840.10008.1.2.4.60", "JPEGExtendedHierarchical1719", "JPEG Extended, Hierarchical (Process 17 and 19)",
     Family::jpeg, true, false, nullptr, true},
    {"1.2.840.10008.1.2.4.61", "JPEGSpectralSelectionHierarchical2022",
     "JPEG Spectral Selection, Hierarchical (Process 20 and 22)", Family::jpeg, true, false, nullptr, true},
    {"1.2.840.10008.1.2.4.62", "JPEGSpectralSelectionHierarchical2123",
     "JPEG Spectral Selection, Hierarchical (Process 21 and 23)", Family::jpeg, true, false, nullptr, true},
    {"1.2.840.10008.1.2.4.63", "JPEGFullProgressionHierarchical2426",
     "JPEG Full Progression, Hierarchical (Process 24 and 26)", Family::jpeg, true, false, nullptr, true},
    {"1.2.840.10008.1.2.4.64", "JPEGFullProgressionHierarchical2527",
     "JPEG Full Progression, Hierarchical (Process 25 and 27)", Family::jpeg, true, false, nullptr, true},
    {"1.2.840.10008.1.2.4.65", "JPEGLosslessHierarchical28", "JPEG Lossless, Hierarchical (Process 28)", Family::jpeg,
     true, true, nullptr, true},
    {"1.2.840.10008.1.2.4.66", "JPEGLosslessHierarchical29", "JPEG Lossless, Hierarchical (Process 29)", Family::jpeg,
     true, true, nullptr, true},
    {"1.2.840.10008.1.2.4.70", "JPEGLosslessSV1",
     "JPEG Lossless, Non-Hierarchical, First-Order Prediction (Process 14 [Selection Value 1])", Family::jpeg, true,
     true, &jpeg_lossless_codec, true},
    {"1.2.840.10008.1.2.4.80", "JPEGLSLossless", "JPEG-LS Lossless Image Compression", Family::jpegls, true, true,
     nullptr, true},
    {"1.2.840.10008.1.2.4.81", "JPEGLSNearLossless", "JPEG-LS Lossy (Near-Lossless) Image Compression", Family::jpegls,
     true, false, nullptr, true},
    {"1.2.840.10008.1.2.4.90", "JPEG2000Lossless", "JPEG 2000 Image Compression (Lossless Only)", Family::jpeg2000,
     true, true, &jpeg2000_codec, true},
    {"1.2.840.10008.1.2.4.91", "JPEG2000", "JPEG 2000 Image Compression", Family::jpeg2000, true, false,
     &jpeg2000_codec, true},
    {"1.2.840.10008.1.2.4.92", "JPEG2000MCLossless",
     "JPEG 2000 Part 2 Multi-component Image Compression (Lossless Only)", Family::jpeg2000, true, true,
     &jpeg2000_codec, true},
    {"1.2.840.10008.1.2.4.93", "JPEG2000MC", "JPEG 2000 Part 2 Multi-component Image Compression", Family::jpeg2000,
     true, false, &jpeg2000_codec, true},
    {"1.2.840.10008.1.2.4.94", "JPIPReferenced", "JPIP Referenced", Family::referenced, false, false, nullptr, false},
    {"1.2.840.10008.1.2.4.95", "JPIPReferencedDeflate", "JPIP Referenced Deflate", Family::referenced, false, false,
     nullptr, false},
    {"1.2.840.10008.1.2.4.100", "MPEG2MPML", "MPEG2 Main Profile / Main Level", Family::video, true, false, nullptr,
     false},
    {"1.2.840.10008.1.2.4.100.1", "MPEG2MPMLF", "Fragmentable MPEG2 Main Profile / Main Level", Family::video, true,
     false, nullptr, false},
    {"1.2.840.10008.1.2.4.101", "MPEG2MPHL", "MPEG2 Main Profile / High Level", Family::video, true, false, nullptr,
     false},
    {"1.2.840.10008.1.2.4.101.1", "MPEG2MPHLF", "Fragmentable MPEG2 Main Profile / High Level", Family::video, true,
     false, nullptr, false},
    {"1.2.840.10008.1.2.4.102", "MPEG4HP41", "MPEG-4 AVC/H.264 High Profile / Level 4.1", Family::video, true, false,
     nullptr, false},
    {"1.2.840.10008.1.2.4.102.1", "MPEG4HP41F", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.1", Family::video,
     true, false, nullptr, false},
    {"1.2.840.10008.1.2.4.103", "MPEG4HP41BD", "MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1", Family::video,
     true, false, nullptr, false},
    {"1.2.840.10008.1.2.4.103.1", "MPEG4HP41BDF",
     "Fragmentable MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1", Family::video, true, false, nullptr,
     false},
    {"1.2.840.10008.1.2.4.104", "MPEG4HP422D", "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video", Family::video,
     true, false, nullptr, false},
    {"1.2.840.10008.1.2.4.104.1", "MPEG4HP422DF", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video",
     Family::video, true, false, nullptr, false},
    {"1.2.840.10008.1.2.4.105", "MPEG4HP423D", "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video", Family::video,
     true, false, nullptr, false},
    {"1.2.840.10008.1.2.4.105.1", "MPEG4HP423DF", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video",
     Family::video, true, false, nullptr, false},
    {"1.2.840.10008.1.2.4.106", "MPEG4HP42STEREO", "MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2", Family::video,
     true, false, nullptr, false},
    {"1.2.840.10008.1.2.4.106.1", "MPEG4HP42STEREOF", "Fragmentable MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2",
     Family::video, true, false, nullptr, false},
    {"1.2.840.10008.1.2.4.107", "HEVCMP51", "HEVC/H.265 Main Profile / Level 5.1", Family::video, true, false, nullptr,
     false},
    {"1.2.840.10008.1.2.4.108", "HEVCM10P51", "HEVC/H.265 Main 10 Profile / Level 5.1", Family::video, true, false,
     nullptr, false},
    {"1.2.840.10008.1.2.4.110", "JPEGXLLossless", "JPEG XL Lossless", Family::jpegxl, true, true, nullptr, true},
    {"1.2.840.10008.1.2.4.111", "JPEGXLJPEGRecompression", "JPEG XL JPEG Recompression", Family::jpegxl, true, false,
     nullptr, true},
    {"1.2.840.10008.1.2.4.112", "JPEGXL", "JPEG XL", Family::jpegxl, true, false, nullptr, true},
    {"1.2.840.10008.1.2.4.201", "HTJ2KLossless", "High-Throughput JPEG 2000 Image Compression (Lossless Only)",
     Family::jpeg2000, true, true, nullptr, true},
    {"1.2.840.10008.1.2.4.202", "HTJ2KLosslessRPCL",
     "High-Throughput JPEG 2000 with RPCL Options Image Compression (Lossless Only)", Family::jpeg2000, true, true,
     nullptr, true},
    {"1.2.840.10008.1.2.4.203", "HTJ2K", "High-Throughput JPEG 2000 Image Compression", Family::jpeg2000, true, false,
     nullptr, true},
    {"1.2.840.10008.1.2.4.204", "JPIPHTJ2KReferenced", "JPIP HTJ2K Referenced", Family::referenced, false, false,
     nullptr, false},
    {"1.2.840.10008.1.2.4.205", "JPIPHTJ2KReferencedDeflate", "JPIP HTJ2K Referenced Deflate", Family::referenced,
     false, false, nullptr, false},
    {"1.2.840.10008.1.2.5", "RLELossless", "RLE Lossless", Family::rle, true, true, &rle_codec, true},
    {"1.2.840.10008.1.2.7.1", "SMPTEST211020UncompressedProgressiveActiveVideo",
     "SMPTE ST 2110-20 Uncompressed Progressive Active Video", Family::real_time, false, false, nullptr, false},
    {"1.2.840.10008.1.2.7.2", "SMPTEST211020UncompressedInterlacedActiveVideo",
     "SMPTE ST 2110-20 Uncompressed Interlaced Active Video", Family::real_time, false, false, nullptr, false},
    {"1.2.840.10008.1.2.7.3", "SMPTEST211030PCMDigitalAudio", "SMPTE ST 2110-30 PCM Digital Audio", Family::real_time,
     false, false, nullptr, false},
    {"1.2.840.10008.1.2.8.1", "DeflatedImageFrameCompression", "Deflated Image Frame Compression",
     Family::deflated_frame, true, true, nullptr, true},
};

std::string_view without_padding(std::string_view text) {
    while (!text.empty() && (text.back() == ' ' || text.back() == '\0')) text.remove_suffix(1);
    return text;
}

}  // namespace

std::span<const TransferSyntax> transfer_syntaxes() { return table; }

const Codec* codec_for(Format format) {
    switch (format) {
        case Format::native: return &native_codec;
        case Format::rle: return &rle_codec;
        case Format::jpeg_lossless: return &jpeg_lossless_codec;
        case Format::jpeg2000: return &jpeg2000_codec;
        default: return nullptr;
    }
}

const Codec& decoder_of(Format format, bool prefer_library) {
    switch (format) {
        case Format::unknown:
        case Format::deflated:  // inflated before it comes here
        case Format::native: return native_codec;
        case Format::rle: return prefer_library ? library_rle_codec : rle_codec;
        default: break;
    }
    const Codec* own = prefer_library ? nullptr : codec_for(format);
    return own != nullptr ? *own : library_codec;
}

Format format_without_header(Family family) {
    return family == Family::rle ? Format::rle : family == Family::deflated_frame ? Format::deflated : Format::native;
}

const TransferSyntax* find_transfer_syntax(std::string_view uid_or_keyword) {
    const std::string_view wanted = without_padding(uid_or_keyword);
    for (const TransferSyntax& syntax : table) {
        if (wanted == syntax.uid || wanted == syntax.keyword) return &syntax;
    }
    return nullptr;
}

}  // namespace dcmturbo
