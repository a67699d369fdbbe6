// Option values from the plain structs of dcmturbo.h.
#pragma once

#include "abi/convert.h"
#include "base/option.h"

namespace dcmturbo::abi {

// Whether a library's encoder comes before the core's; negative: as the settings have it.
bool library_is_preferred(std::int32_t asked);

// Values for encoding in a transfer syntax, checked. Throws DecodeError.
OptionValues encode_values(const TransferSyntax& syntax, bool prefer_library, const dcmturbo_option_value* values,
                           std::size_t count);

}  // namespace dcmturbo::abi
