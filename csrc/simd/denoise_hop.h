/*
 * denoise_hop.h - one hop of the suppressor, from `pending` to `dst`.
 */
#ifndef VB_SIMD_DENOISE_HOP_H
#define VB_SIMD_DENOISE_HOP_H

#include <string.h>

#include "../vb_denoise.h"
#include "../vb_denoise_state.h"
#include "../vb_fft.h"
#include "denoise_bands.h"
#include "denoise_call.h"
#include "denoise_clicks.h"
#include "denoise_gain.h"
#include "denoise_noise.h"

/* Up to the smallest step of G.711 a hop is idle, a dropout perhaps: not the noise that the tracker should learn. */
#define VB_HOP_IDLE (8.5f / 32768.0f)

enum {
    VB_HOP_START = 40, /* frames that make the first estimate of the noise */
    VB_HOP_PAUSE = 2   /* frames that show a hop of pause: in the first it is at the end, in the second in the middle */
};

VB_INLINE float vb_hop_sum(int n, const float *restrict x) {
    float lanes[VB_DENOISE_LANES] = {0.0f};
    for (int k = 0; k < n; k += VB_DENOISE_LANES)
        for (int i = 0; i < VB_DENOISE_LANES; i++)
            lanes[i] += x[k + i];
    for (int half = VB_DENOISE_LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            lanes[i] += lanes[i + half];
    return lanes[0];
}

/* What of a sum is above the bins of hum. */
VB_INLINE float vb_hop_above(float sum, const float *restrict x) {
    for (int k = 0; k < VB_BANDS_FIRST; k++)
        sum -= x[k];
    return vb_max(sum, 1e-10f);
}

/* Note whether the pending hop is a pause: far less loud than those before, a constant offset left out. */
VB_INLINE void vb_hop_listen(struct vb_denoise *d, int hop) {
    float square[VB_DENOISE_MAX_HOP];
    const float mean = vb_hop_sum(hop, d->pending) / (float)hop;
    for (int j = 0; j < hop; j++)
        square[j] = (d->pending[j] - mean) * (d->pending[j] - mean);
    const float loud = vb_hop_sum(hop, square) + 1e-10f;
    d->n_pause = loud < VB_NOISE_QUIET * d->loud ? VB_HOP_PAUSE : d->n_pause > 0 ? d->n_pause - 1 : 0;
    d->loud = vb_max(loud, VB_NOISE_FADE * d->loud);
}

/* The suppression proper: re and im are multiplied by the gain. n bins, room for whole lanes. */
VB_INLINE void vb_hop_suppress(struct vb_denoise *d, int hop, int points, int track, float *restrict re,
                               float *restrict im) {
    enum { ROOM = VB_DENOISE_MAX_BINS };
    float power[ROOM], posterior[ROOM], prior_now[ROOM], local[ROOM], wide[ROOM], sure[ROOM], keep[ROOM], gain[ROOM];
    const int n = points / 2 + 1;
    const int room = (n + VB_DENOISE_LANES - 1) / VB_DENOISE_LANES * VB_DENOISE_LANES;
    for (int k = 0; k < room; k++)
        power[k] = re[k] * re[k] + im[k] * im[k] + 1e-10f;
    const int first = d->n_start == 0;
    if (track && d->n_start < VB_HOP_START) {
        vb_noise_start(n, room, d->n_start, power, d->absence, d->recent, d->least, d->noise);
        memcpy(d->low, power, sizeof d->low);
        for (int k = 0; k < VB_DENOISE_LOW; k++)
            d->base[k] = d->noise[k] * (1.0f / VB_NOISE_BASE);
        if (++d->n_start == VB_HOP_START)
            for (int k = 0; k < room; k++)
                d->absence[k] = 0.5f;
    } else if (track) {
        if (d->n_pause > 0)
            vb_noise_pause(n, room, power, d->noise, d->absence);
        const float clean = vb_call_clean(d, VB_CALL_PRIOR_FROM, VB_CALL_PRIOR_SPAN);
        const float expected = VB_CALL_PRIOR_LEAST + clean * (VB_NOISE_PRIOR - VB_CALL_PRIOR_LEAST);
        vb_noise_track(room, expected, power, d->noise, d->absence, d->held);
        vb_bands_follow(d, n, room, power);
        vb_noise_hum(power, d->low, d->base, d->stood, d->noise);
    }
    if (first)
        for (int k = 0; k < room; k++)
            d->speech[k] = 0.016f * d->noise[k];
    vb_gain_prior(n, room, power, d->noise, d->speech, posterior, prior_now);
    const float mean = vb_gain_spread(n, room, first ? 1.0f : VB_GAIN_PRIOR_SHARE, prior_now, d->prior, local, wide);
    const float frame = vb_gain_map(vb_log2(mean), -10.0f, 12.0f);
    for (int k = n; k < room; k++)
        local[k] = wide[k] = 1.0f;
    const float deep = vb_call_clean(d, VB_CALL_FLOOR_FROM, VB_CALL_FLOOR_SPAN);
    const float floor_log2 = d->floor_log2 * (VB_CALL_FLOOR_LEAST + deep * (1.0f - VB_CALL_FLOOR_LEAST));
    vb_gain_apply(room, floor_log2, frame, power, posterior, prior_now, local, wide, d->speech, sure, keep, gain);
    for (int k = n; k < room; k++)
        d->speech[k] = sure[k] = power[k] = 0.0f;
    const float certain = vb_min(vb_hop_sum(room, sure) / vb_hop_sum(room, power) * (1.0f / VB_GAIN_CERTAIN), 1.0f);
    vb_gain_smooth(n, room, certain * certain, keep, gain);
    for (int k = 0; k < n; k++) {
        re[k] *= gain[k];
        im[k] *= gain[k];
    }
    const float speech = vb_hop_sum(room, d->speech), noise = vb_hop_sum(room, d->noise);
    if (d->n_start == VB_HOP_START)
        vb_call_follow(d, certain, vb_hop_above(speech, d->speech), VB_NOISE_LEAN * vb_hop_above(noise, d->noise));
    const float scale = 2.0f / ((float)hop * (float)points); /* Parseval; the window's squares sum to the hop */
    d->noise_power = scale * VB_NOISE_LEAN * noise;
    d->speech_power = scale * speech;
    d->speech_probability = certain;
}

/* `dst` gets the hop that is now finished. */
VB_INLINE void vb_hop_body(struct vb_denoise *d, const float *restrict shape, int hop, int window, int points,
                           float *restrict dst) {
    enum { POINTS = VB_FFT_MAX_POINTS, ROOM = VB_DENOISE_MAX_BINS };
    const int past = window - hop;
    float frame[POINTS], re[ROOM], im[ROOM];
    for (int k = points / 2 + 1; k < ROOM; k++)
        re[k] = im[k] = 0.0f;
    float peak[VB_DENOISE_LANES] = {0.0f};
    for (int j = 0; j < hop; j += VB_DENOISE_LANES)
        for (int i = 0; i < VB_DENOISE_LANES; i++) {
            const float x = d->pending[j + i];
            peak[i] = vb_max(peak[i], vb_max(x, -x));
        }
    for (int i = 1; i < VB_DENOISE_LANES; i++)
        peak[0] = vb_max(peak[0], peak[i]);
    const int most = window / hop;
    d->n_zero = peak[0] > 0.0f ? 0 : d->n_zero < most ? d->n_zero + 1 : most;
    if (peak[0] <= VB_HOP_IDLE && d->n_loud > 0 && d->n_start == VB_HOP_START)
        vb_noise_silence(points / 2 + 1, (points / 2 + VB_DENOISE_LANES) / VB_DENOISE_LANES * VB_DENOISE_LANES,
                         d->noise, d->absence);
    vb_hop_listen(d, hop);
    d->n_loud = peak[0] <= VB_HOP_IDLE ? 0 : d->n_loud < most ? d->n_loud + 1 : most;
    if (d->n_loud < most)
        d->n_swell = 0;

    memcpy(frame, d->history, (size_t)past * sizeof *frame);
    memcpy(frame + past, d->pending, (size_t)hop * sizeof *frame);
    vb_clicks_repair(d, hop, window, frame);
    memcpy(d->history, frame + hop, (size_t)past * sizeof *frame);
    for (int j = 0; j < window; j++)
        frame[j] *= shape[j];
    memset(frame + window, 0, (size_t)(points - window) * sizeof *frame);

    if (d->n_zero < most) {
        vb_fft_forward(points, frame, re, im);
        /* Nothing is taken away before the first window that is full of sound. */
        if (d->n_start > 0 || d->n_loud == most)
            vb_hop_suppress(d, hop, points, d->n_loud == most, re, im);
        vb_fft_inverse(points, re, im, frame);
        const float scale = 2.0f / (float)points;
        for (int j = 0; j < past; j++)
            d->overlap[j] += frame[j] * shape[j] * scale;
        for (int j = past; j < window; j++)
            d->overlap[j] = frame[j] * shape[j] * scale;
    } else {
        memset(d->overlap + past, 0, (size_t)hop * sizeof *d->overlap);
        d->speech_power = d->speech_probability = 0.0f;
    }
    memcpy(dst, d->overlap, (size_t)hop * sizeof *dst);
    memmove(d->overlap, d->overlap + hop, (size_t)past * sizeof *d->overlap);
}

#endif
