/* echo.h - the hot loops of the echo guard: both spectra from one transform, bands, and products at every lag. */
#ifndef VB_SIMD_ECHO_H
#define VB_SIMD_ECHO_H

#include "../vb_echo.h"
#include "fastmath.h"

enum {
    VB_ECHO_FIRST_BIN = 6, /* 250 Hz; a bin is 41.7 Hz */
    VB_ECHO_BINS = 76      /* to 3400 Hz */
};

static const uint8_t vb_echo_band_bins[VB_ECHO_BANDS] = {3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 6, 6, 7, 7, 7};

/*
 * Near ends are the even samples and far ends the odd ones of what was transformed, so bins k and 192 - k hold the sum
 * and the difference of their spectra, one of them turned. Gives the power of either in each band.
 */
VB_INLINE void vb_echo_bands_body(const float *restrict re, const float *restrict im, float *restrict near,
                                  float *restrict far) {
    float a[VB_ECHO_BINS], b[VB_ECHO_BINS];
    const float *low_re = re + VB_ECHO_FIRST_BIN, *low_im = im + VB_ECHO_FIRST_BIN;
    const float *high_re = re + VB_ECHO_WINDOW - VB_ECHO_FIRST_BIN, *high_im = im + VB_ECHO_WINDOW - VB_ECHO_FIRST_BIN;
    for (int i = 0; i < VB_ECHO_BINS; i++) {
        const float sum_re = low_re[i] + high_re[-i], sum_im = low_im[i] - high_im[-i];
        const float dif_re = low_re[i] - high_re[-i], dif_im = low_im[i] + high_im[-i];
        a[i] = sum_re * sum_re + sum_im * sum_im;
        b[i] = dif_re * dif_re + dif_im * dif_im;
    }
    const float *x = a, *y = b;
    for (int i = 0; i < VB_ECHO_BANDS; i++) {
        float p = 0.0f, q = 0.0f;
        for (int k = 0; k < vb_echo_band_bins[i]; k++) {
            p += *x++;
            q += *y++;
        }
        near[i] = p;
        far[i] = q;
    }
}

/* Interleave both ends under a window: every second value of `hann`, which has 384. */
VB_INLINE void vb_echo_window_body(const float *restrict near, const float *restrict far, const float *restrict hann,
                                   float *restrict dst) {
    for (int i = 0; i < VB_ECHO_WINDOW; i++) {
        dst[2 * i] = near[i] * hann[2 * i];
        dst[2 * i + 1] = far[i] * hann[2 * i];
    }
}

VB_INLINE void vb_echo_log2_body(const float *restrict x, const float *restrict floor, float *restrict dst, int n) {
    for (int i = 0; i < n; i++)
        dst[i] = vb_log2(x[i] + floor[i]);
}

/* What a hop of the near end has in common with the far end at each lag, added to what came before. */
VB_INLINE void vb_echo_lags_body(vb_echo *restrict e, const float *restrict x) {
    const float keep = 0.99f, keep_short = 0.94f;
    float dot[VB_ECHO_LAGS];
    for (int l = 0; l < VB_ECHO_LAGS; l++)
        dot[l] = 0.0f;
    for (int c = 0; c < VB_ECHO_PAIRS; c += 4) {
        const float *p = e->rise[c] + e->at, *q = e->rise[c + 1] + e->at, *r = e->rise[c + 2] + e->at,
                    *s = e->rise[c + 3] + e->at;
        const float a = x[c], b = x[c + 1], d = x[c + 2], f = x[c + 3];
        for (int l = 0; l < VB_ECHO_LAGS; l++)
            dot[l] += (a * p[l] + b * q[l]) + (d * r[l] + f * s[l]);
    }
    const float *square = e->square + e->at;
    for (int l = 0; l < VB_ECHO_LAGS; l++) {
        e->product[l] = e->product[l] * keep + dot[l];
        e->far_square[l] = e->far_square[l] * keep + square[l];
        e->product_short[l] = e->product_short[l] * keep_short + dot[l];
        e->far_square_short[l] = e->far_square_short[l] * keep_short + square[l];
    }
}

/* One sample for two: `src` begins VB_ECHO_TAPS - 2 samples before the first pair. */
VB_INLINE void vb_echo_halve_body(const float *restrict src, const float *restrict taps, float *restrict dst, int n) {
    float even[VB_ECHO_HOP + VB_ECHO_TAPS / 2], odd[VB_ECHO_HOP + VB_ECHO_TAPS / 2];
    for (int i = 0; i < n + VB_ECHO_TAPS / 2 - 1; i++) {
        even[i] = src[2 * i];
        odd[i] = src[2 * i + 1];
    }
    for (int i = 0; i < n; i++)
        dst[i] = 0.0f;
    for (int k = 0; k < VB_ECHO_TAPS / 2; k++) {
        const float a = taps[2 * k], b = taps[2 * k + 1];
        for (int i = 0; i < n; i++)
            dst[i] += a * even[i + k] + b * odd[i + k];
    }
}

#endif
