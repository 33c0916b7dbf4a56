/*
 * vb_resample_simd.h - the resampler's hot loops, compiled for each instruction set (vb_resample_simd.c).
 *
 * Threads:  pure functions of their arguments.
 * Memory:   allocate nothing. `planes` and `results` are those of a stream, see vb_resample.c.
 */
#ifndef VB_RESAMPLE_SIMD_H
#define VB_RESAMPLE_SIMD_H

#include "vb_cpu.h"
#include "vb_resample_design.h"

typedef struct {
    /* Append n samples (n zeros when src is NULL) to the planes, which hold `filled` of the current period. */
    void (*load)(float *planes, const vb_resample_design *d, uint32_t filled, const void *src, size_t n, int is_float);
    /* Outputs of n_periods periods: results[phase * d->periods + period]. */
    void (*across)(const vb_resample_design *d, const float *planes, float *results, uint32_t n_periods);
    /* Outputs first <= k < last: results[k - first]; quads has room for four floats each. */
    void (*dot)(const vb_resample_design *d, const float *plane, float *quads, float *results, uint32_t first,
                uint32_t last);
    /* Write results[k % up * stride + k / up], first <= k < last; returns how many were clipped. */
    uint32_t (*store)(void *dst, const float *results, size_t stride, uint32_t up, size_t first, size_t last,
                      int is_float);
    /* 1 when n floats at src are finite. */
    int (*finite)(const void *src, size_t n);
} vb_resample_kernel;

/* One per vb_simd level. */
extern const vb_resample_kernel vb_resample_kernels[];

#endif
