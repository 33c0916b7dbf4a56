/* l16.h - the hot loops of 16-bit linear PCM, written so that gcc and clang vectorise them. */
#ifndef VB_SIMD_L16_H
#define VB_SIMD_L16_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../vb_simd.h"

VB_INLINE void vb_l16_swap_body(const char *restrict src, char *restrict dst, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint16_t v;
        memcpy(&v, src + 2 * i, sizeof v);
        v = (uint16_t)((v >> 8) | (v << 8));
        memcpy(dst + 2 * i, &v, sizeof v);
    }
}

VB_INLINE void vb_l16_to_float_body(const char *restrict src, char *restrict dst, size_t n) {
    for (size_t i = 0; i < n; i++) {
        int16_t v;
        memcpy(&v, src + 2 * i, sizeof v);
        const float f = (float)v * (1.0f / 32768.0f);
        memcpy(dst + 4 * i, &f, sizeof f);
    }
}

/* Adding and subtracting 1.5 * 2^23 leaves a float rounded to an integer, half to even, on any IEEE machine. */
#define VB_ROUND_MAGIC 12582912.0f

/* Returns 0 when every sample was finite. */
VB_INLINE uint32_t vb_l16_to_int16_body(const char *restrict src, char *restrict dst, size_t n) {
    uint32_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        float f;
        memcpy(&f, src + 4 * i, sizeof f);
        uint32_t bits;
        memcpy(&bits, &f, sizeof bits);
        bad |= (uint32_t)((bits & 0x7f800000u) == 0x7f800000u);
        f = f * 32768.0f;
        f = f > 32767.0f ? 32767.0f : f;
        f = f > -32768.0f ? f : -32768.0f; /* a NaN fails the comparison, and lands here too */
        f = (f + VB_ROUND_MAGIC) - VB_ROUND_MAGIC;
        const int16_t v = (int16_t)(int32_t)f;
        memcpy(dst + 2 * i, &v, sizeof v);
    }
    return bad;
}

#endif
