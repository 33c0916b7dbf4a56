/*
 * vb_cpu.h - which instruction set the kernels use, decided once at import.
 *
 * Threads: vb_cpu_level() may be called from any thread; it reads the environment and the processor, and keeps nothing.
 */
#ifndef VB_CPU_H
#define VB_CPU_H

#include "vb_status.h"

typedef enum {
    VB_SIMD_SCALAR = 0, /* portable C, at the compiler's baseline for the platform */
    VB_SIMD_AVX2 = 1,
    VB_SIMD_AVX512 = 2 /* F, BW, DQ and VL */
} vb_simd;

/* The highest level that this processor and operating system can run. */
vb_simd vb_cpu_best(void);

/*
 * The level to use: the environment variable VOICEBAND_SIMD ("scalar", "avx2" or "avx512"; unset or empty means the
 * best), lowered to vb_cpu_best(). VB_ERR_ARGUMENT, and *level set to VB_SIMD_SCALAR, for any other value.
 */
vb_status vb_cpu_level(vb_simd *level);

/* "scalar", "avx2" or "avx512". */
const char *vb_cpu_name(vb_simd level);

#endif
