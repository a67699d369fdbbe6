// Attributes in nested sequences, and decimal strings, without Python.
#include <doctest/doctest.h>

#include <string>
#include <tuple>
#include <vector>

#include "dicom/attribute_scan.h"
#include "dicom/decimals.h"
#include "dicom/file_source.h"

using namespace dcmturbo;

namespace {

std::string element(std::uint16_t group, std::uint16_t number, const std::string& vr, const std::string& value,
                    std::uint32_t length) {
    std::string out;
    const auto put = [&](std::uint32_t v, int bytes) {
        for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>(v >> (8 * i) & 0xFF));
    };
    put(group, 2);
    put(number, 2);
    out += vr;
    if (vr == "SQ") {
        put(0, 2);
        put(length, 4);
    } else if (vr.empty()) {
        put(length, 4);
    } else {
        put(length, 2);
    }
    return out + value;
}

std::string element(std::uint16_t group, std::uint16_t number, const std::string& vr, const std::string& value) {
    return element(group, number, vr, value, static_cast<std::uint32_t>(value.size()));
}

std::string item(const std::string& content, bool undefined) {
    if (!undefined) return element(0xFFFE, 0xE000, "", content);
    return element(0xFFFE, 0xE000, "", content, 0xFFFFFFFF) + element(0xFFFE, 0xE00D, "", "");
}

std::string sequence(std::uint16_t group, std::uint16_t number, const std::string& items, bool undefined) {
    if (!undefined) return element(group, number, "SQ", items);
    return element(group, number, "SQ", items, 0xFFFFFFFF) + element(0xFFFE, 0xE0DD, "", "");
}

using Found = std::tuple<std::uint32_t, std::uint32_t, std::uint32_t, std::string>;

std::vector<Found> find(const std::string& data, const std::vector<std::vector<std::uint32_t>>& paths) {
    const BufferSource source(std::as_bytes(std::span(data.data(), data.size())));
    std::vector<std::span<const std::uint32_t>> spans(paths.begin(), paths.end());
    std::vector<Found> found;
    find_attributes(source, 0, {true, false}, 0x7FE00008, spans, [&](const FoundValue& value) {
        found.emplace_back(value.path, value.outer, value.inner,
                           std::string(reinterpret_cast<const char*>(value.value.data()), value.value.size()));
    });
    return found;
}

std::string two_levels(bool undefined) {
    std::string outer;
    for (const char* name : {"a", "b"}) {
        std::string inner;
        for (const char* number : {"1 ", "2 "}) inner += item(element(0x3006, 0x0050, "DS", number), undefined);
        outer +=
            item(element(0x3006, 0x0026, "LO", std::string(name) + " ") + sequence(0x3006, 0x0040, inner, undefined),
                 undefined);
    }
    return element(0x0008, 0x0060, "CS", "CT") + sequence(0x3006, 0x0039, outer, undefined) +
           element(0x3006, 0x0050, "DS", "9 ");
}

}  // namespace

TEST_CASE("attributes are found in nested sequences of both kinds") {
    for (const bool undefined : {false, true}) {
        const auto found = find(two_levels(undefined), {{0x30060039, 0x30060040, 0x30060050}, {0x00080060}});
        REQUIRE(found.size() == 5);
        CHECK(found[0] == Found{1, 0, 0, "CT"});
        CHECK(found[1] == Found{0, 0, 0, "1 "});
        CHECK(found[2] == Found{0, 0, 1, "2 "});
        CHECK(found[4] == Found{0, 1, 1, "2 "});
    }
}

TEST_CASE("datasets that end anywhere end the search") {
    for (const bool undefined : {false, true}) {
        const std::string whole = two_levels(undefined);
        for (std::size_t size = 0; size < whole.size(); ++size) {
            const auto found = find(whole.substr(0, size), {{0x30060039, 0x30060040, 0x30060050}, {0x00080060}});
            CHECK(found.size() <= 5);
        }
    }
}

TEST_CASE("decimals are the nearest doubles") {
    const auto parse = [](const std::string& text, std::vector<double>& numbers) {
        numbers.clear();
        return parse_decimals(std::as_bytes(std::span(text.data(), text.size())), numbers);
    };
    std::vector<double> numbers;
    REQUIRE(parse("1\\-2.5\\ +3e2 \\1E-3\\.5\\7. ", numbers));
    CHECK(numbers == std::vector<double>{1, -2.5, 300, 1e-3, 0.5, 7});
    REQUIRE(parse("123456789.12345", numbers));
    CHECK(numbers[0] == 123456789.12345);
    for (const char* bad : {"", "1\\", "x", "1 2", "--1", "1e", "1e999", "12345678901234567890", "1.5.2", "nan"})
        CHECK_FALSE(parse(bad, numbers));
}
