#include "vb_ar.h"

#include <string.h>

#include "simd/ar.h"

/* What keeps silence and pure tones solvable: the energy of a thousandth of a least significant bit per sample. */
#define AR_RIDGE 1e-3F

VB_INLINE float fit_body(const float *restrict x, size_t n, float *restrict coef, size_t order) {
    float f[VB_AR_MAX_HISTORY], b[VB_AR_MAX_HISTORY], a[VB_AR_MAX_ORDER + 1], rev[VB_AR_MAX_ORDER + 1];
    memcpy(f, x, n * sizeof *x);
    memcpy(b, x, n * sizeof *x);
    a[0] = 1.0F;
    float error = vb_ar_dot_body(x, x, n) / (float)n;
    for (size_t m = 1; m <= order; m++) {
        /* Forward errors m..n-1 face backward errors 0..n-m-1. */
        const size_t left = n - m;
        float cross, energy;
        vb_ar_errors_body(f + m, b, left, &cross, &energy);
        const float k = -2.0F * cross / (energy + AR_RIDGE * (float)left);
        vb_ar_step_up_body(a, rev, m, k);
        vb_ar_stage_body(f + m, b, left, k);
        error *= 1.0F - k * k;
    }
    for (size_t i = 1; i <= order; i++)
        coef[order - i] = -a[i];
    return error > 0.0F ? error : 0.0F;
}

VB_INLINE void extend_body(const float *restrict coef, size_t order, float *restrict line, size_t n, float most) {
    for (size_t i = 0; i < n; i++) {
        const float y = vb_ar_dot_body(coef, line + i, order) + line[order + i];
        line[order + i] = y > most ? most : y < -most ? -most : y;
    }
}

typedef float fit_fn(const float *restrict x, size_t n, float *restrict coef, size_t order);
typedef void extend_fn(const float *restrict coef, size_t order, float *restrict line, size_t n, float most);
typedef float dot_fn(const float *a, const float *b, size_t n);

static float fit_scalar(const float *restrict x, size_t n, float *restrict coef, size_t order) {
    return fit_body(x, n, coef, order);
}

static void extend_scalar(const float *restrict coef, size_t order, float *restrict line, size_t n, float most) {
    extend_body(coef, order, line, n, most);
}

static float dot_scalar(const float *a, const float *b, size_t n) {
    return vb_ar_dot_body(a, b, n);
}

#if VB_X86_CLONES
VB_TARGET_AVX2 static float fit_avx2(const float *restrict x, size_t n, float *restrict coef, size_t order) {
    return fit_body(x, n, coef, order);
}

VB_TARGET_AVX2 static void extend_avx2(const float *restrict coef, size_t order, float *restrict line, size_t n,
                                       float most) {
    extend_body(coef, order, line, n, most);
}

VB_TARGET_AVX2 static float dot_avx2(const float *a, const float *b, size_t n) {
    return vb_ar_dot_body(a, b, n);
}

VB_TARGET_AVX512 static float fit_avx512(const float *restrict x, size_t n, float *restrict coef, size_t order) {
    return fit_body(x, n, coef, order);
}

VB_TARGET_AVX512 static void extend_avx512(const float *restrict coef, size_t order, float *restrict line, size_t n,
                                           float most) {
    extend_body(coef, order, line, n, most);
}

VB_TARGET_AVX512 static float dot_avx512(const float *a, const float *b, size_t n) {
    return vb_ar_dot_body(a, b, n);
}

static fit_fn *const fits[] = {fit_scalar, fit_avx2, fit_avx512};
static extend_fn *const extends[] = {extend_scalar, extend_avx2, extend_avx512};
static dot_fn *const dots[] = {dot_scalar, dot_avx2, dot_avx512};
#else
static fit_fn *const fits[] = {fit_scalar, fit_scalar, fit_scalar};
static extend_fn *const extends[] = {extend_scalar, extend_scalar, extend_scalar};
static dot_fn *const dots[] = {dot_scalar, dot_scalar, dot_scalar};
#endif

static fit_fn *fit = fit_scalar;
static extend_fn *extend = extend_scalar;
static dot_fn *dot = dot_scalar;

void vb_ar_select(vb_simd level) {
    fit = fits[level];
    extend = extends[level];
    dot = dots[level];
}

float vb_ar_fit(const float *restrict x, size_t n, float *restrict coef, size_t order) {
    return fit(x, n, coef, order);
}

void vb_ar_extend(const float *restrict coef, size_t order, float *restrict line, size_t n, float most) {
    extend(coef, order, line, n, most);
}

void vb_ar_pull(float *coef, size_t order, float pull) {
    float damp = 1.0F;
    for (size_t i = 1; i <= order; i++) {
        damp *= pull;
        coef[order - i] *= damp;
    }
}

float vb_ar_dot(const float *a, const float *b, size_t n) {
    return dot(a, b, n);
}
