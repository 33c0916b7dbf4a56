/*
 * resample_io.h - samples into the float planes of the resampler, and back out of its results.
 *
 * Input sample g of the current period goes to place g / down of plane g % down, so that the across kernel finds the
 * inputs of equal phase side by side. Results of the across kernel lie by phase, those of the dot kernel in order.
 * Samples are read and written with memcpy: a buffer may start at any address.
 */
#ifndef VB_SIMD_RESAMPLE_IO_H
#define VB_SIMD_RESAMPLE_IO_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../vb_resample_design.h"
#include "../vb_simd.h"

VB_INLINE float vb_resample_get(const void *src, size_t i, const int is_float) {
    if (is_float) {
        float v;
        memcpy(&v, (const char *)src + 4 * i, sizeof v);
        return v;
    }
    int16_t v;
    memcpy(&v, (const char *)src + 2 * i, sizeof v);
    return (float)v;
}

/* Write sample i; returns 1 when an int16 had to be clipped. */
VB_INLINE uint32_t vb_resample_put(void *dst, size_t i, float v, const int is_float) {
    if (is_float) {
        memcpy((char *)dst + 4 * i, &v, sizeof v);
        return 0;
    }
    /* Adding 1.5 * 2^23 leaves the value, rounded half to even, in the low bits. 65536 is far outside int16, and exact.
     */
    const float low = v < -65536.0f ? -65536.0f : v;
    const float limited = low > 65536.0f ? 65536.0f : low;
    const float shifted = limited + 12582912.0f;
    int32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    const int32_t rounded = bits - 0x4B400000;
    const int32_t above = rounded < -32768 ? -32768 : rounded;
    const int32_t kept = above > 32767 ? 32767 : above;
    const int16_t sample = (int16_t)kept;
    memcpy((char *)dst + 2 * i, &sample, sizeof sample);
    return (uint32_t)(kept != rounded);
}

/* Whole periods, `down` a constant where it is inlined; src == NULL stands for silence. */
VB_INLINE void vb_resample_load_periods(float *restrict to, size_t stride, const void *restrict src, size_t at,
                                        size_t n_periods, const uint32_t down, const int is_float) {
    if (down <= 4) {
        for (size_t i = 0; i < n_periods; i++)
            for (uint32_t q = 0; q < down; q++)
                to[q * stride + i] = vb_resample_get(src, at + i * down + q, is_float);
        return;
    }
    for (uint32_t q = 0; q < down; q++)
        for (size_t i = 0; i < n_periods; i++)
            to[q * stride + i] = vb_resample_get(src, at + i * down + q, is_float);
}

VB_INLINE void vb_resample_load_body(float *planes, uint32_t history, uint32_t stride, uint32_t down, uint32_t filled,
                                     const void *src, size_t n, const int is_float) {
    size_t i = 0;
    if (src == NULL) {
        for (; i < n; i++)
            planes[(filled + i) % down * stride + history + (filled + i) / down] = 0.0f;
        return;
    }
    for (; i < n && (filled + i) % down != 0; i++)
        planes[(filled + i) % down * stride + history + (filled + i) / down] = vb_resample_get(src, i, is_float);
    const size_t n_periods = (n - i) / down;
    float *to = planes + history + (filled + i) / down;
    switch (down) {
    case 1:
        vb_resample_load_periods(to, stride, src, i, n_periods, 1, is_float);
        break;
    case 2:
        vb_resample_load_periods(to, stride, src, i, n_periods, 2, is_float);
        break;
    case 3:
        vb_resample_load_periods(to, stride, src, i, n_periods, 3, is_float);
        break;
    case 4:
        vb_resample_load_periods(to, stride, src, i, n_periods, 4, is_float);
        break;
    case 6:
        vb_resample_load_periods(to, stride, src, i, n_periods, 6, is_float);
        break;
    default:
        vb_resample_load_periods(to, stride, src, i, n_periods, down, is_float);
    }
    for (i += n_periods * down; i < n; i++)
        planes[(filled + i) % down * stride + history + (filled + i) / down] = vb_resample_get(src, i, is_float);
}

/* Results by phase, whole periods from the first one on; `up` a constant where it is inlined. */
VB_INLINE uint32_t vb_resample_store_periods(void *restrict dst, size_t at, const float *restrict from, size_t stride,
                                             size_t n_periods, const uint32_t up, const int is_float) {
    uint32_t clipped = 0;
    if (up <= 4) {
        for (size_t i = 0; i < n_periods; i++)
            for (uint32_t p = 0; p < up; p++)
                clipped += vb_resample_put(dst, at + i * up + p, from[p * stride + i], is_float);
        return clipped;
    }
    for (uint32_t p = 0; p < up; p++)
        for (size_t i = 0; i < n_periods; i++)
            clipped += vb_resample_put(dst, at + i * up + p, from[p * stride + i], is_float);
    return clipped;
}

/* Outputs first <= k < last of the block to dst[k - first]; from[k % up * stride + k / up] holds them. */
VB_INLINE uint32_t vb_resample_store_body(void *dst, const float *from, size_t stride, uint32_t up, size_t first,
                                          size_t last, const int is_float) {
    uint32_t clipped = 0;
    size_t k = first;
    for (; k < last && k % up != 0; k++)
        clipped += vb_resample_put(dst, k - first, from[k % up * stride + k / up], is_float);
    const size_t n_periods = (last - k) / up, at = k - first;
    const float *whole = from + k / up;
    switch (up) {
    case 1:
        clipped += vb_resample_store_periods(dst, at, whole, stride, n_periods, 1, is_float);
        break;
    case 2:
        clipped += vb_resample_store_periods(dst, at, whole, stride, n_periods, 2, is_float);
        break;
    case 3:
        clipped += vb_resample_store_periods(dst, at, whole, stride, n_periods, 3, is_float);
        break;
    case 4:
        clipped += vb_resample_store_periods(dst, at, whole, stride, n_periods, 4, is_float);
        break;
    default:
        clipped += vb_resample_store_periods(dst, at, whole, stride, n_periods, up, is_float);
    }
    for (k += n_periods * up; k < last; k++)
        clipped += vb_resample_put(dst, k - first, from[k % up * stride + k / up], is_float);
    return clipped;
}

/* 1 when all n floats are finite. */
VB_INLINE int vb_resample_finite_body(const void *src, size_t n) {
    uint32_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, (const char *)src + 4 * i, sizeof bits);
        bad |= (uint32_t)((bits & 0x7f800000u) == 0x7f800000u);
    }
    return bad == 0;
}

#endif
