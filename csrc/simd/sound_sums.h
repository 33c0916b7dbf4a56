/* sound_sums.h - the sums over a frame that every part of the sound guard needs. */
#ifndef VB_SIMD_SOUND_SUMS_H
#define VB_SIMD_SOUND_SUMS_H

#include "../vb_simd.h"
#include "../vb_sound_parts.h"

VB_INLINE uint16_t vb_sound_abs(int16_t v) {
    return (uint16_t)(v < 0 ? -v : v);
}

VB_INLINE void vb_sound_sums_body(const int16_t *restrict x, size_t n, vb_sound_sums *restrict m) {
    int32_t sum = 0;
    uint32_t magnitude = 0, square = 0, step = 0;
    uint16_t near_zero = 0, top = 0, peak = 0;
    for (size_t i = 0; i < n; i++) {
        const uint16_t a = vb_sound_abs(x[i]);
        near_zero = (uint16_t)(near_zero + (a <= 8));
        peak = a > peak ? a : peak;
    }
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    for (size_t i = 0; i < n; i++)
        magnitude += vb_sound_abs(x[i]);
    /* In 32 bits: n is at most 960, and what is squared at most 2048. */
    const int shift = peak >= 2048 ? 4 : 0;
    if (shift == 0)
        for (size_t i = 0; i < n; i++)
            square += (uint32_t)(x[i] * x[i]);
    else
        for (size_t i = 0; i < n; i++) {
            const int16_t v = (int16_t)(x[i] >> 4);
            square += (uint32_t)(v * v);
        }
    if (peak >= 31000 / 2)
        for (size_t i = 1; i < n; i++) {
            const int32_t d = x[i] - x[i - 1];
            const uint32_t a = (uint32_t)(d < 0 ? -d : d);
            step = a > step ? a : step;
        }
    if (peak >= VB_SOUND_TOP)
        for (size_t i = 0; i < n; i++)
            top = (uint16_t)(top + (vb_sound_abs(x[i]) >= VB_SOUND_TOP));
    const int64_t energy = ((int64_t)square << (2 * shift)) - (int64_t)sum * sum / (int64_t)n;
    m->sum = sum;
    m->energy = energy > 0 ? energy : 0;
    m->magnitude = magnitude;
    m->near_zero = near_zero;
    m->top = top;
    m->peak = peak;
    m->step = step;
}

#endif
