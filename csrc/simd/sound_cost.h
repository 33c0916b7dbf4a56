/* sound_cost.h - the hot loops that ask how many bits a reading of the bytes needs. */
#ifndef VB_SIMD_SOUND_COST_H
#define VB_SIMD_SOUND_COST_H

#include <stddef.h>
#include <stdint.h>

#include "../vb_simd.h"

enum { VB_SOUND_LOOK = 320 }; /* bytes or samples of a frame that are compared: 20 ms at 16 kHz */

VB_INLINE uint16_t vb_sound_size(int16_t v) {
    return (uint16_t)(v < 0 ? -v : v);
}

/*
 * The least sum of |residual| of four predictors, from the third sample on: nothing, the last sample, the one before it
 * (two channels in turn), and a straight line. Samples are halved four times over, which takes a bit or two where they
 * are small and nothing can be told from them.
 */
VB_INLINE uint32_t vb_sound_residual_body(const int16_t *restrict x, size_t n) {
    uint32_t nothing = 0, last = 0, other = 0, line = 0;
    int16_t y[VB_SOUND_LOOK];
    uint16_t peak = 0;
    for (size_t i = 0; i < n; i++) {
        const uint16_t a = vb_sound_size(x[i]);
        peak = a > peak ? a : peak;
    }
    const int shift = peak >= 8192 ? 2 : 0; /* so that 4 y fits into 16 bits */
    for (size_t i = 0; i < n; i++)
        y[i] = (int16_t)(x[i] >> shift);
    for (size_t i = 2; i < n; i++) {
        nothing += vb_sound_size(y[i]);
        last += vb_sound_size((int16_t)(y[i] - y[i - 1]));
        other += vb_sound_size((int16_t)(y[i] - y[i - 2]));
        line += vb_sound_size((int16_t)(y[i] - 2 * y[i - 1] + y[i - 2]));
    }
    const uint32_t one = nothing < last ? nothing : last, two = other < line ? other : line;
    return (one < two ? one : two) << shift;
}

/* Sum of the segments of G.711 codes; flip is what turns a code into its magnitude in the low seven bits. */
VB_INLINE uint32_t vb_sound_segments_body(const uint8_t *restrict codes, size_t n, uint8_t flip, uint8_t least) {
    uint32_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        const uint8_t segment = (uint8_t)((uint8_t)(codes[i] ^ flip) >> 4 & 7);
        sum += segment < least ? least : segment;
    }
    return sum;
}

/* The sums of a predictor from two samples: of a a, b b, c c, a b, a c, b c, in eight lanes each. */
VB_INLINE void vb_sound_lags_body(const int16_t *restrict x, size_t n, float *restrict sum) {
    float lane[6][8] = {{0}};
    for (size_t i = 2; i + 8 <= n; i += 8)
        for (size_t k = 0; k < 8; k++) {
            const float a = x[i + k], b = x[i + k - 1], c = x[i + k - 2];
            lane[0][k] += a * a;
            lane[1][k] += b * b;
            lane[2][k] += c * c;
            lane[3][k] += a * b;
            lane[4][k] += a * c;
            lane[5][k] += b * c;
        }
    for (size_t j = 0; j < 6; j++)
        sum[j] = ((lane[j][0] + lane[j][1]) + (lane[j][2] + lane[j][3])) +
                 ((lane[j][4] + lane[j][5]) + (lane[j][6] + lane[j][7]));
}

/* Of each eighth byte: how many could be the sign and exponent of a float, and how many are not zero. */
VB_INLINE void vb_sound_floats_body(const uint8_t *restrict raw, size_t n, uint8_t *restrict hit,
                                    uint8_t *restrict filled) {
    uint8_t hits[32] = {0}, fills[32] = {0};
    for (size_t i = 0; i + 32 <= n; i += 32) /* n <= 2 * VB_SOUND_LOOK: 20 times at most */
        for (size_t k = 0; k < 32; k++) {
            hits[k] = (uint8_t)(hits[k] + ((uint8_t)((raw[i + k] & 0x7f) - 0x2f) < 25));
            fills[k] = (uint8_t)(fills[k] + (raw[i + k] != 0));
        }
    for (size_t k = 0; k < 8; k++) {
        hit[k] = (uint8_t)(hits[k] + hits[k + 8] + hits[k + 16] + hits[k + 24]);
        filled[k] = (uint8_t)(fills[k] + fills[k + 8] + fills[k + 16] + fills[k + 24]);
    }
}

#endif
