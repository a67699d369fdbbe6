#include "kernels/kernels.h"

#include "base/error.h"
#include "kernels/tables.h"

namespace dcmturbo {

const Kernels& kernels_for(Isa isa) {
    if (!isa_available(isa))
        fail(ErrorCode::argument, no_offset, "this CPU or build has no '%s' code path", isa_name(isa));
    switch (isa) {
#if defined(__x86_64__)
        case Isa::avx2: return kernels_avx2;
        case Isa::avx512: return kernels_avx512;
#endif
#if defined(__aarch64__)
        case Isa::neon: return kernels_neon;
#endif
        default: return kernels_scalar;
    }
}

}  // namespace dcmturbo
