// Formats the message of an error and throws it.
#include "base/error.h"

#include <array>
#include <cstdarg>
#include <cstdio>

namespace dcmturbo {

void fail(ErrorCode code, std::uint64_t offset, const char* format, ...) {
    std::array<char, 480> text{};
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(text.data(), text.size(), format, arguments);
    va_end(arguments);
    throw DecodeError(code, offset, std::string(text.data()));
}

}  // namespace dcmturbo
