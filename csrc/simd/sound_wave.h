/* sound_wave.h - the hot loops over a frame's waveform, and over its bytes in search of the marks of files. */
#ifndef VB_SIMD_SOUND_WAVE_H
#define VB_SIMD_SOUND_WAVE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../vb_simd.h"
#include "../vb_sound.h"

/* Where in the n bytes at p a mark may begin; p[n] and p[n + 1] are read too. Returns whether there is any. */
VB_INLINE uint32_t vb_sound_marks_body(const uint8_t *restrict p, size_t n, uint8_t *restrict hit) {
    uint8_t any = 0;
    for (size_t i = 0; i < n; i++) {
        const uint8_t a = p[i], b = p[i + 1];
        /* 0xff, then a layer and a version that there is, then a rate: most of quiet mu-law is not that. */
        const uint8_t sync = (a == 0xff) & (b >= 0xe0) & (b < 0xfe) & (p[i + 2] < 0xf0);
        hit[i] = sync | ((a == 'R') & ((b == 'I') | (b == 'F'))) | ((a == 'O') & (b == 'g')) |
                 ((a == 'f') & ((b == 'L') | (b == 't'))) | ((a == 'I') & (b == 'D')) | ((a == 'F') & (b == 'O')) |
                 ((a == 0x1a) & (b == 0x45)) | ((a == '.') & (b == 's'));
        any |= hit[i];
    }
    return any;
}

/* Whether eight samples in a row are at most 8. */
VB_INLINE uint32_t vb_sound_silent_run_body(const int16_t *restrict x, size_t n) {
    uint8_t near[VB_SOUND_MAX_FRAME], any = 0;
    for (size_t i = 0; i < n; i++)
        near[i] = (uint8_t)(x[i] >= -8) & (uint8_t)(x[i] <= 8);
    for (size_t i = 0; i + 8 <= n; i++)
        any |=
            near[i] & near[i + 1] & near[i + 2] & near[i + 3] & near[i + 4] & near[i + 5] & near[i + 6] & near[i + 7];
    return any;
}

/* Where landmarks are, one sample in 64 or so: hit[i] for x[i] and the one before it. */
VB_INLINE void vb_sound_landmarks_body(const int16_t *restrict x, size_t n, uint8_t *restrict hit) {
    for (size_t i = 1; i < n; i++) {
        const uint16_t mix = (uint16_t)((uint16_t)x[i] * 0x9e37u + (uint16_t)x[i - 1] * 0x85ebu);
        hit[i] = (uint16_t)(mix >> 10) == 5;
    }
}

VB_INLINE void vb_sound_halve(const uint16_t *restrict src, uint16_t *restrict dst, size_t n_dst) {
    for (size_t i = 0; i < n_dst; i++)
        dst[i] = src[2 * i] > src[2 * i + 1] ? src[2 * i] : src[2 * i + 1];
}

/* The largest bend |x[i] - 2 x[i - 1] + x[i - 2]| / 4 in each cell; x[-1] and x[-2] are read. */
VB_INLINE void vb_sound_bends_body(const int16_t *restrict x, size_t n, uint16_t *restrict cell) {
    uint16_t bend[VB_SOUND_MAX_FRAME], half[VB_SOUND_MAX_FRAME / 2], *from = bend, *to = half;
    for (size_t i = 0; i < n; i++) {
        const int32_t v = x[i] - 2 * x[(ptrdiff_t)i - 1] + x[(ptrdiff_t)i - 2];
        bend[i] = (uint16_t)((v < 0 ? -v : v) >> 2);
    }
    for (; n >= 4 * VB_SOUND_CELLS; n /= 2) {
        vb_sound_halve(from, to, n / 2);
        uint16_t *const other = from;
        from = to, to = other;
    }
    if (n == 2 * VB_SOUND_CELLS) {
        vb_sound_halve(from, cell, VB_SOUND_CELLS);
        return;
    }
    for (size_t c = 0; c < VB_SOUND_CELLS; c++) { /* two to four are left for each */
        uint16_t most = 0;
        for (size_t i = c * n / VB_SOUND_CELLS; i < (c + 1) * n / VB_SOUND_CELLS; i++)
            most = from[i] > most ? from[i] : most;
        cell[c] = most;
    }
}

/*
 * How many of the cells before, and of those behind each of five places are at least as large as the one there; itself
 * counts in both. The places are VB_SOUND_HALF and four that follow eight cells apart.
 */
VB_INLINE void vb_sound_ranks_body(const uint16_t *restrict cell, uint16_t *restrict before,
                                   uint16_t *restrict behind) {
    for (size_t k = 0; k < 5; k++) {
        const uint16_t *const here = cell + VB_SOUND_HALF + 8 * k;
        uint16_t a = 1, b = 0;
        for (size_t i = 0; i < VB_SOUND_HALF; i++) {
            a = (uint16_t)(a + (here[(ptrdiff_t)i - VB_SOUND_HALF] >= *here));
            b = (uint16_t)(b + (here[i] >= *here));
        }
        before[k] = a;
        behind[k] = b;
    }
}

/*
 * Sums that tell two channels in turn: of the steps within and between pairs, of the powers of both, and the power at
 * the bottom, in the middle and at the top of the spectrum, in blocks of 16 samples.
 */
VB_INLINE void vb_sound_channels_body(const int16_t *restrict x, size_t n, float *restrict sum) {
    static const float weight[16] = {1, 3, 6, 9, 12, 14, 15, 16, 16, 15, 14, 12, 9, 6, 3, 1};
    float lane[4][8] = {{0}}, low = 0, high = 0, middle = 0;
    for (size_t i = 0; i + 16 < n; i += 16) {
        float a[17], p[4] = {0};
        for (size_t k = 0; k < 17; k++)
            a[k] = x[i + k];
        for (size_t k = 0; k < 8; k++) {
            const float in = a[2 * k + 1] - a[2 * k], between = a[2 * k + 2] - a[2 * k + 1];
            lane[0][k] += in < 0 ? -in : in;
            lane[1][k] += between < 0 ? -between : between;
            lane[2][k] += a[2 * k] * a[2 * k];
            lane[3][k] += a[2 * k + 1] * a[2 * k + 1];
        }
        for (size_t k = 0; k < 16; k += 4)
            for (size_t j = 0; j < 4; j++)
                p[j] += weight[k + j] * a[k + j];
        const float even = p[0] + p[2], odd = p[1] + p[3], c = p[0] - p[2], d = p[1] - p[3];
        low += (even + odd) * (even + odd);
        high += (even - odd) * (even - odd);
        middle += c * c + d * d;
    }
    for (size_t j = 0; j < 4; j++)
        sum[j] = ((lane[j][0] + lane[j][1]) + (lane[j][2] + lane[j][3])) +
                 ((lane[j][4] + lane[j][5]) + (lane[j][6] + lane[j][7]));
    sum[4] = low;
    sum[5] = middle;
    sum[6] = high;
}

#endif
