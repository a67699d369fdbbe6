#include "codecs/probe.h"

#include <array>
#include <cstring>

#include "base/endian.h"
#include "base/error.h"
#include "codecs/jpeg/syntax.h"
#include "codecs/jpeg2000/codestream/syntax.h"
#include "codecs/jpegxl/syntax.h"

namespace dcmturbo {

namespace {

struct Signature {
    Format format;
    std::size_t size;
    std::array<unsigned char, 8> bytes;
};

// Each is enough of the stream's fixed first bytes to be told from any other.
constexpr std::array<Signature, 5> signatures = {{
    {Format::jpeg, 3, {0xFF, 0xD8, 0xFF}},
    {Format::jpeg2000, 4, {0xFF, 0x4F, 0xFF, 0x51}},
    {Format::jpeg2000, 8, {0x00, 0x00, 0x00, 0x0C, 'j', 'P', ' ', ' '}},
    {Format::jpegxl, 2, {0xFF, 0x0A}},
    {Format::jpegxl, 8, {0x00, 0x00, 0x00, 0x0C, 'J', 'X', 'L', ' '}},
}};

}  // namespace

Format sniff(Bytes data) {
    for (const Signature& signature : signatures) {
        if (data.size() >= signature.size && std::memcmp(data.data(), signature.bytes.data(), signature.size) == 0) {
            return signature.format;
        }
    }
    return Format::unknown;
}

void probe(Bytes data, Header& header) {
    switch (sniff(data)) {
        case Format::jpeg: probe_jpeg(jpeg::MarkerReader(data), header); return;
        case Format::jpeg2000: probe_jpeg2000(data, header); return;
        case Format::jpegxl: probe_jpegxl(data, header); return;
        default: break;
    }
    header.clear();
    if (data.size() < signatures[0].bytes.size()) {
        fail(ErrorCode::truncated, data.size(), "the frame is %zu bytes long, too short for any compressed image",
             data.size());
    }
    fail(ErrorCode::unsupported, 0,
         "expected the start of a JPEG, JPEG-LS, JPEG 2000 or JPEG XL stream, found bytes %08X",
         static_cast<unsigned>(load_be<std::uint32_t>(data.data())));
}

void probe(const Fragments& frame, Arena& arena, Header& header) {
    const std::span<const Bytes> spans = frame.spans();
    // A frame of several fragments begins with its signature in the first, or is joined.
    if (spans.size() > 1 && sniff(spans.front()) == Format::jpeg) {
        probe_jpeg(jpeg::MarkerReader(frame, arena), header);
        return;
    }
    probe(frame.contiguous(arena), header);
}

void check(Bytes data, const Header& header) {
    switch (header.format) {
        case Format::jpeg:
        case Format::jpeg_lossless:
        case Format::jpegls: check_jpeg(data, header); return;
        case Format::jpeg2000:
        case Format::htj2k: check_jpeg2000(data, header); return;
        case Format::jpegxl: check_jpegxl(data, header); return;
        default: return;
    }
}

}  // namespace dcmturbo
