#include "vb_ar.h"

#include <string.h>

#include "simd/ar.h"

/* What keeps silence and pure tones solvable: the energy of a thousandth of a least significant bit per sample. */
#define AR_RIDGE 1e-3F
/* A power carried from stage to stage is summed anew when it has fallen this far: its rounding errors do not fall. */
#define AR_FALLEN 1e-2F

VB_INLINE float fit_body(const float *restrict x, size_t n, float *restrict coef, size_t order, int wide) {
    /* Zeros follow what is in use of both errors, so that every loop may run over whole lanes. */
    float f[VB_AR_MAX_HISTORY + VB_AR_LANES], b[VB_AR_MAX_HISTORY + VB_AR_LANES];
    float a[VB_AR_MAX_ORDER + 1], rev[VB_AR_MAX_ORDER + 1];
    memcpy(f, x, n * sizeof *x);
    memcpy(b, x, n * sizeof *x);
    memset(f + n, 0, VB_AR_LANES * sizeof *f);
    memset(b + n, 0, VB_AR_LANES * sizeof *b);
    a[0] = 1.0F;
    float error = vb_ar_dot_body(x, x, n, wide) / (float)n, energy = 0.0F, summed = 0.0F;
    for (size_t m = 1; m <= order; m++) {
        /* Forward errors m..n-1 face backward errors 0..n-m-1. */
        const size_t left = n - m, lanes = (left + VB_AR_LANES - 1) / VB_AR_LANES * VB_AR_LANES;
        b[left] = 0.0F;
        if (energy <= AR_FALLEN * summed)
            energy = summed = vb_ar_dot_body(f + m, f + m, lanes, wide) + vb_ar_dot_body(b, b, lanes, wide);
        const float k = -2.0F * vb_ar_dot_body(f + m, b, lanes, wide) / (energy + AR_RIDGE * (float)left);
        vb_ar_step_up_body(a, rev, m, k);
        vb_ar_stage_body(f + m, b, lanes, k);
        error *= 1.0F - k * k;
        /* What the stage leaves of it, but for the two errors that face none in the next. */
        energy = energy * (1.0F - k * k) - f[m] * f[m] - b[left - 1] * b[left - 1];
    }
    for (size_t i = 1; i <= order; i++)
        coef[order - i] = -a[i];
    return error > 0.0F ? error : 0.0F;
}

VB_INLINE void extend_body(const float *restrict coef, size_t order, float *restrict line, size_t n, float most,
                           int wide) {
    for (size_t i = 0; i < n; i++) {
        const float y = vb_ar_dot_body(coef, line + i, order, wide) + line[order + i];
        line[order + i] = y > most ? most : y < -most ? -most : y;
    }
}

typedef struct {
    float (*fit)(const float *restrict x, size_t n, float *restrict coef, size_t order);
    void (*extend)(const float *restrict coef, size_t order, float *restrict line, size_t n, float most);
    float (*dot)(const float *a, const float *b, size_t n);
} loops;

#define LOOPS(level, target)                                                                                           \
    target static float fit_##level(const float *restrict x, size_t n, float *restrict coef, size_t order) {           \
        return fit_body(x, n, coef, order, WIDE_##level);                                                              \
    }                                                                                                                  \
    target static void extend_##level(const float *restrict coef, size_t order, float *restrict line, size_t n,        \
                                      float most) {                                                                    \
        extend_body(coef, order, line, n, most, WIDE_##level);                                                         \
    }                                                                                                                  \
    target static float dot_##level(const float *a, const float *b, size_t n) {                                        \
        return vb_ar_dot_body(a, b, n, WIDE_##level);                                                                  \
    }                                                                                                                  \
    static const loops at_##level = {fit_##level, extend_##level, dot_##level};
#define WIDE_scalar 0
#define WIDE_avx2 1
VB_LEVELS(LOOPS)

void vb_ar_select(vb_simd level) {
    run = levels[level];
}

float vb_ar_fit(const float *restrict x, size_t n, float *restrict coef, size_t order) {
    return run->fit(x, n, coef, order);
}

void vb_ar_extend(const float *restrict coef, size_t order, float *restrict line, size_t n, float most) {
    run->extend(coef, order, line, n, most);
}

void vb_ar_pull(float *coef, size_t order, float pull) {
    float damp = 1.0F;
    for (size_t i = 1; i <= order; i++) {
        damp *= pull;
        coef[order - i] *= damp;
    }
}

float vb_ar_dot(const float *a, const float *b, size_t n) {
    return run->dot(a, b, n);
}
