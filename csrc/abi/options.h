// Converts option values from the plain structs of dcmturbo.h.
#pragma once

#include "abi/convert.h"
#include "base/option.h"

namespace dcmturbo::abi {

// Whether a library's encoder is used instead of the core's. A negative value means that the settings decide.
bool library_is_preferred(std::int32_t asked);

// Checks values for encoding to a transfer syntax. Throws DecodeError.
OptionValues encode_values(const TransferSyntax& syntax, bool prefer_library, const dcmturbo_option_value* values,
                           std::size_t count);

}  // namespace dcmturbo::abi
