/*
 * alaw.h - the two hot loops of A-law companding, written so that gcc and clang vectorise them.
 *
 * An A-law code is a tiny floating-point number with gradual underflow: sign, 3-bit exponent, 4-bit mantissa; exponents
 * 0 and 1 share a step, and even bits are inverted (XOR 0x55). Segment e >= 1 is 2^(e+3) * (1 + m/16) in 12-bit units,
 * so for magnitudes of 16 and up the float unit finds the segment as in ulaw.h; below 32 the code is the magnitude / 2.
 */
#ifndef VB_SIMD_ALAW_H
#define VB_SIMD_ALAW_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../vb_simd.h"

VB_INLINE void vb_alaw_decode_body(const uint8_t *restrict src, int16_t *restrict dst, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const uint32_t a = (uint32_t)src[i] ^ 0xd5u; /* 0x55 and the sign: a set sign bit now means negative */
        const uint32_t code = a & 0x7fu;
        /* Normal segments: 1.mmmm1 * 2^(e+7) in 16-bit units, from e = 1 at 2^8. The last bit centres the step. */
        const uint32_t bits = ((code * 2u + 1u) << 18) + (134u << 23);
        float magnitude;
        memcpy(&magnitude, &bits, sizeof magnitude);
        const int32_t normal = (int32_t)magnitude;
        const int32_t subnormal = (int32_t)(code * 16u + 8u);
        const int32_t m = code < 16u ? subnormal : normal;
        const int32_t sign = -(int32_t)(a >> 7);
        const int16_t v = (int16_t)((m ^ sign) - sign);
        memcpy((char *)dst + 2 * i, &v, sizeof v);
    }
}

VB_INLINE void vb_alaw_encode_body(const int16_t *restrict src, uint8_t *restrict dst, size_t n) {
    for (size_t i = 0; i < n; i++) {
        int16_t x;
        memcpy(&x, (const char *)src + 2 * i, sizeof x);
        /* G.191 takes the magnitude of a negative in one's complement, then drops the four low bits. */
        const int16_t sign = (int16_t)(x >> 15);
        const int32_t m = (int32_t)((x ^ sign) >> 4); /* 0..2047 */
        const float magnitude = (float)m;
        uint32_t bits;
        memcpy(&bits, &magnitude, sizeof bits);
        const uint32_t normal = (bits >> 19) - (130u << 4); /* m in [16, 32) has float exponent 131: code segment 1 */
        const uint32_t code = m < 16 ? (uint32_t)m : normal;
        dst[i] = (uint8_t)(code ^ 0xd5u ^ ((uint32_t)sign & 0x80u));
    }
}

#endif
