// Parses values of VR DS and IS, which are decimal numbers separated by backslashes: PS3.5 clause 6.2.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace dcmturbo {

// Appends the numbers to `numbers`, correctly rounded. Returns false, and leaves an unspecified number of them, if one
// of the values is empty, is no number, or needs arithmetic of more than 64 bits.
bool parse_decimals(std::span<const std::byte> text, std::vector<double>& numbers);

}  // namespace dcmturbo
