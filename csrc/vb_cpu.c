#include "vb_cpu.h"

#include <stdlib.h>
#include <string.h>

#include "vb_simd.h"

vb_simd vb_cpu_best(void) {
#if VB_X86_CLONES
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2"))
        return VB_SIMD_SCALAR;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        return VB_SIMD_AVX512;
    return VB_SIMD_AVX2;
#else
    return VB_SIMD_SCALAR;
#endif
}

const char *vb_cpu_name(vb_simd level) {
    static const char *const names[] = {"scalar", "avx2", "avx512"};
    return names[level];
}

vb_status vb_cpu_level(vb_simd *level) {
    const vb_simd best = vb_cpu_best();
    const char *wanted = getenv("VOICEBAND_SIMD");
    *level = best;
    if (wanted == NULL || wanted[0] == '\0')
        return VB_OK;
    for (vb_simd l = VB_SIMD_SCALAR; l <= VB_SIMD_AVX512; l++) {
        if (strcmp(wanted, vb_cpu_name(l)) == 0) {
            *level = l < best ? l : best;
            return VB_OK;
        }
    }
    *level = VB_SIMD_SCALAR;
    return VB_ERR_ARGUMENT;
}
