// Detects the instruction sets of the CPU.
#include "cpu/features.h"

#include <cstring>
#include <initializer_list>

namespace dcmturbo {

namespace {

constexpr const char* names[isa_count] = {"scalar", "avx2", "avx512", "neon"};

#if defined(__x86_64__)
bool has_avx2() {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
}
bool has_avx512() {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512vbmi");
}
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
