/* tones_look.h - the spectrum of a window, and the one or two lumps that stand out of it. */
#ifndef VB_SIMD_TONES_LOOK_H
#define VB_SIMD_TONES_LOOK_H

#include <string.h>

#include "../vb_fft.h"
#include "../vb_simd.h"
#include "../vb_tones.h"

enum {
    VB_LOOK_LANES = 16,
    VB_LOOK_FIRST = 4,                  /* bins of 20.8 Hz: 83 Hz ... */
    VB_LOOK_BINS = 176,                 /* ... to 3.7 kHz are counted, */
    VB_LOOK_LOW = 15 - VB_LOOK_FIRST,   /* and lumps are looked for from 310 Hz */
    VB_LOOK_HIGH = 103 - VB_LOOK_FIRST, /* to 2150 Hz */
    VB_LOOK_WIDTH = 2                   /* bins on either side of a peak that belong to it */
};

/* int16 of any alignment to floats. */
VB_INLINE void vb_tones_widen_body(const char *restrict src, float *restrict dst, size_t n) {
    for (size_t i = 0; i < n; i++) {
        int16_t x;
        memcpy(&x, src + 2 * i, sizeof x);
        dst[i] = x;
    }
}

/* Mean squares of a hop's two blocks. */
VB_INLINE void vb_tones_blocks_body(const float *restrict x, float *restrict blocks) {
    for (int b = 0; b < 2; b++) {
        float lane[8] = {0.0f};
        for (int j = 0; j < VB_TONES_HOP / 2; j += 8) {
            VB_KEEP_LOOP
            for (int i = 0; i < 8; i++)
                lane[i] += x[j + i] * x[j + i];
        }
        const float sum = ((lane[0] + lane[4]) + (lane[1] + lane[5])) + ((lane[2] + lane[6]) + (lane[3] + lane[7]));
        blocks[b] = sum * (2.0f / VB_TONES_HOP);
        x += VB_TONES_HOP / 2;
    }
}

/*
 * Every other sample of a hop at 16 kHz, behind the samples before it, through a half-band filter: within 0.01 dB to
 * 2.3 kHz, and 61 dB down where 5.7 kHz and more would fold onto that (Parks-McClellan, 15 taps).
 */
VB_INLINE void vb_tones_halve_body(const float *restrict x, float *restrict y) {
    enum { N = VB_TONES_HOP, MORE = VB_TONES_HALF_TAPS / 2 };
    float even[N + MORE], odd[N + MORE];
    for (int i = 0; i < N + MORE; i++) {
        even[i] = x[2 * i];
        odd[i] = x[2 * i + 1];
    }
    for (int i = 0; i < N; i++)
        y[i] = 0.5f * odd[i + 3] +
               (0.30727047f * (even[i + 3] + even[i + 4]) - 0.0765828f * (even[i + 2] + even[i + 5])) +
               (0.02434588f * (even[i + 1] + even[i + 6]) - 0.00545655f * (even[i] + even[i + 7]));
}

/* Powers of the bins under a Hann window, which is applied to the spectrum; their sum, and the largest. */
VB_INLINE void vb_tones_bins_body(const float *restrict x, float *restrict p, float *restrict total,
                                  float *restrict most) {
    float re[VB_TONES_WINDOW / 2 + 8], im[VB_TONES_WINDOW / 2 + 8];
    vb_fft_forward(VB_TONES_WINDOW, x, re, im);
    float sum[VB_LOOK_LANES] = {0.0f}, top[VB_LOOK_LANES] = {0.0f};
    const float *r = re + VB_LOOK_FIRST, *m = im + VB_LOOK_FIRST;
    for (int k = 0; k < VB_LOOK_BINS; k++) {
        const float a = r[k] - 0.5f * (r[k - 1] + r[k + 1]), b = m[k] - 0.5f * (m[k - 1] + m[k + 1]);
        p[k] = a * a + b * b;
    }
    for (int k = 0; k < VB_LOOK_BINS; k += VB_LOOK_LANES) {
        VB_KEEP_LOOP
        for (int i = 0; i < VB_LOOK_LANES; i++) {
            sum[i] += p[k + i];
            top[i] = p[k + i] > top[i] ? p[k + i] : top[i];
        }
    }
    for (int n = VB_LOOK_LANES / 2; n > 0; n /= 2)
        for (int i = 0; i < n; i++) {
            sum[i] += sum[i + n];
            top[i] = top[i + n] > top[i] ? top[i + n] : top[i];
        }
    *total = sum[0];
    *most = top[0];
}

#endif
