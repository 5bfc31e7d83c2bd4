#if defined(__x86_64__)
#define USE_AVX2
#define VARIANT avx2
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,bmi,bmi2"))), apply_to = function)
#include "kernels.inc"
#pragma clang attribute pop
#endif
