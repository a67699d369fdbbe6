// How much memory this process may use: the machine's, or less where its control groups say so.
#pragma once

#include <cstdint>

namespace dcmturbo {

std::uint64_t memory_limit();

}  // namespace dcmturbo
