// Fuzzes csrc/dicom's search for attributes in nested sequences, and the decimals that it finds.
//
// The last byte of the input chooses the encoding, and whether the paths are those of the functional groups of a
// segmentation or are drawn from the input.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "dicom/attribute_scan.h"
#include "dicom/decimals.h"
#include "dicom/file_source.h"
#include "far_source.h"
#include "frames.h"

namespace {

using namespace dcmturbo;
using fuzz::require;

using Path = std::vector<std::uint32_t>;

struct Report {
    std::uint32_t path, outer, inner;
    std::uint64_t offset;
    std::size_t size;
    bool operator==(const Report&) const = default;
};

// PS3.3, C.7.6.16 and C.8.20: what a segmentation says of its frames.
const std::vector<Path> functional_groups{
    {0x00280008},
    {0x00620002, 0x00620004},
    {0x00620002, 0x00620003, 0x00080100},
    {0x52009229, 0x00289110, 0x00280030},
    {0x52009230, 0x00209113, 0x00200032},
    {0x52009230, 0x0062000A, 0x0062000B},
    {0x52009230, 0x00209111, 0x00209157},
    {0x52009230, 0x00089124, 0x00082112, 0x00081155},
};

std::vector<Path> drawn_paths(std::span<const std::byte> bytes) {
    std::vector<Path> paths;
    // Tags of the input itself: its first bytes, four at a time.
    for (std::size_t i = 0; i + 4 <= bytes.size() && i < 64; i += 4) {
        const auto at = [&](std::size_t k) { return std::to_integer<std::uint32_t>(bytes[i + k]); };
        const std::uint32_t tag = at(1) << 24 | at(0) << 16 | at(3) << 8 | at(2);
        if (paths.empty() || tag % 3 == 0) paths.emplace_back();
        if (paths.back().size() < 16) paths.back().push_back(tag);
    }
    return paths;
}

std::vector<Report> reports(const Source& source, std::span<const std::byte> bytes, Encoding encoding,
                            const std::vector<Path>& paths) {
    const std::vector<std::span<const std::uint32_t>> spans(paths.begin(), paths.end());
    std::vector<Report> found;
    find_attributes(source, 0, encoding, 0x7FE00008, spans, [&](const FoundValue& value) {
        require(value.path < paths.size(), "a value has the number of its path");
        require(value.offset <= bytes.size() && value.value.size() <= bytes.size() - value.offset,
                "a value is within its source");
        require(value.value.empty() ||
                    std::memcmp(value.value.data(), bytes.data() + value.offset, value.value.size()) == 0,
                "a value has the bytes of its source");
        require(found.empty() || found.back().offset < value.offset, "values are reported in their order");
        found.push_back({value.path, value.outer, value.inner, value.offset, value.value.size()});
        std::vector<double> numbers;
        if (!parse_decimals(value.value, numbers)) return;
        std::string text(reinterpret_cast<const char*>(value.value.data()), value.value.size());
        for (char& c : text) c = c == '\0' ? ' ' : c;
        const char* at = text.c_str();
        for (const double number : numbers) {
            char* end = nullptr;
            require(std::strtod(at, &end) == number, "a decimal is correctly rounded");
            while (*end == ' ') ++end;
            at = end + (*end == '\\' ? 1 : 0);
        }
        require(*at == '\0', "all decimals of a value are read");
    });
    return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const auto choice = data[size - 1];
    const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size - 1);
    const BufferSource source(bytes);
    const Encoding encoding{(choice & 1) == 0, (choice & 2) != 0};
    const std::vector<Path> paths = (choice & 4) == 0 ? functional_groups : drawn_paths(bytes);
    const std::vector<Report> found = reports(source, bytes, encoding, paths);
    require(found.size() <= bytes.size() / 8, "each value has a header");
    require(reports(fuzz::FarSource(source), bytes, encoding, paths) == found, "a far source has the same values");
    return 0;
}
