// Ends the region that cpu/target_begin.h opened.
#if defined(__x86_64__) && (defined(DCMTURBO_TARGET_AVX512) || defined(DCMTURBO_TARGET_AVX2))
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
#undef DCMTURBO_TARGET_AVX2
#undef DCMTURBO_TARGET_AVX512
