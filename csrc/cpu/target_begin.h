// Compiles the code from here to cpu/target_end.h for one instruction set. There is no include guard, because each
// region includes this file once. Define DCMTURBO_TARGET_AVX2 or DCMTURBO_TARGET_AVX512 before; without either, the
// region is compiled for the baseline of the platform. Include all headers before the region: an inline function that
// is first compiled inside the region would carry its instructions to callers on other CPUs.
#if defined(__x86_64__)
#if defined(DCMTURBO_TARGET_AVX512)
#if defined(__clang__)
#pragma clang attribute push(                                                                                        \
    __attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vbmi2"))), \
    apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target( \
    "avx2,bmi,bmi2,lzcnt,popcnt,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vbmi2,prefer-vector-width=512")
#endif
#elif defined(DCMTURBO_TARGET_AVX2)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,bmi,bmi2,lzcnt,popcnt")
#endif
#endif
#endif
