// Arithmetic on untrusted sizes: an overflow is an error and never wraps around.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "base/error.h"

namespace dcmturbo {

template <std::unsigned_integral T>
T checked_add(T a, std::type_identity_t<T> b) {
    T sum;
    if (__builtin_add_overflow(a, b, &sum)) fail(ErrorCode::limit, no_offset, "a size overflows");
    return sum;
}

template <std::unsigned_integral T>
T checked_multiply(T a, std::type_identity_t<T> b) {
    T product;
    if (__builtin_mul_overflow(a, b, &product)) fail(ErrorCode::limit, no_offset, "a size overflows");
    return product;
}

}  // namespace dcmturbo
