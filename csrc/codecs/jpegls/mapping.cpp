#include "codecs/jpegls/mapping.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace dcmturbo::jpegls {

namespace {

std::uint32_t load(const std::byte* cell, std::size_t size) {
    if (size == 1) return std::to_integer<std::uint32_t>(*cell);
    std::uint16_t value;
    std::memcpy(&value, cell, sizeof value);
    return value;
}

void store(std::byte* cell, std::size_t size, std::uint32_t value) {
    const auto narrow = static_cast<std::uint16_t>(value);
    if (size == 1) *cell = static_cast<std::byte>(narrow);
    else std::memcpy(cell, &narrow, sizeof narrow);
}

}  // namespace

void Mapping::define(const jpeg::Segment& segment, bool continues) {
    const unsigned identifier = segment.u8(1);
    const unsigned bytes = segment.u8(2);
    if (identifier == 0) fail(ErrorCode::malformed, segment.offset, "a mapping table of number 0, which means none");
    if (bytes == 0) fail(ErrorCode::malformed, segment.offset, "a mapping table with entries of 0 bytes");
    Table& table = tables_[identifier];
    if (!continues) table = {};
    else if (table.entry_bytes != bytes)
        fail(ErrorCode::malformed, segment.offset, "LSE of type 3 does not continue mapping table %u", identifier);
    table.entry_bytes = bytes;
    if (bytes > 2) return;  // use() tells
    for (std::size_t at = 3; at + bytes <= segment.parameters.size(); at += bytes)
        table.entries.push_back(static_cast<std::uint16_t>(segment.number(at, bytes)));
}

void Mapping::use(std::size_t component, unsigned table, const Parameters& parameters, const jpeg::Segment& segment) {
    if (table == 0) return;
    const auto found = tables_.find(table);
    if (found == tables_.end()) {
        fail(ErrorCode::malformed, segment.offset, "the scan uses mapping table %u, which has not been defined", table);
    }
    if (found->second.entry_bytes > 2) {
        fail(ErrorCode::unsupported, segment.offset,
             "mapping table %u has entries of %u bytes: one or two are supported (ISO/IEC 14495-1, C.2.4.1.2)", table,
             found->second.entry_bytes);
    }
    if (found->second.entries.size() <= static_cast<std::size_t>(parameters.maxval)) {
        fail(ErrorCode::malformed, segment.offset, "mapping table %u has %zu entries for samples up to %d", table,
             found->second.entries.size(), static_cast<int>(parameters.maxval));
    }
    used_[component] = found->second;
    is_used_ = true;
}

void Mapping::apply(std::size_t component, const ComponentOut& plane, std::uint32_t lines,
                    std::size_t cell_bytes) const {
    const auto found = used_.find(component);
    if (found == used_.end()) return;
    const std::vector<std::uint16_t>& entries = found->second.entries;
    if (cell_bytes == 1 && *std::max_element(entries.begin(), entries.end()) > 0xff) {
        fail(ErrorCode::mismatch, no_offset, "a mapping table has entries above 255, and the result has 8 bits");
    }
    const std::size_t size = sample_size(plane.type);
    for (std::uint32_t y = 0; y < lines; ++y) {
        std::byte* cell = plane.base + static_cast<std::ptrdiff_t>(y) * plane.row_stride;
        for (std::uint32_t x = 0; x < plane.width; ++x, cell += plane.sample_stride)
            store(cell, size, entries[load(cell, size)]);
    }
}

bool is_hp_transform(const jpeg::Segment& segment) {
    return segment.parameters.size() == 5 && std::memcmp(segment.parameters.data(), "mrfx", 4) == 0 &&
           segment.u8(4) != 0;
}

void undo_hp_transform(std::span<const ComponentOut> planes, unsigned transform, unsigned precision) {
    bool alike = planes.size() == 3;
    for (const ComponentOut& plane : planes)
        alike = alike && plane.width == planes[0].width && plane.height == planes[0].height;
    if (!alike || transform > most_hp_transform || (precision != 8 && precision != 16)) {
        fail(
            ErrorCode::unsupported, no_offset,
            "an HP colour transform (APP8 \"mrfx\") number %u of %zu components of %u bits: 1 to 3 are known, of three "
            "components of 8 or 16 bits",
            transform, planes.size(), precision);
    }
    const std::uint32_t half = 1u << (precision - 1);
    const std::uint32_t mask = 2 * half - 1;
    const std::size_t size = sample_size(planes[0].type);
    for (std::uint32_t y = 0; y < planes[0].height; ++y) {
        std::byte* cells[3];
        for (std::size_t i = 0; i < 3; ++i)
            cells[i] = planes[i].base + static_cast<std::ptrdiff_t>(y) * planes[i].row_stride;
        for (std::uint32_t x = 0; x < planes[0].width; ++x) {
            const std::uint32_t v1 = load(cells[0], size);
            const std::uint32_t v2 = load(cells[1], size);
            const std::uint32_t v3 = load(cells[2], size);
            std::uint32_t r;
            std::uint32_t g;
            std::uint32_t b;
            if (transform == 3) {
                g = (v1 - ((v3 + v2) >> 2) + half / 2) & mask;
                r = v3 + g - half;
                b = v2 + g - half;
            } else {
                g = v2;
                r = (v1 + g - half) & mask;
                b = transform == 1 ? v3 + g - half : v3 + ((r + g) >> 1) - half;
            }
            store(cells[0], size, r & mask);
            store(cells[1], size, g & mask);
            store(cells[2], size, b & mask);
            for (std::size_t i = 0; i < 3; ++i) cells[i] += planes[i].sample_stride;
        }
    }
}

}  // namespace dcmturbo::jpegls
