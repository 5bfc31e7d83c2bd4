#if defined(__x86_64__)
#define USE_AVX512
#define VARIANT avx512
#pragma clang attribute push( \
    __attribute__((target("avx2,fma,f16c,bmi,bmi2,avx512f,avx512bw,avx512dq,avx512vl"))), \
    apply_to = function)
#include "kernels.inc"
#pragma clang attribute pop
#endif
