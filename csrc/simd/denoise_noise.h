/*
 * denoise_noise.h - the noise tracker: unbiased MMSE noise power with a fixed prior (Gerkmann and Hendriks 2012).
 *
 * Per bin, with the posterior SNR g = |X|^2 / noise and a fixed prior SNR R that speech would have:
 *     absence   q = 1 - 1 / (1 + (1 + R) exp(-g R / (1 + R)))
 *     noise    += (1 - a) q (|X|^2 - noise)                    time constant of a: 100 ms
 * A bin whose smoothed absence is below VB_NOISE_STUCK gets a little of |X|^2 whatever q says, so that noise which
 * has risen for good is found; but above the hum, not while it may be a ringing tone. What a long tone has put into
 * the noise so is taken out again in its first pause, see vb_noise_pause().
 *
 * In the lowest bins, up to 190 Hz, a hum beats with its own image below zero, in time with the hops (60 Hz: over 5 of
 * them), and this tracker would settle in the minima. There the noise is at least what vb_noise_hum() says.
 */
#ifndef VB_SIMD_DENOISE_NOISE_H
#define VB_SIMD_DENOISE_NOISE_H

#include "bins.h"
#include "fastmath.h"

enum {
    VB_NOISE_HUM = 17,  /* bins, up to 344 Hz, where what stands is hum and no signalling tone */
    VB_NOISE_SIDES = 32 /* bins on either side that it takes to look at both sides of a bin */
};

#define VB_NOISE_PRIOR 31.6227766f    /* R, 15 dB */
#define VB_NOISE_UPDATE 0.0951625820f /* 1 - a = 1 - exp(-10 ms / 100 ms) */
#define VB_NOISE_SMOOTH 0.06367203f   /* share of the newest frame in the smoothed absence, 10 ms / 152 ms */
#define VB_NOISE_STUCK 0.01f     /* smoothed absence below which a bin is stuck; and its least share of an update */
#define VB_NOISE_SHORT 8.0f      /* hops: what is stuck gets that share at first, ... */
#define VB_NOISE_LONG 180.0f     /* ... and again from here on, when no tone of a telephone stands any more */
#define VB_NOISE_LOW 0.28346869f /* share of the newest frame in the lowest bins, 1 - exp(-10 ms / 30 ms) */
#define VB_NOISE_STAND 400.0f    /* hops */
#define VB_NOISE_RISE 1.12f      /* of the minimum in 10 ms, 49 dB/s */
#define VB_NOISE_BASE 1.5f       /* mean over minimum of a smoothed hum */
#define VB_NOISE_QUIET 0.1f      /* of the loudness so far: below it a hop is a pause */
#define VB_NOISE_FADE 0.7f       /* what a hop leaves of that loudness */
#define VB_NOISE_HELD 0.1f       /* smoothed absence below which a bin may hold what a tone has left */
#define VB_NOISE_NEAR 4.0f       /* power over noise up to which the bin has paused too: hum goes on */
#define VB_NOISE_START_BIAS 0.6f /* log2 of 1.5 */
#define VB_NOISE_DOUBT 3.5f      /* log2 by which the first frame is not believed ... */
#define VB_NOISE_RAMP 23         /* ... and the frames in which that goes */
#define VB_NOISE_STEADY 1.4f     /* log2 from the least level around a bin to the mean that steady noise may show */
#define VB_NOISE_SWING 2.0f      /* what each further log2 takes from the first estimate */
#define VB_NOISE_PEAK 3.0f       /* log2 of 8 */

/*
 * The mean power of steady noise over what the tracker settles at. For an exponential |X|^2 of mean 1 the fixed point
 * E[(1 - p)(|X|^2 - noise)] = 0 is at 0.812, 1 / 1.23; as the estimate is not still, it lies a little lower.
 * Only what is said of the noise needs this: the gain is tuned to the estimate.
 */
#define VB_NOISE_LEAN 1.25f

/*
 * Take log2 noise powers to noise powers, none more than 8 times the geometric mean of the bins around: no tones. Those
 * are the 27 bins around it; where there are enough of them, the lesser of 27 below and 27 above, the next three left
 * out, so that neither the tone itself nor a second one on one side counts.
 */
VB_INLINE void vb_noise_without_tones(int n, int room, float bias, const float *restrict mean, float *restrict noise) {
    float padded[VB_DENOISE_MAX_BINS + 2 * VB_BINS_MARGIN], around[VB_DENOISE_MAX_BINS];
    float *restrict z = padded + VB_BINS_MARGIN;
    for (int k = 0; k < room; k++)
        z[k] = mean[k];
    vb_bins_pad(n, room, padded, mean[0], mean[n - 1]);
    vb_bins_box27(room + 2 * VB_BINS_MARGIN, padded);
    for (int k = 0; k < room; k++)
        around[k] = z[k - 13];
    for (int k = VB_NOISE_SIDES; k < n - VB_NOISE_SIDES; k++)
        around[k] = vb_min(z[k - 30], z[k + 4]);
    for (int k = 0; k < room; k++)
        noise[k] = vb_exp2(vb_min(mean[k] + bias, around[k] * (1.0f / 27.0f) + VB_NOISE_PEAK));
}

/* The mean of x over 27 bins around each bin; towards the ends, over the last 27 there. */
VB_INLINE void vb_noise_around(int n, int room, const float *restrict x, float *restrict around) {
    float z[VB_DENOISE_MAX_BINS];
    for (int k = 0; k < room; k++)
        z[k] = x[k];
    vb_bins_box27(n, z);
    for (int k = 0; k < room; k++)
        around[k] = z[k < 13 ? 0 : k > n - 14 ? n - 27 : k - 13] * (1.0f / 27.0f);
}

/*
 * The first frames: their geometric mean, times 1.5 (for noise it would be 1.8), without tones. A stream may start in
 * the middle of a word, so that is believed only by and by, and only as far as the level around a bin is steady: where
 * it has been far below its mean, the sound is no noise. `mean` is the log2 of the frames' mean so far, `recent` the
 * same of about the last three frames, `least` the least level around each bin.
 */
VB_INLINE void vb_noise_start(int n, int room, int frame, const float *restrict power, float *restrict mean,
                              float *restrict recent, float *restrict least, float *restrict noise) {
    float level[VB_DENOISE_MAX_BINS], believed[VB_DENOISE_MAX_BINS];
    const float share = 1.0f / (float)(frame + 1), quick = vb_max(share, 1.0f / 3.0f);
    const float doubt = VB_NOISE_DOUBT * vb_max(1.0f - (float)(frame + 1) / (float)VB_NOISE_RAMP, 0.0f);
    for (int k = 0; k < room; k++) {
        const float now = vb_log2(power[k]);
        mean[k] = frame == 0 ? now : mean[k] + (now - mean[k]) * share;
        recent[k] = frame == 0 ? now : recent[k] + (now - recent[k]) * quick;
    }
    vb_noise_around(n, room, recent, level);
    for (int k = 0; k < room; k++)
        least[k] = frame < 3 ? level[k] : vb_min(least[k], level[k]);
    vb_noise_around(n, room, mean, level);
    for (int k = 0; k < room; k++)
        believed[k] = mean[k] - doubt - VB_NOISE_SWING * vb_max(level[k] - least[k] - VB_NOISE_STEADY, 0.0f);
    vb_noise_without_tones(n, room, VB_NOISE_START_BIAS, believed, noise);
}

/* What the estimate is without its tones. */
VB_INLINE void vb_noise_calm(int n, int room, const float *restrict noise, float *restrict calm) {
    float mean[VB_DENOISE_MAX_BINS];
    for (int k = 0; k < room; k++)
        mean[k] = vb_log2(noise[k]);
    vb_noise_without_tones(n, room, 0.0f, mean, calm);
}

/* The sound has stopped, and with it the tracking: what a long tone has left in the estimate must not outlast it. */
VB_INLINE void vb_noise_silence(int n, int room, float *restrict noise, float *restrict absence) {
    float calm[VB_DENOISE_MAX_BINS];
    vb_noise_calm(n, room, noise, calm);
    for (int k = 0; k < room; k++) {
        noise[k] = calm[k];
        absence[k] = 0.5f;
    }
}

/* The sound pauses: the same for the bins that pause with it, so that what tones leave does not add up over many. */
VB_INLINE void vb_noise_pause(int n, int room, const float *restrict power, float *restrict noise,
                              float *restrict absence) {
    float calm[VB_DENOISE_MAX_BINS];
    vb_noise_calm(n, room, noise, calm);
    for (int k = 0; k < room; k++) {
        const int paused = (absence[k] < VB_NOISE_HELD) & (power[k] < noise[k] * VB_NOISE_NEAR);
        noise[k] = paused ? calm[k] : noise[k];
        absence[k] = paused ? 0.5f : absence[k];
    }
}

/* `prior` is R, `held` counts the hops for which a bin has been stuck, up to VB_NOISE_LONG. */
VB_INLINE void vb_noise_track(int n, float prior, const float *restrict power, float *restrict noise,
                              float *restrict absence, float *restrict held) {
    const float slope = -1.44269504f * prior / (1.0f + prior);
    for (int k = 0; k < n; k++) {
        const float g = vb_min(power[k] / noise[k], 40.0f);
        const float odds = (1.0f + prior) * vb_exp2(slope * g);
        const float q = odds / (1.0f + odds);
        const float smooth = absence[k] + VB_NOISE_SMOOTH * (q - absence[k]);
        const float hops = smooth < VB_NOISE_STUCK ? vb_min(held[k] + 1.0f, VB_NOISE_LONG) : 0.0f;
        const float wait = k < VB_NOISE_HUM ? 0.0f : VB_NOISE_LONG;
        const float leak = hops > 0.0f && (hops <= VB_NOISE_SHORT || hops >= wait) ? VB_NOISE_STUCK : 0.0f;
        absence[k] = smooth;
        held[k] = hops;
        noise[k] += VB_NOISE_UPDATE * vb_max(q, leak) * (power[k] - noise[k]);
    }
}

/*
 * The lowest bins: `low` keeps their smoothed power, `base` its minimum. The noise is at least what the minimum says.
 * A minimum that has stood for VB_NOISE_STAND hops rises until the power meets it.
 */
VB_INLINE void vb_noise_hum(const float *restrict power, float *restrict low, float *restrict base,
                            float *restrict stood, float *restrict noise) {
    for (int k = 0; k < VB_DENOISE_LOW; k++) {
        low[k] += VB_NOISE_LOW * (power[k] - low[k]);
        base[k] *= stood[k] < VB_NOISE_STAND ? 1.0f : VB_NOISE_RISE;
        stood[k] = low[k] < base[k] ? 0.0f : vb_min(stood[k] + 1.0f, VB_NOISE_STAND);
        base[k] = vb_min(base[k], low[k]);
        noise[k] = vb_max(noise[k], base[k] * VB_NOISE_BASE);
    }
}

#endif
