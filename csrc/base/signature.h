// The fixed first bytes of a format, which identify its frames.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace dcmturbo {

struct Signature {
    static constexpr std::size_t most = 12;  // bytes of the longest

    std::uint8_t size = 0;  // 0: no signature
    std::array<std::uint8_t, most> bytes{};
    bool has_end_marker = false;  // what begins so ends with FF D9: EOI, or EOC

    [[nodiscard]] bool begins(std::span<const std::byte> data) const {
        return size != 0 && data.size() >= size && std::memcmp(data.data(), bytes.data(), size) == 0;
    }
};

// The signatures of all formats, in the order of their table: codecs/formats.cpp, which base/ and dicom/ do not know.
std::span<const Signature> signatures();

}  // namespace dcmturbo
