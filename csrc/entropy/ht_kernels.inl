// What is compiled for each instruction set: the loops of the cleanup pass, and the table of them.
#include "entropy/ht_magnitudes.inl"
#if defined(DCMTURBO_TARGET_AVX512)
#include "entropy/ht_bounds_avx2.inl"
#include "entropy/ht_samples_avx512.inl"
// They come before what calls them.
#include "entropy/ht_magnitudes_vectors.inl"
#elif defined(DCMTURBO_TARGET_AVX2)
#include "entropy/ht_bounds_avx2.inl"
#include "entropy/ht_samples_avx2.inl"
// They come before what calls them.
#include "entropy/ht_magnitudes_vectors.inl"
#else
#include "entropy/ht_magnitudes_scalar.inl"
#endif
// It uses what the others define.
#include "entropy/ht_cleanup.inl"

constexpr HtKernels table = {
    .decode_cleanup = decode_ht_cleanup,
    .decode_two_cleanups = decode_two_ht_cleanups,
};
