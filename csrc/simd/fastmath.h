/*
 * fastmath.h - powers, logarithms and the exponential integral in float32, without branches, so that loops vectorise.
 *
 * Polynomials in a fixed order of operations, so every machine and instruction set gives the same bits. The
 * coefficients and their errors are in vb_denoise_tables.h.
 */
#ifndef VB_SIMD_FASTMATH_H
#define VB_SIMD_FASTMATH_H

#include <stdint.h>
#include <string.h>

#include "../vb_denoise_tables.h"
#include "../vb_simd.h"

VB_INLINE float vb_min(float a, float b) {
    return a < b ? a : b;
}

VB_INLINE float vb_max(float a, float b) {
    return a > b ? a : b;
}

/* 2^x; x is taken into [-126, 126], so the result is always a normal number. */
VB_INLINE float vb_exp2(float x) {
    const float magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */
    const float bounded = vb_min(vb_max(x, -126.0f), 126.0f);
    const float shifted = bounded + magic;
    const float f = bounded - (shifted - magic);
    const float *c = vb_poly_exp2;
    const float y = c[0] + f * (c[1] + f * (c[2] + f * (c[3] + f * c[4])));
    int32_t power, bits;
    memcpy(&power, &shifted, sizeof power);
    memcpy(&bits, &y, sizeof bits);
    bits += (int32_t)((uint32_t)power << 23); /* the integer sits in the low bits of `shifted` */
    float result;
    memcpy(&result, &bits, sizeof result);
    return result;
}

/* log2(x) of a positive normal number. */
VB_INLINE float vb_log2(float x) {
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    const int32_t power = (bits - 0x3f3504f3) >> 23; /* 0x3f3504f3: sqrt(1/2) */
    bits -= (int32_t)((uint32_t)power << 23);
    float m;
    memcpy(&m, &bits, sizeof m);
    const float t = m - 1.0f;
    const float *c = vb_poly_log2;
    const float y = c[0] + t * (c[1] + t * (c[2] + t * (c[3] + t * (c[4] + t * (c[5] + t * c[6])))));
    return (float)power + t * y;
}

/* Exponential integral E1(v), v > 0, given log2(v) and e^-v: log and power series below 1, asymptotic form above. */
VB_INLINE float vb_exp_integral(float v, float log2_v, float exp_minus_v) {
    const float *a = vb_poly_e1_small, *b = vb_poly_e1_large;
    const float u = vb_min(v, 1.0f);
    const float small = a[0] + u * (a[1] + u * (a[2] + u * (a[3] + u * a[4]))) - 0.6931472f * log2_v;
    const float t = 1.0f / (1.0f + v);
    const float large = exp_minus_v * (b[0] + t * (b[1] + t * (b[2] + t * (b[3] + t * (b[4] + t * b[5])))));
    return v < 1.0f ? small : large / v;
}

#endif
