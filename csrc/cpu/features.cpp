// Detects the instruction sets of the CPU.
#include "cpu/features.h"

#include <cstring>
#include <initializer_list>

namespace dcmturbo {

namespace {

constexpr const char* names[isa_count] = {"scalar", "avx2", "avx512", "neon"};

#if defined(__x86_64__)

// CPUID and XGETBV by hand: what __builtin_cpu_supports reads belongs to the compiler's run-time library, and not every
// toolchain's fills it in.
struct Registers {
    std::uint32_t a;
    std::uint32_t b;
    std::uint32_t c;
    std::uint32_t d;
};

Registers cpuid(std::uint32_t leaf, std::uint32_t subleaf = 0) {
    Registers r{};
    asm("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(subleaf));
    return r;
}

// The states of registers that the operating system saves (XCR0).
std::uint32_t saved_states() {
    std::uint32_t low = 0;
    std::uint32_t high = 0;
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

constexpr std::uint32_t bit(unsigned number) { return std::uint32_t{1} << number; }

constexpr bool has_all(std::uint32_t found, std::uint32_t wanted) { return (found & wanted) == wanted; }

struct Features {
    bool avx2 = false;  // and BMI, BMI2, LZCNT, POPCNT
    bool avx512 = false;
};

// Intel SDM, volume 2, CPUID; volume 1, 13.2 and 15.2.
Features read_features() {
    Features result;
    if (cpuid(0).a < 7 || cpuid(0x80000000).a < 0x80000001) return result;
    const std::uint32_t basic = cpuid(1).c;
    constexpr std::uint32_t popcnt_osxsave_avx = bit(23) | bit(27) | bit(28);
    if (!has_all(basic, popcnt_osxsave_avx)) return result;
    const std::uint32_t states = saved_states();
    const Registers extended = cpuid(7);
    constexpr std::uint32_t xmm_ymm = bit(1) | bit(2);
    constexpr std::uint32_t bmi_avx2_bmi2 = bit(3) | bit(5) | bit(8);
    constexpr std::uint32_t lzcnt = bit(5);
    result.avx2 = has_all(states, xmm_ymm) && has_all(extended.b, bmi_avx2_bmi2) && has_all(cpuid(0x80000001).c, lzcnt);
    constexpr std::uint32_t masks_zmm = bit(5) | bit(6) | bit(7);
    constexpr std::uint32_t f_dq_bw_vl = bit(16) | bit(17) | bit(30) | bit(31);
    constexpr std::uint32_t vbmi_vbmi2 = bit(1) | bit(6);
    result.avx512 =
        result.avx2 && has_all(states, masks_zmm) && has_all(extended.b, f_dq_bw_vl) && has_all(extended.c, vbmi_vbmi2);
    return result;
}

const Features& features() {
    static const Features result = read_features();
    return result;
}

bool has_avx2() { return features().avx2; }
bool has_avx512() { return features().avx512; }
#else
bool has_avx2() { return false; }
bool has_avx512() { return false; }
#endif

}  // namespace

const char* isa_name(Isa isa) { return names[static_cast<int>(isa)]; }

bool isa_from_name(const char* name, Isa& isa) {
    for (int i = 0; i < isa_count; ++i) {
        if (std::strcmp(name, names[i]) == 0) {
            isa = static_cast<Isa>(i);
            return true;
        }
    }
    return false;
}

bool isa_available(Isa isa) {
    switch (isa) {
        case Isa::scalar: return true;
        case Isa::avx2: return has_avx2();
        case Isa::avx512: return has_avx512();
        case Isa::neon:
#if defined(__aarch64__)
            return true;
#else
            return false;
#endif
    }
    return false;
}

Isa best_isa() {
    for (const Isa isa : {Isa::neon, Isa::avx512, Isa::avx2}) {
        if (isa_available(isa)) return isa;
    }
    return Isa::scalar;
}

}  // namespace dcmturbo
