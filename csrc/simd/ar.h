/*
 * ar.h - the hot loops of Burg's method.
 *
 * Sums are kept in 16 lanes (lane i holds the terms i, i + 16, ...) which are added pairwise at the end, whatever the
 * vector width of the machine: the order of additions is part of the result.
 */
#ifndef VB_SIMD_AR_H
#define VB_SIMD_AR_H

#include <stddef.h>
#include <string.h>

#include "../vb_simd.h"

enum { VB_AR_LANES = 16 };

/*
 * gcc keeps no array of sums in registers, so it gets vectors of its own: two of 8 lanes where `wide` says that the
 * level has them, else four of 4; elsewhere a plain loop does the same arithmetic.
 */
#if defined(__GNUC__)
typedef float vb_ar_four __attribute__((vector_size(16), aligned(4), may_alias));
typedef float vb_ar_eight __attribute__((vector_size(32), aligned(4), may_alias));
#define VB_AR_TIMES(vector, a, b, i) (*(const vector *)((a) + (i)) * *(const vector *)((b) + (i)))
#endif

/* Lanes of the products of the first n items, n a multiple of VB_AR_LANES. */
VB_INLINE void vb_ar_lanes_body(const float *a, const float *b, size_t n, float *restrict sum, int wide) {
#if defined(__GNUC__)
    if (wide) {
        vb_ar_eight p = {0}, q = {0};
        for (size_t i = 0; i < n; i += VB_AR_LANES) {
            p += VB_AR_TIMES(vb_ar_eight, a, b, i);
            q += VB_AR_TIMES(vb_ar_eight, a, b, i + 8);
        }
        memcpy(sum, &p, sizeof p);
        memcpy(sum + 8, &q, sizeof q);
    } else {
        vb_ar_four p = {0}, q = {0}, r = {0}, s = {0};
        for (size_t i = 0; i < n; i += VB_AR_LANES) {
            p += VB_AR_TIMES(vb_ar_four, a, b, i);
            q += VB_AR_TIMES(vb_ar_four, a, b, i + 4);
            r += VB_AR_TIMES(vb_ar_four, a, b, i + 8);
            s += VB_AR_TIMES(vb_ar_four, a, b, i + 12);
        }
        memcpy(sum, &p, sizeof p);
        memcpy(sum + 4, &q, sizeof q);
        memcpy(sum + 8, &r, sizeof r);
        memcpy(sum + 12, &s, sizeof s);
    }
#else
    (void)wide;
    memset(sum, 0, VB_AR_LANES * sizeof *sum);
    for (size_t i = 0; i < n; i += VB_AR_LANES)
        for (size_t l = 0; l < VB_AR_LANES; l++)
            sum[l] += a[i + l] * b[i + l];
#endif
}

VB_INLINE float vb_ar_dot_body(const float *a, const float *b, size_t n, int wide) {
    float s[VB_AR_LANES], t[8];
    const size_t whole = n - n % VB_AR_LANES;
    vb_ar_lanes_body(a, b, whole, s, wide);
    for (size_t i = whole; i < n; i++)
        s[i - whole] += a[i] * b[i];
    for (size_t l = 0; l < 8; l++)
        t[l] = s[l] + s[l + 8];
    for (size_t l = 0; l < 4; l++)
        t[l] += t[l + 4];
    return (t[0] + t[2]) + (t[1] + t[3]);
}

/* One lattice stage: both errors step on in place. */
VB_INLINE void vb_ar_stage_body(float *restrict f, float *restrict b, size_t n, float k) {
    for (size_t i = 0; i < n; i++) {
        const float fi = f[i], bi = b[i];
        f[i] = fi + k * bi;
        b[i] = bi + k * fi;
    }
}

/* a[1..m] of the order m - 1 predictor becomes that of order m; rev is scratch of m items. */
VB_INLINE void vb_ar_step_up_body(float *restrict a, float *restrict rev, size_t m, float k) {
    for (size_t i = 1; i < m; i++)
        rev[i] = a[m - i];
    for (size_t i = 1; i < m; i++)
        a[i] += k * rev[i];
    a[m] = k;
}

#endif
