// One error type inside the core, thrown from one cold function, caught in one place: the C door.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <utility>

namespace dcmturbo {

// The values are part of the C ABI (dcmturbo.h) and of Python's DecodeError.code: append only.
enum class ErrorCode : std::int32_t {
    ok = 0,
    truncated = 1,      // the data end before they should
    malformed = 2,      // the data contradict their own format
    mismatch = 3,       // codestream and dataset (or caller) contradict each other
    unsupported = 4,    // right, but nothing here decodes it
    limit = 5,          // larger than dt.config.limits allow
    missing_frame = 6,  // NumberOfFrames promises a frame that the data do not hold
    out_of_memory = 7,
    source = 8,    // the reader below failed: I/O error, closed file
    argument = 9,  // the caller asked for something impossible
    not_dicom = 10,
    no_pixel_data = 11,
    unknown_transfer_syntax = 12,
    internal = 13,     // a defect of ours
    other_codec = 14,  // a frame of another coding process than this codec's
    interrupted = 15,  // the caller does not wait any more
    option = 16,       // the codec has no such option, or its value is of another type
};

inline constexpr std::uint64_t no_offset = ~std::uint64_t{0};

class DecodeError final : public std::exception {
  public:
    DecodeError(ErrorCode error_code, std::uint64_t byte_offset, std::string text)
        : code(error_code), offset(byte_offset), message(std::move(text)) {}
    [[nodiscard]] const char* what() const noexcept override { return message.c_str(); }

    ErrorCode code;
    std::uint64_t offset;  // within what was being parsed (a frame, or a file); no_offset if none
    std::string message;   // what was expected, what was found
};

// Throws a DecodeError with a printf-style message. The only place that throws one.
[[noreturn, gnu::cold, gnu::noinline, gnu::format(printf, 3, 4)]] void fail(ErrorCode code, std::uint64_t offset,
                                                                            const char* format, ...);

}  // namespace dcmturbo
