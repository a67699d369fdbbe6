// Scans preamble, File Meta Information and dataset up to the pixel data: PS3.10 7.1, PS3.5 clause 7.
#include "dicom/element_scan.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <limits>
#include <string_view>
#include <utility>

#include "base/endian.h"
#include "base/error.h"
#include "dicom/element_reader.h"
#include "dicom/foreign_format.h"
#include "dicom/sequence_items.h"
#include "dicom/sequence_lengths.h"
#include "dicom/sequence_skip.h"

namespace dcmturbo {

namespace {

constexpr std::uint64_t prefix_offset = 128;  // PS3.10 7.1
constexpr std::size_t longest_text = 4096;
constexpr std::size_t most_warnings = 16;
constexpr std::uint32_t transfer_syntax_tag = 0x00020010;

std::string name_of(std::uint32_t tag) {
    char text[16];
    std::snprintf(text, sizeof text, "(%04X,%04X)", tag >> 16, tag & 0xFFFF);
    return text;
}

// PS3.5 6.2: values are padded with a space or, for UIDs, a NUL. Real files have any number of either.
std::string_view stripped(std::span<const std::byte> value) {
    std::string_view text(reinterpret_cast<const char*>(value.data()), value.size());
    text = text.substr(0, text.find('\0'));
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
    if (!text.empty() && text[0] == '+') text.remove_prefix(1);
    std::int64_t number = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
    if (result.ec != std::errc{}) return std::nullopt;
    return number;
}

bool is_text(const ElementHeader& header) {
    for (const auto* vr : {"IS", "DS", "LO", "SH", "CS", "LT", "ST", "UT", "UC"}) {
        if (header.vr[0] == vr[0] && header.vr[1] == vr[1]) return true;
    }
    return false;
}

std::optional<std::int64_t> binary_integer(std::span<const std::byte> value, bool big) {
    if (value.size() >= 4 && value.size() % 4 == 0)
        return big ? load_be<std::uint32_t>(value.data()) : load_le<std::uint32_t>(value.data());
    if (value.size() >= 2) return big ? load_be<std::uint16_t>(value.data()) : load_le<std::uint16_t>(value.data());
    if (value.size() == 1) return std::to_integer<std::int64_t>(value[0]);
    return std::nullopt;
}

// The encoding that the transfer syntax declares: PS3.5 annex A. All syntaxes not listed here use explicit VR little
// endian.
Encoding declared_encoding(std::string_view uid) {
    if (uid == "1.2.840.10008.1.2" || uid == "1.2.840.10008.1.20" || uid == "1.2.840.113619.5.2") return {false, false};
    if (uid == "1.2.840.10008.1.2.2") return {true, true};
    return {true, false};
}

bool is_deflated(std::string_view uid) {
    return uid == "1.2.840.10008.1.2.1.99" || uid == "1.2.840.10008.1.2.4.95" || uid == "1.2.840.10008.1.2.4.205";
}

class Scanner {
  public:
    explicit Scanner(const Source& source) : reader_(source) {}

    Dataset run(const ScanOptions& options);

  private:
    std::uint64_t read_meta(std::uint64_t offset);
    std::uint64_t find_dataset();
    void read_elements(std::uint64_t offset);
    bool read_element(const ElementHeader& header, std::uint64_t& next);
    bool read_sequence(const ElementHeader& header, std::uint64_t& next, bool doubt);
    bool skip_value(const ElementHeader& header, std::uint64_t& next);
    bool is_zero_from(std::uint64_t offset);
    bool is_header_begun(std::uint64_t offset);
    void cut(std::string text);
    void take(const ElementHeader& header);
    void take_number(const ElementHeader& header, std::optional<std::uint16_t>& to);
    void take_frames(const ElementHeader& header);
    void take_text(const ElementHeader& header, std::string& to);
    void take_range(const ElementHeader& header, ByteRange& to) const;
    void take_pixel_data(const ElementHeader& header, PixelKeyword keyword);
    void warn(std::string text);

    ElementReader reader_;
    Encoding encoding_;
    SequenceBudget budget_;
    // The last sequence of defined length and its position, if no element follows it.
    std::optional<std::pair<ElementHeader, std::uint64_t>> at_end_;
    Dataset dataset_;
};

Dataset Scanner::run(const ScanOptions& options) {
    std::uint64_t offset = 0;
    if (options.bare_dataset) {
        encoding_ = {options.explicit_vr, options.big_endian};
    } else {
        offset = find_dataset();
        encoding_ = declared_encoding(dataset_.transfer_syntax);
        // PS3.5 10.1: the default transfer syntax is implicit VR little endian.
        if (dataset_.transfer_syntax.empty()) encoding_ = {false, false};
        dataset_.deflated = is_deflated(dataset_.transfer_syntax);
    }
    dataset_.dataset_offset = offset;

    if (dataset_.deflated && reader_.plausibility(offset, encoding_) >= 2) {
        warn("the transfer syntax is deflated, but the dataset is not");
        dataset_.deflated = false;
    }
    if (!dataset_.deflated) {
        const Encoding found = reader_.settle_encoding(offset, encoding_);
        const bool declared = options.bare_dataset || !dataset_.transfer_syntax.empty();
        if (declared && (found.explicit_vr != encoding_.explicit_vr || found.big_endian != encoding_.big_endian)) {
            warn(std::string("the dataset is in ") + (found.explicit_vr ? "explicit" : "implicit") + " VR " +
                 (found.big_endian ? "big" : "little") + " endian, which contradicts its transfer syntax");
        }
        encoding_ = found;
    }
    dataset_.explicit_vr = encoding_.explicit_vr;
    dataset_.big_endian = encoding_.big_endian;
    if (!dataset_.deflated) read_elements(offset);
    return std::move(dataset_);
}

// Reads the preamble and the File Meta Information if there are any. Returns the position of the dataset.
std::uint64_t Scanner::find_dataset() {
    if (reader_.size() == 0) fail(ErrorCode::not_dicom, no_offset, "it is empty (0 bytes): this is not a DICOM file");
    const auto is_prefix = [&](std::uint64_t offset) {
        const auto bytes = reader_.bytes(offset, 4);
        return bytes.size() == 4 && std::memcmp(bytes.data(), "DICM", 4) == 0;
    };
    const auto is_meta = [&](std::uint64_t offset) {
        const auto bytes = reader_.bytes(offset, 2);
        return bytes.size() == 2 && load_le<std::uint16_t>(bytes.data()) == 0x0002;
    };
    if (is_prefix(prefix_offset)) {
        dataset_.has_preamble = true;
        const std::uint64_t offset = prefix_offset + 4;
        return is_meta(offset) ? read_meta(offset) : offset;
    }
    if (is_prefix(0)) return is_meta(4) ? read_meta(4) : 4;

    // There is no prefix, so the first elements must show that this is DICOM.
    const Encoding encoding = reader_.settle_encoding(0, {true, false});
    const auto first = reader_.bytes(0, 4);
    unsigned group = 0;
    if (first.size() == 4) {
        group = encoding.big_endian ? load_be<std::uint16_t>(first.data()) : load_le<std::uint16_t>(first.data());
    }
    // One element of group 2 is enough: the dataset after it may have another encoding.
    if (reader_.plausibility(0, encoding) < (group == 2 ? 1 : 2) || group < 2 || group > 0x0040 || group % 2 != 0) {
        const std::string_view what = name_foreign_format(reader_.bytes(0, foreign_format_bytes));
        fail(ErrorCode::not_dicom, 0,
             "expected \"DICM\" at byte 128, or data elements from the start: this is not a DICOM file%s%s",
             what.empty() ? "" : " but ", what.data());
    }
    return is_meta(0) ? read_meta(0) : 0;
}

// Returns the position of the dataset. The File Meta Information is explicit VR little endian (PS3.10 7.1), but a few
// writers use implicit VR. It ends at the first element of another group, because (0002,0000) is often wrong.
std::uint64_t Scanner::read_meta(std::uint64_t offset) {
    dataset_.has_meta = true;
    Encoding encoding{true, false};
    const Encoding implicit{false, false};
    if (reader_.plausibility(offset, encoding) == 0 && reader_.plausibility(offset, implicit) > 0) encoding = implicit;
    std::uint64_t promised_end = 0;
    ElementHeader header;
    while (reader_.read_header(offset, encoding, header) && header.group() == 0x0002) {
        if (header.end() > reader_.size()) {
            cut("element " + name_of(header.tag) + " of the file meta information extends past the end of the file");
            return promised_end > offset && promised_end < reader_.size() ? promised_end : reader_.size();
        }
        if (header.tag == transfer_syntax_tag) take_text(header, dataset_.transfer_syntax);
        if (header.tag == 0x00020000 && header.length == 4) {
            const auto value = reader_.read_value(header, 4);
            if (value.size() == 4) promised_end = header.end() + load_le<std::uint32_t>(value.data());
        }
        offset = header.end();
    }
    return offset;
}

void Scanner::read_elements(std::uint64_t offset) {
    bool any = false;
    bool doubted = false;
    ElementHeader header;
    for (;;) {
        while (offset < reader_.size()) {
            if (!reader_.read_header(offset, encoding_, header)) {
                if (any && is_zero_from(offset)) warn("the dataset ends in zeros");
                else if (!any || is_header_begun(offset)) cut("the file ends inside the header of an element");
                else warn("the file ends with bytes that are not an element");
                return;
            }
            if (header.tag == 0 && any) {
                warn("the dataset ends in zeros");
                return;
            }
            any = true;
            if (!read_element(header, offset)) return;
        }
        // The dataset is an image, but ends in a sequence. The length of that sequence may be too long and hide the
        // pixel data.
        if (!at_end_ || doubted || !dataset_.rows) return;
        doubted = true;
        offset = at_end_->second;
        if (!read_sequence(at_end_->first, offset, true)) return;
    }
}

// Fewer bytes are left than a header has. Returns whether they begin a header. In an image they always count as one.
bool Scanner::is_header_begun(std::uint64_t offset) {
    const auto rest = reader_.bytes(offset, 8);
    if (dataset_.rows || rest.size() < 4) return dataset_.rows.has_value();
    const unsigned group =
        encoding_.big_endian ? load_be<std::uint16_t>(rest.data()) : load_le<std::uint16_t>(rest.data());
    return group % 2 == 0 && group >= 0x0008 && group <= 0x7FE0;
}

bool Scanner::is_zero_from(std::uint64_t offset) {
    const auto rest = reader_.bytes(offset, 8);
    return std::all_of(rest.begin(), rest.end(), [](std::byte byte) { return byte == std::byte{0}; });
}

// Stores the position of the next element in `next`. Returns false if nothing more is to be read.
bool Scanner::read_element(const ElementHeader& header, std::uint64_t& next) {
    switch (header.tag) {
        case 0x7FE00008: take_pixel_data(header, PixelKeyword::float_pixel_data); return false;
        case 0x7FE00009: take_pixel_data(header, PixelKeyword::double_float_pixel_data); return false;
        case 0x7FE00010: take_pixel_data(header, PixelKeyword::pixel_data); return false;
        case item_delimiter_tag:
        case sequence_delimiter_tag:
            // This delimiter is left from a sequence that ended at the wrong place.
            next = header.value;
            return true;
        default: break;
    }
    take(header);
    if (!holds_items(reader_, header, encoding_)) return skip_value(header, next);
    return read_sequence(header, next, false);
}

// `next` is the position of this header. It becomes the position of the next element.
bool Scanner::read_sequence(const ElementHeader& header, std::uint64_t& next, bool doubt) {
    SequenceLengths found = check_sequence(reader_, header, next, encoding_, budget_, doubt);
    switch (found.state) {
        case SequenceLengths::State::unknown: return !doubt && skip_value(header, next);
        case SequenceLengths::State::right: break;
        case SequenceLengths::State::mended:
            warn(header.is_undefined() && found.patches.size() == 1
                     ? "element " + name_of(header.tag) + " of undefined length ends without a delimiter"
                     : "the lengths in sequence " + name_of(header.tag) +
                           " are wrong: its content shows where it ends");
            dataset_.patches.insert(dataset_.patches.end(), found.patches.begin(), found.patches.end());
            break;
    }
    if (found.end == reader_.size() && !header.is_undefined()) at_end_ = {header, next};
    next = found.end;
    return true;
}

bool Scanner::skip_value(const ElementHeader& header, std::uint64_t& next) {
    if (header.is_undefined()) {
        const Skip skip = skip_undefined(reader_, header, encoding_);
        if (skip.end == SkipEnd::cut) cut("the file ends inside the value of element " + name_of(header.tag));
        if (skip.end == SkipEnd::broken)
            warn("element " + name_of(header.tag) + " of undefined length ends without a delimiter");
        next = skip.offset;
        return skip.end != SkipEnd::cut;
    }
    if (header.end() > reader_.size()) {
        cut("the file ends inside the value of element " + name_of(header.tag));
        return false;
    }
    if (holds_items(reader_, header, encoding_) && header.end() == reader_.size()) at_end_ = {header, next};
    next = header.end();
    return true;
}

void Scanner::cut(std::string text) {
    warn(text);
    dataset_.cut = std::move(text);
}

// If an element is there twice, the last one counts, as in pydicom.
void Scanner::take(const ElementHeader& header) {
    switch (header.tag) {
        case 0x00080016: return take_text(header, dataset_.sop_class_uid);
        case 0x00080018: return take_text(header, dataset_.sop_instance_uid);
        case 0x00080060: return take_text(header, dataset_.modality);
        case 0x00080070: return take_text(header, dataset_.manufacturer);
        case 0x00081090: return take_text(header, dataset_.manufacturer_model_name);
        case 0x00280002: return take_number(header, dataset_.samples_per_pixel);
        case 0x00280004: return take_text(header, dataset_.photometric_interpretation);
        case 0x00280006: return take_number(header, dataset_.planar_configuration);
        case 0x00280008: return take_frames(header);
        case 0x00280010: return take_number(header, dataset_.rows);
        case 0x00280011: return take_number(header, dataset_.columns);
        case 0x00280100: return take_number(header, dataset_.bits_allocated);
        case 0x00280101: return take_number(header, dataset_.bits_stored);
        case 0x00280102: return take_number(header, dataset_.high_bit);
        case 0x00280103: return take_number(header, dataset_.pixel_representation);
        case 0x00282110: return take_text(header, dataset_.lossy_image_compression);
        case 0x00282112: return take_text(header, dataset_.lossy_image_compression_ratio);
        case 0x00282114: return take_text(header, dataset_.lossy_image_compression_method);
        case 0x00287FE0: return take_text(header, dataset_.pixel_data_provider_url);
        case 0x00880200: dataset_.has_icon = true; return;
        case 0x7FE00001: return take_range(header, dataset_.extended_offset_table);
        case 0x7FE00002: return take_range(header, dataset_.extended_offset_table_lengths);
        default: return;
    }
}

void Scanner::take_number(const ElementHeader& header, std::optional<std::uint16_t>& to) {
    to.reset();
    const auto value = reader_.read_value(header, longest_text);
    if (value.empty()) return;
    std::optional<std::int64_t> number;
    if (is_text(header)) {
        number = parse_integer(stripped(value));
    } else {
        // Two US values have the same size as one UL. The first value counts.
        const bool shorts = header.has_vr("US") || header.has_vr("SS") || header.has_vr("OW");
        number = binary_integer(value.first(shorts ? std::min<std::size_t>(value.size(), 2) : value.size()),
                                encoding_.big_endian);
        // The value is UL, or has no VR. If the 32-bit number is impossible, the value is read as two 16-bit numbers.
        if (number && *number > std::numeric_limits<std::uint16_t>::max())
            number = binary_integer(value.first(2), encoding_.big_endian);
    }
    if (number && *number >= 0 && *number <= std::numeric_limits<std::uint16_t>::max()) {
        to = static_cast<std::uint16_t>(*number);
    } else {
        warn("element " + name_of(header.tag) + " is not a 16-bit number");
    }
}

void Scanner::take_frames(const ElementHeader& header) {
    dataset_.number_of_frames.reset();
    const auto value = reader_.read_value(header, longest_text);
    const std::string_view text = stripped(value);
    if (text.empty()) return;
    const bool binary = header.has_vr("US") || header.has_vr("UL") || header.has_vr("SL") || header.has_vr("SS");
    dataset_.number_of_frames = binary ? binary_integer(value, encoding_.big_endian) : parse_integer(text);
    if (!dataset_.number_of_frames) warn("NumberOfFrames is not a number");
}

void Scanner::take_text(const ElementHeader& header, std::string& to) {
    to = stripped(reader_.read_value(header, longest_text));
}

void Scanner::take_range(const ElementHeader& header, ByteRange& to) const {
    to = {};
    if (!header.is_undefined() && header.end() <= reader_.size()) to = {header.value, header.length, true};
}

void Scanner::take_pixel_data(const ElementHeader& header, PixelKeyword keyword) {
    PixelDataElement element;
    const std::uint64_t left = header.value < reader_.size() ? reader_.size() - header.value : 0;
    element.offset = header.value;
    element.declared_length = header.length;
    element.undefined_length = header.is_undefined();
    element.cut_short = !header.is_undefined() && header.length > left;
    element.length = header.is_undefined() ? left : std::min<std::uint64_t>(header.length, left);
    std::copy(std::begin(header.vr), std::end(header.vr), std::begin(element.vr));
    element.keyword = keyword;
    if (element.cut_short) {
        warn("the file ends inside the pixel data: " + std::to_string(left) + " of " + std::to_string(header.length) +
             " bytes are there");
    }
    dataset_.pixel_data = element;
}

void Scanner::warn(std::string text) {
    if (dataset_.warnings.size() < most_warnings) dataset_.warnings.push_back(std::move(text));
}

}  // namespace

Dataset scan(const Source& source, const ScanOptions& options) { return Scanner(source).run(options); }

}  // namespace dcmturbo
