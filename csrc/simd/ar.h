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
 * gcc does not keep an array of sums in registers, so it gets its own vector type, of the 4 items that it handles well
 * at every level; elsewhere a plain loop does the same arithmetic.
 */
#if defined(__GNUC__)
typedef float vb_ar_four __attribute__((vector_size(16)));
typedef struct {
    vb_ar_four q[4];
} vb_ar_lanes;
#define VB_AR_PRODUCT(sum, x, y, i) ((sum).q[i] += (x).q[i] * (y).q[i])
#define VB_AR_SQUARES(sum, x, y, i) ((sum).q[i] += (x).q[i] * (x).q[i] + (y).q[i] * (y).q[i])
#define VB_AR_FOUR(f, sum, x, y) (f(sum, x, y, 0), f(sum, x, y, 1), f(sum, x, y, 2), f(sum, x, y, 3))
#define VB_AR_ADD_PRODUCT(sum, x, y) VB_AR_FOUR(VB_AR_PRODUCT, sum, x, y)
#define VB_AR_ADD_SQUARES(sum, x, y) VB_AR_FOUR(VB_AR_SQUARES, sum, x, y)
#else
typedef struct {
    float lane[VB_AR_LANES];
} vb_ar_lanes;
#define VB_AR_EACH(statement)                                                                                          \
    for (size_t l = 0; l < VB_AR_LANES; l++)                                                                           \
    statement
#define VB_AR_ADD_PRODUCT(sum, x, y) VB_AR_EACH((sum).lane[l] += (x).lane[l] * (y).lane[l])
#define VB_AR_ADD_SQUARES(sum, x, y) VB_AR_EACH((sum).lane[l] += (x).lane[l] * (x).lane[l] + (y).lane[l] * (y).lane[l])
#endif
#define VB_AR_LOAD(v, p) memcpy(&(v), (p), sizeof(v))

VB_INLINE float vb_ar_lanes_sum(const vb_ar_lanes *sum) {
    float s[VB_AR_LANES], t[8];
    memcpy(s, sum, sizeof s);
    for (size_t l = 0; l < 8; l++)
        t[l] = s[l] + s[l + 8];
    for (size_t l = 0; l < 4; l++)
        t[l] += t[l + 4];
    return (t[0] + t[2]) + (t[1] + t[3]);
}

/* The last n < VB_AR_LANES items, the other lanes zero. */
VB_INLINE void vb_ar_load_tail(vb_ar_lanes *v, const float *p, size_t n) {
    float s[VB_AR_LANES] = {0};
    for (size_t l = 0; l < n; l++)
        s[l] = p[l];
    memcpy(v, s, sizeof s);
}

VB_INLINE float vb_ar_dot_body(const float *a, const float *b, size_t n) {
    vb_ar_lanes sum, x, y;
    memset(&sum, 0, sizeof sum);
    size_t i = 0;
    for (; i + VB_AR_LANES <= n; i += VB_AR_LANES) {
        VB_AR_LOAD(x, a + i);
        VB_AR_LOAD(y, b + i);
        VB_AR_ADD_PRODUCT(sum, x, y);
    }
    if (i < n) {
        vb_ar_load_tail(&x, a + i, n - i);
        vb_ar_load_tail(&y, b + i, n - i);
        VB_AR_ADD_PRODUCT(sum, x, y);
    }
    return vb_ar_lanes_sum(&sum);
}

/* f.b and f.f + b.b in one pass. */
VB_INLINE void vb_ar_errors_body(const float *f, const float *b, size_t n, float *cross, float *energy) {
    vb_ar_lanes c, e, x, y;
    memset(&c, 0, sizeof c);
    memset(&e, 0, sizeof e);
    size_t i = 0;
    for (; i + VB_AR_LANES <= n; i += VB_AR_LANES) {
        VB_AR_LOAD(x, f + i);
        VB_AR_LOAD(y, b + i);
        VB_AR_ADD_PRODUCT(c, x, y);
        VB_AR_ADD_SQUARES(e, x, y);
    }
    if (i < n) {
        vb_ar_load_tail(&x, f + i, n - i);
        vb_ar_load_tail(&y, b + i, n - i);
        VB_AR_ADD_PRODUCT(c, x, y);
        VB_AR_ADD_SQUARES(e, x, y);
    }
    *cross = vb_ar_lanes_sum(&c);
    *energy = vb_ar_lanes_sum(&e);
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
