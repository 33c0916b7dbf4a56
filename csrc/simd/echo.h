/* echo.h - samples of the echo guard: their level, both spectra from one transform, and the bands of these. */
#ifndef VB_SIMD_ECHO_H
#define VB_SIMD_ECHO_H

#include <math.h>

#include "../vb_echo.h"
#include "../vb_fft.h"
#include "fastmath.h"

enum {
    VB_ECHO_FIRST_BIN = 6, /* 250 Hz; a bin is 41.7 Hz */
    VB_ECHO_BINS = 76      /* to 3400 Hz */
};

/* Bands: their number, first bin and length. */
#define VB_ECHO_EACH_BAND(BAND)                                                                                        \
    BAND(0, 0, 3)                                                                                                      \
    BAND(1, 3, 3)                                                                                                      \
    BAND(2, 6, 3)                                                                                                      \
    BAND(3, 9, 3)                                                                                                      \
    BAND(4, 12, 4)                                                                                                     \
    BAND(5, 16, 4)                                                                                                     \
    BAND(6, 20, 4)                                                                                                     \
    BAND(7, 24, 4)                                                                                                     \
    BAND(8, 28, 5)                                                                                                     \
    BAND(9, 33, 5) BAND(10, 38, 5) BAND(11, 43, 6) BAND(12, 49, 6) BAND(13, 55, 7) BAND(14, 62, 7) BAND(15, 69, 7)

VB_INLINE float vb_echo_sum(const float *x, int n) {
    float sum = x[0];
    for (int k = 1; k < n; k++)
        sum += x[k];
    return sum;
}

/*
 * The power of either end in each band. The near end is the real part and the far end the imaginary part of what is
 * transformed, so bins k and 192 - k hold the sum and the difference of their spectra.
 */
VB_INLINE void vb_echo_bands_body(const float *restrict near, const float *restrict far, const float *restrict hann,
                                  float *restrict near_power, float *restrict far_power) {
    float re[VB_ECHO_WINDOW], im[VB_ECHO_WINDOW], a[VB_ECHO_BINS], b[VB_ECHO_BINS];
    for (int i = 0; i < VB_ECHO_WINDOW; i++) {
        re[i] = near[i] * hann[2 * i]; /* which has 384 */
        im[i] = far[i] * hann[2 * i];
    }
    vb_fft_complex_192(re, im);
    const float *low_re = re + VB_ECHO_FIRST_BIN, *low_im = im + VB_ECHO_FIRST_BIN;
    const float *high_re = re + VB_ECHO_WINDOW - VB_ECHO_FIRST_BIN, *high_im = im + VB_ECHO_WINDOW - VB_ECHO_FIRST_BIN;
    for (int i = 0; i < VB_ECHO_BINS; i++) {
        const float sum_re = low_re[i] + high_re[-i], sum_im = low_im[i] - high_im[-i];
        const float dif_re = low_re[i] - high_re[-i], dif_im = low_im[i] + high_im[-i];
        a[i] = sum_re * sum_re + sum_im * sum_im;
        b[i] = dif_re * dif_re + dif_im * dif_im;
    }
#define BAND(i, first, n)                                                                                              \
    near_power[i] = vb_echo_sum(a + (first), n);                                                                       \
    far_power[i] = vb_echo_sum(b + (first), n);
    VB_ECHO_EACH_BAND(BAND)
#undef BAND
}

/* Mean square of a frame at 8 kHz. */
VB_INLINE float vb_echo_level_body(const float *restrict x) {
    float lane[16] = {0.0f}, sum = 0.0f;
    for (int i = 0; i < 2 * VB_ECHO_HOP; i += 16)
        for (int k = 0; k < 16; k++)
            lane[k] += x[i + k] * x[i + k];
    for (int k = 0; k < 16; k++)
        sum += lane[k];
    return sum * (1.0f / (2 * VB_ECHO_HOP));
}

/* Whether a hop is louder than the noise of a codec anywhere. */
VB_INLINE int vb_echo_sounds_body(const float *restrict x) {
    int32_t lane[16] = {0}, any = 0;
    for (int i = 0; i < VB_ECHO_HOP; i += 16)
        for (int k = 0; k < 16; k++)
            lane[k] |= fabsf(x[i + k]) > 8.0f;
    for (int k = 0; k < 16; k++)
        any |= lane[k];
    return any;
}

VB_INLINE void vb_echo_widen_body(const int16_t *restrict src, float *restrict dst, int n) {
    for (int i = 0; i < n; i++)
        dst[i] = src[i];
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
