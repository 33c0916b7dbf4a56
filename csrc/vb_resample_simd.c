#include "vb_resample_simd.h"

#include <string.h>

#include "simd/resample_io.h"

/* Taps that two periods share stay in a register; gcc, not clang, would read them from memory for each. */
#if VB_X86_CLONES && !defined(__clang__)
#define FIR_PIN(v) __asm__("" : "+x"(v))
#else
#define FIR_PIN(v) ((void)(v))
#endif

#if defined(__GNUC__)
typedef float fir_quad __attribute__((vector_size(16), aligned(4), may_alias));
#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define FIR_SHUFFLE __builtin_shufflevector
#endif
#endif
#define VB_FIR_LANES 4
#else
#define VB_FIR_LANES 1
#endif
#define VB_FIR_BLOCK 32
#define VB_FIR(name) fir_scalar_##name
#include "simd/resample_fir.h"

#if VB_X86_CLONES
#define VB_FIR_LANES 8
#define VB_FIR_BLOCK 80
#define VB_FIR(name) fir_avx2_##name
#include "simd/resample_fir.h"

#define VB_FIR_LANES 16
#define VB_FIR_BLOCK 160
#define VB_FIR(name) fir_avx512_##name
#include "simd/resample_fir.h"
#endif

/* The functions of one level. */
#define CLONES(level, target)                                                                                          \
    target static void load_##level(float *planes, const vb_resample_design *d, uint32_t filled, const void *src,      \
                                    size_t n, int is_float) {                                                          \
        const uint32_t down = d->across ? d->down : 1;                                                                 \
        if (is_float)                                                                                                  \
            vb_resample_load_body(planes, d->history, d->stride, down, filled, src, n, 1);                             \
        else                                                                                                           \
            vb_resample_load_body(planes, d->history, d->stride, down, filled, src, n, 0);                             \
    }                                                                                                                  \
    target static void across_##level(const vb_resample_design *d, const float *planes, float *results,                \
                                      uint32_t n_periods) {                                                            \
        fir_##level##_across_body(d, planes, results, n_periods);                                                      \
    }                                                                                                                  \
    target static uint32_t store_##level(void *dst, const float *results, size_t stride, uint32_t up, size_t first,    \
                                         size_t last, int is_float) {                                                  \
        if (is_float)                                                                                                  \
            return vb_resample_store_body(dst, results, stride, up, first, last, 1);                                   \
        return vb_resample_store_body(dst, results, stride, up, first, last, 0);                                       \
    }                                                                                                                  \
    target static int finite_##level(const void *src, size_t n) {                                                      \
        return vb_resample_finite_body(src, n);                                                                        \
    }

#define DOT_CLONE(level, target)                                                                                       \
    target static void dot_##level(const vb_resample_design *d, const float *plane, float *quads, float *results,      \
                                   uint32_t first, uint32_t last) {                                                    \
        fir_##level##_dot_body(d, plane, quads, results, first, last);                                                 \
    }

#define KERNEL(level, dot_level) load_##level, across_##level, dot_##dot_level, store_##level, finite_##level

CLONES(scalar, )
DOT_CLONE(scalar, )
#if VB_X86_CLONES
CLONES(avx2, VB_TARGET_AVX2)
DOT_CLONE(avx2, VB_TARGET_AVX2)
CLONES(avx512, VB_TARGET_AVX512)
/* The dot kernel stays at AVX2 on AVX-512 machines: its loads bound it, and twice as many of 512 bits straddle cache
 * lines (44.1 -> 16 kHz on Zen 4: 2.0 us a 20 ms push at AVX2, 2.5 us at AVX-512). */
const vb_resample_kernel vb_resample_kernels[] = {
    {KERNEL(scalar, scalar)}, {KERNEL(avx2, avx2)}, {KERNEL(avx512, avx2)}};
#else
const vb_resample_kernel vb_resample_kernels[] = {
    {KERNEL(scalar, scalar)}, {KERNEL(scalar, scalar)}, {KERNEL(scalar, scalar)}};
#endif
