// Loads and stores of a named byte order, at any alignment.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace dcmturbo {

template <std::unsigned_integral T>
constexpr T byte_swap(T value) {
    if constexpr (sizeof(T) == 1) return value;
    else if constexpr (sizeof(T) == 2) return __builtin_bswap16(value);
    else if constexpr (sizeof(T) == 4) return __builtin_bswap32(value);
    else return __builtin_bswap64(value);
}

template <std::unsigned_integral T>
T load_native(const void* from) {
    T value;
    std::memcpy(&value, from, sizeof value);
    return value;
}

template <std::unsigned_integral T>
T load_le(const void* from) {
    const T value = load_native<T>(from);
    return std::endian::native == std::endian::little ? value : byte_swap(value);
}

template <std::unsigned_integral T>
T load_be(const void* from) {
    const T value = load_native<T>(from);
    return std::endian::native == std::endian::little ? byte_swap(value) : value;
}

template <std::unsigned_integral T>
void store_le(void* to, T value) {
    if constexpr (std::endian::native != std::endian::little) value = byte_swap(value);
    std::memcpy(to, &value, sizeof value);
}

}  // namespace dcmturbo
