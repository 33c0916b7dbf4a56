/*
 * denoise_bands.h - what the tracker of single bins cannot see: that the noise of a whole band has fallen, or risen for
 * good.
 *
 * Bands of 16 bins from bin 8 (167 Hz) on.
 */
#ifndef VB_SIMD_DENOISE_BANDS_H
#define VB_SIMD_DENOISE_BANDS_H

#include <string.h>

#include "bins.h"
#include "fastmath.h"

#define VB_BANDS_FALLEN 0.3f /* power over noise, smoothed, below which a band's noise has fallen */
#define VB_BANDS_FALL 0.4f   /* what a hop then leaves of it, down to the power */
#define VB_BANDS_BIAS 1.2f   /* log2 from the least of the mean log power to the mean power */
#define VB_BANDS_RISEN 2.0f  /* log2 by which that exceeds a noise that has not followed */
#define VB_BANDS_RISE 0.2f   /* share of the way that a hop then goes */
#define VB_BANDS_NEAR 4.0f   /* and not beyond so many times the bin's power */

enum { VB_BANDS_BLOCK = 10 }; /* hops */

/* The sum of a band's `width` values, in four lanes. */
VB_INLINE float vb_bands_sum(int width, const float *restrict x) {
    float sum[4] = {0.0f, 0.0f, 0.0f, 0.0f};
    for (int k = 0; k + 4 <= width; k += 4)
        for (int i = 0; i < 4; i++)
            sum[i] += x[k + i];
    float rest = 0.0f;
    for (int k = width & ~3; k < width; k++)
        rest += x[k];
    return ((sum[0] + sum[2]) + (sum[1] + sum[3])) + rest;
}

/* Note a band's level and return its least over the last 0.7 to 0.8 s; n_swell is 0 where the sound begins. */
VB_INLINE float vb_bands_least(struct vb_denoise *d, int band, float level) {
    float *restrict newest = &d->trough[VB_BANDS_BLOCKS - 1][band];
    d->swell[band] = d->n_swell == 0 ? level : d->swell[band] + 0.5f * (level - d->swell[band]);
    *newest = d->n_swell % VB_BANDS_BLOCK == 0 ? d->swell[band] : vb_min(*newest, d->swell[band]);
    float least = *newest;
    for (int i = 0; i < VB_BANDS_BLOCKS - 1; i++)
        least = vb_min(least, d->trough[i][band]);
    return least;
}

/* Correct the noise of bands. `power` is that of n bins, of which `room` may be computed. */
VB_INLINE void vb_bands_follow(struct vb_denoise *d, int n, int room, const float *restrict power) {
    float logs[VB_DENOISE_MAX_BINS];
    for (int k = 0; k < room; k++)
        logs[k] = vb_log2(power[k]);
    const int begins = d->n_swell == 0, counted = d->n_swell >= VB_BANDS_BLOCKS * VB_BANDS_BLOCK;
    if (d->n_swell > 0 && d->n_swell % VB_BANDS_BLOCK == 0)
        memmove(d->trough[0], d->trough[1], sizeof d->trough - sizeof d->trough[0]);
    for (int band = 0; band < (n - VB_BANDS_FIRST) / VB_BANDS_WIDTH; band++) {
        const int from = VB_BANDS_FIRST + band * VB_BANDS_WIDTH;
        const int width = from + 2 * VB_BANDS_WIDTH > n ? n - from : VB_BANDS_WIDTH;
        float *restrict noise = d->noise + from;
        const float sum = vb_bands_sum(width, power + from), old = vb_bands_sum(width, noise);
        const float least = vb_bands_least(d, band, vb_bands_sum(width, logs + from) / (float)width) + VB_BANDS_BIAS;
        d->fallen[band] = (begins ? 1.0f : d->fallen[band]) + 0.5f * (sum / old - (begins ? 1.0f : d->fallen[band]));
        if (counted && least > vb_log2(old / (float)width) + VB_BANDS_RISEN) {
            const float risen = vb_exp2(least);
            for (int k = 0; k < width; k++) {
                const float near = vb_min(risen, VB_BANDS_NEAR * power[from + k]);
                noise[k] += VB_BANDS_RISE * vb_max(near - noise[k], 0.0f);
            }
        }
        if (d->fallen[band] < VB_BANDS_FALLEN) {
            const float now = sum / (float)width;
            for (int k = 0; k < width; k++)
                noise[k] = vb_max(VB_BANDS_FALL * noise[k], vb_min(noise[k], now));
        }
    }
    d->n_swell =
        d->n_swell < (VB_BANDS_BLOCKS + 1) * VB_BANDS_BLOCK - 1 ? d->n_swell + 1 : VB_BANDS_BLOCKS * VB_BANDS_BLOCK;
}

#endif
