/*
 * base64_neon.h - the bulk of base64 in NEON, which every 64-bit Arm has: 48 bytes <-> 64 characters a step.
 *
 * Loads take bytes apart by their place in a group of three or four, and stores interleave them again. Both functions
 * handle as many whole steps as fit, and return how many input items they took; the scalar code does the rest.
 */
#ifndef VB_SIMD_BASE64_NEON_H
#define VB_SIMD_BASE64_NEON_H

#if defined(__aarch64__)
#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>

/* `alphabet` has a character for each of the 64 values. */
static inline size_t vb_base64_encode_neon(const char *alphabet, const uint8_t *restrict src, char *restrict dst,
                                           size_t n) {
    const uint8_t *chars = (const uint8_t *)alphabet;
    const uint8x16x4_t table = {{vld1q_u8(chars), vld1q_u8(chars + 16), vld1q_u8(chars + 32), vld1q_u8(chars + 48)}};
    const uint8x16_t six = vdupq_n_u8(63);
    size_t i = 0;
    for (; i + 48 <= n; i += 48, dst += 64) {
        const uint8x16x3_t in = vld3q_u8(src + i);
        const uint8x16x4_t out = {{
            vqtbl4q_u8(table, vshrq_n_u8(in.val[0], 2)),
            vqtbl4q_u8(table, vandq_u8(vsliq_n_u8(vshrq_n_u8(in.val[1], 4), in.val[0], 4), six)),
            vqtbl4q_u8(table, vandq_u8(vsliq_n_u8(vshrq_n_u8(in.val[2], 6), in.val[1], 2), six)),
            vqtbl4q_u8(table, vandq_u8(in.val[2], six)),
        }};
        vst4q_u8((uint8_t *)dst, out);
    }
    return i;
}

/* `values` has the value plus one of each of the first 128 characters, 0 for one outside the alphabet. Stops before the
 * first step that holds such a one. */
static inline size_t vb_base64_decode_neon(const uint8_t *values, const char *restrict src, uint8_t *restrict dst,
                                           size_t n) {
    uint8x16x4_t low, high;
    for (int k = 0; k < 4; k++) {
        low.val[k] = vsubq_u8(vld1q_u8(values + 16 * k), vdupq_n_u8(1));
        high.val[k] = vsubq_u8(vld1q_u8(values + 64 + 16 * k), vdupq_n_u8(1));
    }
    size_t i = 0;
    for (; i + 64 <= n; i += 64, dst += 48) {
        const uint8x16x4_t in = vld4q_u8((const uint8_t *)src + i);
        uint8x16_t v[4], bad = vdupq_n_u8(0);
        for (int k = 0; k < 4; k++) {
            /* An index beyond a table gives 0 or leaves what is there; a character above 127 is in neither. */
            v[k] = vqtbx4q_u8(vqtbl4q_u8(low, in.val[k]), high, veorq_u8(in.val[k], vdupq_n_u8(64)));
            bad = vorrq_u8(bad, vorrq_u8(v[k], in.val[k]));
        }
        if (vmaxvq_u8(bad) > 127)
            break;
        const uint8x16x3_t out = {{
            vsliq_n_u8(vshrq_n_u8(v[1], 4), v[0], 2),
            vsliq_n_u8(vshrq_n_u8(v[2], 2), v[1], 4),
            vsliq_n_u8(v[3], v[2], 6),
        }};
        vst3q_u8(dst, out);
    }
    return i;
}
#endif

#endif
