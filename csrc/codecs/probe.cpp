// Recognises the format of a frame and reads its header.
#include "codecs/probe.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/endian.h"
#include "base/error.h"
#include "codecs/formats.h"

namespace dcmturbo {

namespace {

// The number of bytes in the shortest possible compressed frame.
constexpr std::size_t shortest_frame = 8;

// Joins the names of all families with a header: "JPEG, JPEG-LS, JPEG 2000 or JPEG XL".
std::string names_of_families() {
    std::vector<std::string_view> names;
    for (const FormatRow& row : formats) {
        const bool known = std::any_of(std::begin(formats), &row, [&](const FormatRow& other) {
            return std::string_view(other.family) == row.family;
        });
        if (row.has_header && !known) names.emplace_back(row.title);
    }
    std::string text;
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (i > 0) text += i + 1 == names.size() ? " or " : ", ";
        text += names[i];
    }
    return text;
}

}  // namespace

Format sniff(Bytes data) {
    for (const FormatRow& row : formats) {
        for (const Signature& signature : row.signatures) {
            if (signature.begins(data)) return row.format;
        }
    }
    return Format::unknown;
}

Format recognise(Bytes data) {
    if (sniff(data) != Format::unknown) {
        Header header;
        try {
            probe(data, header);
        } catch (const DecodeError&) {
            return Format::unknown;
        }
        return header.format;
    }
    for (const FormatRow& row : formats) {
        if (row.looks_right != nullptr && row.looks_right(data)) return row.format;
    }
    return Format::unknown;
}

void probe(Bytes data, Header& header) {
    const FormatRow& row = row_of(sniff(data));
    if (row.probe != nullptr) {
        row.probe(data, header);
        return;
    }
    header.clear();
    if (data.size() < shortest_frame) {
        fail(ErrorCode::truncated, data.size(), "the frame has %zu bytes, which is too short for a compressed image",
             data.size());
    }
    fail(ErrorCode::unsupported, 0, "expected the start of a %s stream, found bytes %08X", names_of_families().c_str(),
         static_cast<unsigned>(load_be<std::uint32_t>(data.data())));
}

void probe(const Fragments& frame, Arena& arena, Header& header) {
    const std::span<const Bytes> spans = frame.spans();
    // The first fragment of a frame holds its signature. If it does not, the fragments are joined.
    if (spans.size() > 1) {
        const FormatRow& row = row_of(sniff(spans.front()));
        if (row.probe_fragments != nullptr) {
            row.probe_fragments(frame, arena, header);
            return;
        }
    }
    probe(frame.contiguous(arena), header);
}

void check(Bytes data, const Header& header) {
    const FormatRow& row = row_of(header.format);
    if (row.check != nullptr) row.check(data, header);
}

}  // namespace dcmturbo
