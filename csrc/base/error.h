// The only error type inside the core. One cold function throws it, and the C ABI catches it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <utility>

namespace dcmturbo {

// What a cut JPEG 2000 codestream has in full: resolutions, counted from the lowest, and layers of the resolutions that
// were decoded.
struct Whole {
    bool is_known = false;
    std::uint16_t resolutions = 0;
    std::uint16_t layers = 0;
};

// The values are part of the C ABI (dcmturbo.h) and of Python's DecodeError.code. New ones are only added at the end.
enum class ErrorCode : std::int32_t {
    ok = 0,
    truncated = 1,      // the data end too early
    malformed = 2,      // the data contradict their own format
    mismatch = 3,       // codestream and dataset (or arguments) contradict each other
    unsupported = 4,    // valid, but dcmturbo cannot decode it
    limit = 5,          // larger than dt.config.limits allows
    missing_frame = 6,  // the data have fewer frames than NumberOfFrames
    out_of_memory = 7,
    source = 8,    // the underlying reader failed: I/O error, closed file
    argument = 9,  // an argument is invalid
    not_dicom = 10,
    no_pixel_data = 11,
    unknown_transfer_syntax = 12,
    internal = 13,     // a bug in dcmturbo
    other_codec = 14,  // the frame uses a coding process that this codec does not support
    interrupted = 15,  // the caller has cancelled the call
    option = 16,       // the codec has no such option, or its value is of another type
};

inline constexpr std::uint64_t no_offset = ~std::uint64_t{0};

class DecodeError final : public std::exception {
  public:
    DecodeError(ErrorCode error_code, std::uint64_t byte_offset, std::string text)
        : code(error_code), offset(byte_offset), message(std::move(text)) {}
    [[nodiscard]] const char* what() const noexcept override { return message.c_str(); }

    ErrorCode code;
    std::uint64_t offset;  // position in the frame or file that was parsed; no_offset if there is none
    std::string message;   // says what was expected and what was found
};

// Throws a DecodeError with a printf-style message. No other function throws one.
[[noreturn, gnu::cold, gnu::noinline, gnu::format(printf, 3, 4)]] void fail(ErrorCode code, std::uint64_t offset,
                                                                            const char* format, ...);

}  // namespace dcmturbo
