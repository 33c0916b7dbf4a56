/*
 * g711.h - the hot loops of G.711 companding, written so that gcc and clang vectorise them.
 *
 * A code is a tiny floating-point number, some of its bits inverted: sign, 3-bit exponent, 4-bit mantissa. So the float
 * unit does the search for the leading one: a magnitude converts to float exactly, and the 3 low exponent bits and 4
 * high mantissa bits of the float are the code.
 *
 *     float32:  s eeeeeeee mmmmmmmmmmmmmmmmmmmmmmm      code:  (s eee mmmm) ^ inverted
 *                      |||||||  <- bits 25..19
 *
 * mu-law biases the magnitude by 33 (in 14-bit units), so that every one of them is normal. A-law has gradual
 * underflow instead: exponents 0 and 1 share a step, and below 32 (in 12-bit units) the code is the magnitude / 2.
 */
#ifndef VB_SIMD_G711_H
#define VB_SIMD_G711_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../vb_simd.h"

enum { VB_G711_ULAW, VB_G711_ALAW, VB_ULAW_BIAS = 33, VB_ULAW_CLIP = 8158 /* 8191 - 33 */ };

/* The bits of a code that are inverted, for the sign to be set where a sample is negative. */
VB_INLINE uint32_t vb_g711_inverted(const int law) {
    return law == VB_G711_ULAW ? 0xffu : 0xd5u;
}

VB_INLINE void vb_g711_decode_body(const int law, const uint8_t *restrict src, int16_t *restrict dst, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const uint32_t u = (uint32_t)src[i] ^ vb_g711_inverted(law), code = u & 0x7fu;
        /* A 5-bit mantissa whose last bit puts the value in the middle of its step; exponent 2^7 = 16-bit units. */
        const uint32_t bits = ((code * 2u + 1u) << 18) + (134u << 23);
        float magnitude;
        memcpy(&magnitude, &bits, sizeof magnitude);
        const int32_t normal = (int32_t)magnitude - (law == VB_G711_ULAW ? 4 * VB_ULAW_BIAS : 0);
        const int32_t m = law == VB_G711_ALAW && code < 16u ? (int32_t)(code * 16u + 8u) : normal;
        const int32_t sign = -(int32_t)(u >> 7);
        const int16_t v = (int16_t)((m ^ sign) - sign);
        memcpy((char *)dst + 2 * i, &v, sizeof v);
    }
}

VB_INLINE void vb_g711_encode_body(const int law, const int16_t *restrict src, uint8_t *restrict dst, size_t n) {
    /* The float exponent of the least normal magnitude: 33, or 16 in segment 1. */
    const uint32_t least = law == VB_G711_ULAW ? 132u << 4 : 130u << 4;
    for (size_t i = 0; i < n; i++) {
        int16_t x;
        memcpy(&x, (const char *)src + 2 * i, sizeof x);
        /* G.191 takes the magnitude of a negative in one's complement, then drops the low bits. */
        const int16_t sign = (int16_t)(x >> 15);
        int16_t m = (int16_t)((x ^ sign) >> (law == VB_G711_ULAW ? 2 : 4));
        if (law == VB_G711_ULAW) {
            m = m < VB_ULAW_CLIP ? m : VB_ULAW_CLIP;
            m = (int16_t)(m + VB_ULAW_BIAS);
        }
        const float magnitude = (float)(int32_t)m;
        uint32_t bits;
        memcpy(&bits, &magnitude, sizeof bits);
        const uint32_t normal = (bits >> 19) - least;
        const uint32_t code = law == VB_G711_ALAW && m < 16 ? (uint32_t)m : normal;
        dst[i] = (uint8_t)(code ^ vb_g711_inverted(law) ^ ((uint32_t)sign & 0x80u));
    }
}

#endif
