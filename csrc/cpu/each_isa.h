// Compiles the kernels of a room once for each instruction set. Of a room's .cpp file, after all its headers and within
// its namespace:
//
//   #define DCMTURBO_KERNELS "room/kernels.inl"
//   #include "cpu/each_isa.h"
//   const RoomKernels& room_kernels(Isa isa) { return table_of(isa); }
//
// The .inl file defines static functions and, last, `constexpr RoomKernels table = {...}` of pointers to them; it may
// include other .inl files and no headers (see cpu/target_begin.h). It finds these in its region: Block, the widest
// vector of bytes; ShuffleBlock, what one instruction shuffles across; shuffles_bytes, whether there is such an
// instruction. Every table gives the same bits.

namespace isa_scalar {
#include "cpu/target_begin.h"
typedef std::uint8_t Block __attribute__((vector_size(16)));
typedef std::uint8_t ShuffleBlock __attribute__((vector_size(16)));
constexpr bool shuffles_bytes = false;
#include DCMTURBO_KERNELS
#include "cpu/target_end.h"
}  // namespace isa_scalar

#if defined(__x86_64__)

// With BMI and LZCNT.
namespace isa_avx2 {
#define DCMTURBO_TARGET_AVX2
#include "cpu/target_begin.h"
typedef std::uint8_t Block __attribute__((vector_size(32)));
typedef std::uint8_t ShuffleBlock __attribute__((vector_size(16)));
constexpr bool shuffles_bytes = true;
#include DCMTURBO_KERNELS
#include "cpu/target_end.h"
}  // namespace isa_avx2

// F, BW, DQ, VL, VBMI.
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

// Every 64-bit ARM has it.
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

// The table of an instruction set that isa_available() allows.
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
