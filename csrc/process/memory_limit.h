// The number of bytes that this process may use: the memory of the machine, or less if its control groups limit it.
#pragma once

#include <cstdint>

namespace dcmturbo {

std::uint64_t memory_limit();

}  // namespace dcmturbo
