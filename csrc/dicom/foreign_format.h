#pragma once

#include <cstddef>

#include "base/fragments.h"

namespace dcmturbo {

// Where the last of the marks that `name_foreign_format` knows ends.
inline constexpr std::size_t foreign_format_bytes = 512;

// Returns what a file that is not DICOM is by its first bytes, with its article, and what to do; empty if unknown.
const char* name_foreign_format(Bytes start);

}  // namespace dcmturbo
