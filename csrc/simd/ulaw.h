/*
 * ulaw.h - the two hot loops of mu-law companding, written so that gcc and clang vectorise them.
 *
 * A mu-law code is a tiny floating-point number: sign, 3-bit exponent, 4-bit mantissa, biased by 33 (in 14-bit units),
 * then inverted. The float unit does the search for the leading one: a biased magnitude m in [33, 8191] converts to
 * float exactly, and the 3 low exponent bits and 4 high mantissa bits of the float are the code.
 *
 *     float32:  s eeeeeeee mmmmmmmmmmmmmmmmmmmmmmm      code:  ~(s eee mmmm)
 *                      |||||||  <- bits 25..19
 */
#ifndef VB_SIMD_ULAW_H
#define VB_SIMD_ULAW_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../vb_simd.h"

enum { VB_ULAW_BIAS = 33, VB_ULAW_CLIP = 8158 /* 8191 - 33 */ };

VB_INLINE void vb_ulaw_decode_body(const uint8_t *restrict src, int16_t *restrict dst, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const uint32_t u = (uint32_t)src[i] ^ 0xffu;
        /* A 5-bit mantissa whose last bit puts the value in the middle of its step; exponent 2^7 = 16-bit units. */
        const uint32_t bits = (((u & 0x7fu) * 2u + 1u) << 18) + (134u << 23);
        float magnitude;
        memcpy(&magnitude, &bits, sizeof magnitude);
        const int32_t m = (int32_t)magnitude - 4 * VB_ULAW_BIAS;
        const int32_t sign = -(int32_t)(u >> 7);
        const int16_t v = (int16_t)((m ^ sign) - sign);
        memcpy((char *)dst + 2 * i, &v, sizeof v);
    }
}

VB_INLINE void vb_ulaw_encode_body(const int16_t *restrict src, uint8_t *restrict dst, size_t n) {
    for (size_t i = 0; i < n; i++) {
        int16_t x;
        memcpy(&x, (const char *)src + 2 * i, sizeof x);
        /* G.191 takes the magnitude of a negative in one's complement, then drops the two low bits. */
        const int16_t sign = (int16_t)(x >> 15);
        int16_t m = (int16_t)((x ^ sign) >> 2);
        m = m < VB_ULAW_CLIP ? m : VB_ULAW_CLIP;
        m = (int16_t)(m + VB_ULAW_BIAS);
        const float magnitude = (float)(int32_t)m;
        uint32_t bits;
        memcpy(&bits, &magnitude, sizeof bits);
        const uint32_t code = (bits >> 19) - (132u << 4); /* 132: the float exponent of 33, the smallest magnitude */
        dst[i] = (uint8_t)(~code ^ ((uint32_t)sign & 0x80u));
    }
}

#endif
