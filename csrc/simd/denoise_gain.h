/*
 * denoise_gain.h - from powers and noise powers to the gain of every bin.
 *
 * Per bin, g = |X|^2 / noise the posterior SNR, s = the last speech estimate / noise:
 *     w    = W0 + (W1 - W0) (s / (1 + s))^4              weight of the new frame: fast where speech was
 *     xi   = max(w max(g' - 1, 0) + (1 - w) s, -25 dB)   prior SNR; g' is g, half of it smoothed over 3 bins
 *     v    = g xi / (1 + xi)
 *     G    = xi / (1 + xi) exp(E1(v) / 2)                log-spectral amplitude gain (Ephraim and Malah 1985)
 *     q    = 1 - local * wide * frame, at most 0.98      absence of speech beforehand (Cohen 2001): xi smoothed over
 *            time, then over 5 bins, about 35 bins and the frame, each mapped from dB to 0..1
 *     p    = 1 / (1 + q / (1 - q) (1 + xi) exp(-v))      presence of speech
 *     gain = G^p floor^(1 - p)
 */
#ifndef VB_SIMD_DENOISE_GAIN_H
#define VB_SIMD_DENOISE_GAIN_H

#include "bins.h"
#include "fastmath.h"

#define VB_GAIN_W0 0.14f
#define VB_GAIN_W1 0.99f
#define VB_GAIN_PRIOR_MIN 0.00316227766f /* -25 dB */
#define VB_GAIN_POSTERIOR_MAX 1000.0f    /* 30 dB */
#define VB_GAIN_PRIOR_SHARE 0.19982261f  /* of the newest frame in the smoothed prior, 1 - 0.7^(10 ms / 16 ms) */
#define VB_GAIN_ABSENCE_MAX 0.98f
#define VB_GAIN_CERTAIN 0.6f   /* share of speech from which on a frame is not smoothed */
#define VB_GAIN_DB 3.01029996f /* dB in a power of two */

enum {
    VB_GAIN_BAND_LOW = 8, /* the frame's mean is over 167 .. 4000 Hz, bins of 20.8 Hz */
    VB_GAIN_BAND_HIGH = 192
};

/* 0 below `low` dB, 1 from `low + span` dB on, linear between. */
VB_INLINE float vb_gain_map(float log2_ratio, float low, float span) {
    return vb_min(vb_max((VB_GAIN_DB * log2_ratio - low) * (1.0f / span), 0.0f), 1.0f);
}

/* xi at `prior_now`, its smoothed value in `prior`; `room` bins are computed, n of them are real. */
VB_INLINE void vb_gain_prior(int n, int room, const float *restrict power, const float *restrict noise,
                             const float *restrict speech, float *restrict posterior, float *restrict prior_now) {
    float padded[VB_DENOISE_MAX_BINS + 2 * VB_BINS_MARGIN];
    float *restrict g = padded + VB_BINS_MARGIN;
    for (int k = 0; k < room; k++)
        g[k] = posterior[k] = vb_min(power[k] / (noise[k] + 1e-10f), VB_GAIN_POSTERIOR_MAX);
    g[-1] = 2.0f * g[0] - g[1]; /* so that the ends are smoothed to themselves */
    g[n] = 2.0f * g[n - 1] - g[n - 2];
    for (int k = 0; k < room; k++) {
        const float smooth = 0.5f * g[k] + 0.5f * (0.25f * g[k - 1] + 0.5f * g[k] + 0.25f * g[k + 1]);
        const float s = speech[k] / (noise[k] + 1e-10f);
        const float t = s / (1.0f + s);
        const float w = VB_GAIN_W0 + (VB_GAIN_W1 - VB_GAIN_W0) * (t * t) * (t * t);
        prior_now[k] = vb_max(w * vb_max(smooth - 1.0f, 0.0f) + (1.0f - w) * s, VB_GAIN_PRIOR_MIN);
    }
}

/* Smooth the prior over time; its wide mean goes to `wide`, its mean over the frame is returned. */
VB_INLINE float vb_gain_spread(int n, int room, float share, const float *restrict prior_now, float *restrict prior,
                               float *restrict local, float *restrict wide) {
    float padded[VB_DENOISE_MAX_BINS + 2 * VB_BINS_MARGIN];
    float *restrict z = padded + VB_BINS_MARGIN;
    for (int k = 0; k < room; k++)
        z[k] = prior[k] = prior[k] + share * (prior_now[k] - prior[k]);
    vb_bins_pad(n, room, padded, 0.0f, 0.0f);
    for (int k = 0; k < room; k++)
        local[k] = ((z[k - 2] + z[k + 2]) + 3.0f * (z[k - 1] + z[k + 1]) + 4.0f * z[k]) * (1.0f / 12.0f);
    float sum[4] = {0.0f, 0.0f, 0.0f, 0.0f};
    for (int k = VB_GAIN_BAND_LOW; k < VB_GAIN_BAND_HIGH; k += 4)
        for (int i = 0; i < 4; i++)
            sum[i] += z[k + i];
    vb_bins_box27(room + 2 * VB_BINS_MARGIN, padded);
    vb_bins_box9(room + 2 * VB_BINS_MARGIN - 26, padded);
    for (int k = 0; k < room; k++)
        wide[k] = z[k - 17] * (1.0f / 243.0f);
    return ((sum[0] + sum[2]) + (sum[1] + sum[3])) * (1.0f / (VB_GAIN_BAND_HIGH - VB_GAIN_BAND_LOW));
}

/* log2 of the gain of each bin, and the speech power for the next frame. local and wide are as vb_gain_spread() left
 * them, `frame` is the frame's share of the presence beforehand, which goes to `keep`. */
VB_INLINE void vb_gain_apply(int room, float floor_log2, float frame, const float *restrict power,
                             const float *restrict posterior, const float *restrict xi, const float *restrict local,
                             const float *restrict wide, float *restrict speech, float *restrict sure,
                             float *restrict keep, float *restrict gain) {
    for (int k = 0; k < room; k++) {
        const float l = vb_gain_map(vb_log2(local[k]), -10.0f, 15.0f);
        const float w = vb_gain_map(vb_log2(wide[k]), -10.0f, 15.0f);
        keep[k] = l * w * frame;
        const float q = vb_min(1.0f - keep[k], VB_GAIN_ABSENCE_MAX);
        const float wiener = xi[k] / (1.0f + xi[k]);
        const float v = vb_max(wiener * posterior[k], 1e-8f);
        const float decay = vb_exp2(-1.44269504f * vb_min(v, 80.0f));
        const float p = 1.0f / (1.0f + q / (1.0f - q) * (1.0f + xi[k]) * decay);
        const float lsa = vb_log2(wiener) + 0.72134752f * vb_exp_integral(v, vb_log2(v), decay);
        const float amplitude = vb_exp2(vb_min(lsa, 3.32192809f)); /* at most 20 dB */
        speech[k] = amplitude * amplitude * power[k];
        sure[k] = p * speech[k];
        gain[k] = vb_exp2(p * vb_min(lsa, 0.0f) + (1.0f - p) * floor_log2);
    }
}

/*
 * Smooth the gain over 27 bins where there is little speech, so that no lone bins ring out of the noise (after Esch and
 * Vary 2009). `share` of a bin's own gain stays, more where speech is expected (`keep`). Neither depends on the floor,
 * so that the gain is monotonic in it.
 */
VB_INLINE void vb_gain_smooth(int n, int room, float share, const float *restrict keep, float *restrict gain) {
    float padded[VB_DENOISE_MAX_BINS + 2 * VB_BINS_MARGIN];
    float *restrict z = padded + VB_BINS_MARGIN;
    for (int k = 0; k < room; k++)
        z[k] = gain[k];
    vb_bins_pad(n, room, padded, gain[0], gain[n - 1]);
    vb_bins_box27(room + 2 * VB_BINS_MARGIN, padded);
    for (int k = 0; k < room; k++) {
        const float own = vb_max(share, keep[k]);
        gain[k] = own * gain[k] + (1.0f - own) * (1.0f / 27.0f) * z[k - 13];
    }
}

#endif
