// Compiles the kernels of a room once for each instruction set. The .cpp file of a room includes it after all headers
// and inside its namespace:
//
//   #define DCMTURBO_KERNELS "room/kernels.inl"
//   #include "cpu/each_isa.h"
//   const RoomKernels& room_kernels(Isa isa) { return table_of(isa); }
//
// The .inl file defines static functions. At its end it defines `constexpr RoomKernels table = {...}`, which holds
// pointers to them. It may include other .inl files, but no headers (see cpu/target_begin.h). Three names are defined
// for it: Block is the widest vector of bytes. ShuffleBlock is the vector that one instruction can shuffle across.
// shuffles_bytes says whether there is such an instruction. The tables of all instruction sets give identical results.

namespace isa_scalar {
#include "cpu/target_begin.h"
typedef std::uint8_t Block __attribute__((vector_size(16)));
typedef std::uint8_t ShuffleBlock __attribute__((vector_size(16)));
constexpr bool shuffles_bytes = false;
#include DCMTURBO_KERNELS
#include "cpu/target_end.h"
}  // namespace isa_scalar

#if defined(__x86_64__)

// Includes BMI, BMI2, LZCNT and POPCNT.
namespace isa_avx2 {
#define DCMTURBO_TARGET_AVX2
#include "cpu/target_begin.h"
typedef std::uint8_t Block __attribute__((vector_size(32)));
typedef std::uint8_t ShuffleBlock __attribute__((vector_size(16)));
constexpr bool shuffles_bytes = true;
#include DCMTURBO_KERNELS
#include "cpu/target_end.h"
}  // namespace isa_avx2

// Includes AVX-512 F, BW, DQ, VL, VBMI and VBMI2.
namespace isa_avx512 {
#define DCMTURBO_TARGET_AVX512
#include "cpu/target_begin.h"
typedef std::uint8_t Block __attribute__((vector_size(64)));
typedef std::uint8_t ShuffleBlock __attribute__((vector_size(64)));
constexpr bool shuffles_bytes = true;
#include DCMTURBO_KERNELS
#include "cpu/target_end.h"
}  // namespace isa_avx512

#elif defined(__aarch64__)

// Every 64-bit ARM CPU has NEON.
namespace isa_neon {
#include "cpu/target_begin.h"
typedef std::uint8_t Block __attribute__((vector_size(16)));
typedef std::uint8_t ShuffleBlock __attribute__((vector_size(16)));
constexpr bool shuffles_bytes = true;
#include DCMTURBO_KERNELS
#include "cpu/target_end.h"
}  // namespace isa_neon

#endif

#undef DCMTURBO_KERNELS

// The table of an instruction set. isa_available() must have returned true for it.
static const auto& table_of(Isa isa) {
    switch (isa) {
#if defined(__x86_64__)
        case Isa::avx2: return isa_avx2::table;
        case Isa::avx512: return isa_avx512::table;
#elif defined(__aarch64__)
        case Isa::neon: return isa_neon::table;
#endif
        default: return isa_scalar::table;
    }
}
