#include "vb_ar.h"

#include <math.h>
#include <string.h>

#include "simd/ar.h"

/* What keeps silence and pure tones solvable: the energy of a thousandth of a least significant bit per sample. */
#define AR_RIDGE 1e-3F
/* A power carried from stage to stage is summed anew when it has fallen this far: its rounding errors do not fall. */
#define AR_FALLEN 0.5F
/* The most that the power of a second stretch is raised by to match the first: 12 dB. */
#define AR_RAISED 16.0F

/* The errors of one stretch. Zeros follow what is in use, so that every loop may run over whole lanes. */
typedef struct {
    size_t n;
    float f[VB_AR_MAX_HISTORY + VB_AR_LANES], b[VB_AR_MAX_HISTORY + VB_AR_LANES];
} errors;

static void begin(errors *e, const float *x, size_t n, float scale) {
    e->n = n;
    for (size_t i = 0; i < n; i++)
        e->f[i] = e->b[i] = scale * x[i];
    memset(e->f + n, 0, VB_AR_LANES * sizeof *e->f);
    memset(e->b + n, 0, VB_AR_LANES * sizeof *e->b);
}

/* At stage m, forward errors m..n-1 face backward errors 0..n-m-1. */
static size_t facing(const errors *e, size_t m) {
    return e->n > m ? e->n - m : 0;
}

static size_t whole(size_t n) {
    return (n + VB_AR_LANES - 1) / VB_AR_LANES * VB_AR_LANES;
}

static float scale_of(float x_power, float also_power, float weight) {
    const float ratio = x_power < AR_RAISED * also_power ? x_power / also_power : AR_RAISED;
    return sqrtf(weight * ratio);
}

VB_INLINE float fit_body(const float *restrict x, size_t n, const float *restrict also, size_t n_also, float weight,
                         float *restrict coef, size_t order, int wide) {
    errors e[2];
    float a[VB_AR_MAX_ORDER + 1], rev[VB_AR_MAX_ORDER + 1];
    float error = vb_ar_dot_body(x, x, n, wide) / (float)n, energy = 0.0F, summed = 0.0F;
    begin(&e[0], x, n, 1.0F);
    const int parts = n_also > 0 ? 2 : 1;
    if (parts == 2)
        begin(&e[1], also, n_also, scale_of(error, vb_ar_dot_body(also, also, n_also, wide) / (float)n_also, weight));
    a[0] = 1.0F;
    for (size_t m = 1; m <= order; m++) {
        const int anew = energy <= AR_FALLEN * summed;
        size_t count = 0;
        float cross = 0.0F, fresh = 0.0F;
        for (int p = 0; p < parts; p++) {
            const size_t left = facing(&e[p], m), lanes = whole(left);
            const float *f = e[p].f + m, *b = e[p].b;
            e[p].b[left] = 0.0F;
            count += left;
            cross += vb_ar_dot_body(f, b, lanes, wide);
            if (anew)
                fresh += vb_ar_dot_body(f, f, lanes, wide) + vb_ar_dot_body(b, b, lanes, wide);
        }
        if (anew)
            energy = summed = fresh;
        const float k = -2.0F * cross / (energy + AR_RIDGE * (float)count);
        vb_ar_step_up_body(a, rev, m, k);
        error *= 1.0F - k * k;
        energy *= 1.0F - k * k;
        for (int p = 0; p < parts; p++) {
            const size_t left = facing(&e[p], m);
            if (left == 0)
                continue;
            vb_ar_stage_body(e[p].f + m, e[p].b, whole(left), k);
            /* Two errors face none in the next stage. */
            energy -= e[p].f[m] * e[p].f[m] + e[p].b[left - 1] * e[p].b[left - 1];
        }
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
    float (*fit)(const float *restrict x, size_t n, const float *restrict also, size_t n_also, float weight,
                 float *restrict coef, size_t order);
    void (*extend)(const float *restrict coef, size_t order, float *restrict line, size_t n, float most);
    float (*dot)(const float *a, const float *b, size_t n);
} loops;

#define LOOPS(level, target)                                                                                           \
    target static float fit_##level(const float *restrict x, size_t n, const float *restrict also, size_t n_also,      \
                                    float weight, float *restrict coef, size_t order) {                                \
        return fit_body(x, n, also, n_also, weight, coef, order, WIDE_##level);                                        \
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

float vb_ar_fit(const float *restrict x, size_t n, const float *restrict also, size_t n_also, float weight,
                float *restrict coef, size_t order) {
    return run->fit(x, n, also, n_also, weight, coef, order);
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
