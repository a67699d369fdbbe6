// Parses decimal strings: PS3.5 clause 6.2.
#include "dicom/decimals.h"

#include <array>
#include <cstdint>

namespace dcmturbo {

namespace {

// Powers of ten that a double holds exactly.
constexpr std::array<double, 23> powers{1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                        1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
constexpr std::uint64_t most_exact = std::uint64_t{1} << 53;

struct Cursor {
    const char* at;
    const char* end;
    [[nodiscard]] bool has(char c) const { return at != end && *at == c; }
    [[nodiscard]] bool has_digit() const { return at != end && *at >= '0' && *at <= '9'; }
    [[nodiscard]] bool has_padding() const { return at != end && (*at == ' ' || *at == '\0'); }
};

// A product or quotient of two exact doubles is correctly rounded (IEEE 754), so the digits as an integer below 2^53,
// times or divided by an exact power of ten, is the nearest double.
bool parse_one(Cursor& c, double& number) {
    while (c.has_padding()) ++c.at;
    const bool negative = c.has('-');
    if (negative || c.has('+')) ++c.at;
    std::uint64_t digits = 0;
    int exponent = 0;
    bool any = false;
    const auto read_digits = [&](int step) {
        for (; c.has_digit(); ++c.at) {
            if (digits > most_exact / 10 - 1) return false;
            digits = digits * 10 + static_cast<std::uint64_t>(*c.at - '0');
            exponent -= step;
            any = true;
        }
        return true;
    };
    if (!read_digits(0)) return false;
    if (c.has('.')) {
        ++c.at;
        if (!read_digits(1)) return false;
    }
    if (!any) return false;
    if (c.has('e') || c.has('E')) {
        ++c.at;
        const bool down = c.has('-');
        if (down || c.has('+')) ++c.at;
        if (!c.has_digit()) return false;
        int stated = 0;
        for (; c.has_digit(); ++c.at) {
            stated = stated * 10 + (*c.at - '0');
            if (stated > 1000) return false;
        }
        exponent += down ? -stated : stated;
    }
    while (c.has_padding()) ++c.at;
    if (exponent < -22 || exponent > 22) return false;
    number = static_cast<double>(digits);
    if (exponent < 0) number /= powers[static_cast<std::size_t>(-exponent)];
    if (exponent > 0) number *= powers[static_cast<std::size_t>(exponent)];
    if (negative) number = -number;
    return true;
}

}  // namespace

bool parse_decimals(std::span<const std::byte> text, std::vector<double>& numbers) {
    const char* const begin = reinterpret_cast<const char*>(text.data());
    Cursor cursor{begin, begin + text.size()};
    for (;;) {
        double number = 0;
        if (!parse_one(cursor, number)) return false;
        numbers.push_back(number);
        if (cursor.at == cursor.end) return true;
        if (!cursor.has('\\')) return false;
        ++cursor.at;
    }
}

}  // namespace dcmturbo
