#include "CKernels.h"

extern const ddpm_kernels ddpm_kernels_baseline;
#if defined(__x86_64__)
extern const ddpm_kernels ddpm_kernels_avx2, ddpm_kernels_avx512;
#endif

int ddpm_kernel_variants(void) {
#if defined(__x86_64__)
  bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
              __builtin_cpu_supports("bmi2");
  bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  return avx512 ? 3 : avx2 ? 2 : 1;
#else
  return 1;
#endif
}

const ddpm_kernels *ddpm_kernel_variant(int index) {
#if defined(__x86_64__)
  if (index == 1) return &ddpm_kernels_avx2;
  if (index == 2) return &ddpm_kernels_avx512;
#endif
  return &ddpm_kernels_baseline;
}
