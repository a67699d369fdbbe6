// The fixed first bytes of a format. They identify its frames.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace dcmturbo {

struct Signature {
    static constexpr std::size_t most = 12;  // size of the longest signature in bytes

    std::uint8_t size = 0;  // 0: the format has no signature
    std::array<std::uint8_t, most> bytes{};
    bool has_end_marker = false;  // true if codestreams of this format end with FF D9 (EOI or EOC)

    [[nodiscard]] bool begins(std::span<const std::byte> data) const {
        return size != 0 && data.size() >= size && std::memcmp(data.data(), bytes.data(), size) == 0;
    }
};

// The signatures of all formats, in the order of the table in codecs/formats.cpp. base/ and dicom/ do not include that
// table.
std::span<const Signature> signatures();

}  // namespace dcmturbo
