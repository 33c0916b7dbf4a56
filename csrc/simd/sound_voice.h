/* sound_voice.h - the hot loops over what is heard of a voice: rate of analysis, spectrum, network. */
#ifndef VB_SIMD_SOUND_VOICE_H
#define VB_SIMD_SOUND_VOICE_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "../vb_sound.h"
#include "../vb_sound_net.h"
#include "../vb_sound_tables.h"
#include "fastmath.h"

enum {
    VB_SOUND_BINS = VB_SOUND_POINTS / 2 + 1,
    VB_SOUND_STEPS = VB_SOUND_MAX_HZ / VB_SOUND_MIN_HZ,
    VB_SOUND_TAPS = 8, /* of each of the filter's phases */
    VB_SOUND_LOW = VB_SOUND_MAX_FRAME / 2 + 16
};

/* n_dst outputs of a low-pass, one for each `step` samples of src, which holds (n_dst + VB_SOUND_TAPS) * step. */
VB_INLINE void vb_sound_decimate_body(const int16_t *restrict src, size_t step, const float *restrict taps,
                                      float *restrict dst, size_t n_dst) {
    float phase[VB_SOUND_LOW + VB_SOUND_TAPS], sum[VB_SOUND_LOW] = {0};
    for (size_t d = 0; d < step; d++) {
        for (size_t i = 0; i < n_dst + VB_SOUND_TAPS; i++)
            phase[i] = src[i * step + d];
        for (size_t k = 0; k < VB_SOUND_TAPS; k += 4) {
            const float a = taps[k * step + d], b = taps[(k + 1) * step + d], c = taps[(k + 2) * step + d],
                        e = taps[(k + 3) * step + d];
            for (size_t i = 0; i < n_dst; i++)
                sum[i] += (a * phase[i + k] + b * phase[i + k + 1]) + (c * phase[i + k + 2] + e * phase[i + k + 3]);
        }
    }
    for (size_t i = 0; i < n_dst; i++)
        dst[i] = sum[i];
}

VB_INLINE void vb_sound_window_body(const float *restrict src, float *restrict dst) {
    for (size_t i = 0; i < VB_SOUND_POINTS; i++)
        dst[i] = src[i] * vb_sound_hann[i];
}

/*
 * From a spectrum to log2 of the powers of the bands, and the spectrum's magnitude in re. Returns how much the bins
 * stand out of their bands: 0.7 for noise of any colour, more where there are lines.
 */
VB_INLINE float vb_sound_bands_body(float *restrict re, const float *restrict im, float *restrict band) {
    float power[VB_SOUND_BINS], part[VB_SOUND_BANDS], grain[VB_SOUND_GRAINS / 2 + 8], sum = 0;
    size_t n_grains = 0;
    for (size_t i = 0; i < VB_SOUND_BINS; i++)
        power[i] = re[i] * re[i] + im[i] * im[i];
    for (size_t i = 0; i < VB_SOUND_BINS; i++)
        re[i] = sqrtf(power[i]);
    for (size_t b = 0; b < VB_SOUND_BANDS; b++) {
        const float *bin = &power[vb_sound_band_first[b]];
        float p = 0;
        for (size_t k = 0; k < vb_sound_band_bins[b]; k++)
            p += vb_sound_band_weight[b][k] * bin[k];
        part[b] = p;
        if (b >= VB_SOUND_FIRST_GRAIN) /* whole bins, two at a time, over the band's power squared */
            for (size_t k = 1; k + 2 < vb_sound_band_bins[b]; k += 2)
                grain[n_grains++] = (bin[k] + 1.0f) / (p + 1.0f) * ((bin[k + 1] + 1.0f) / (p + 1.0f));
    }
    for (size_t b = 0; b < VB_SOUND_BANDS; b++)
        band[b] = vb_log2(part[b] + 2.0f * VB_SOUND_POINTS); /* and that of rounding */
    for (size_t i = 0; i < VB_SOUND_GRAINS / 2; i++)
        grain[i] = vb_log2(vb_max(grain[i], 1e-30f));
    for (size_t i = 0; i < VB_SOUND_GRAINS / 2; i++)
        sum -= grain[i];
    return sum * (1.0f / VB_SOUND_GRAINS);
}

/* The two layers of the network that see each frame; what comes out is pooled: its sum and its square. */
VB_INLINE void vb_sound_layers_body(const float *restrict in, float *restrict sum, float *restrict square) {
    float one[VB_SOUND_FIRST], two[VB_SOUND_HIDDEN];
    for (size_t o = 0; o < VB_SOUND_FIRST; o++)
        one[o] = vb_sound_bias_1[o];
    for (size_t i = 0; i < VB_SOUND_INPUTS; i += 4)
        for (size_t o = 0; o < VB_SOUND_FIRST; o++)
            one[o] += (in[i] * vb_sound_weight_1[i][o] + in[i + 1] * vb_sound_weight_1[i + 1][o]) +
                      (in[i + 2] * vb_sound_weight_1[i + 2][o] + in[i + 3] * vb_sound_weight_1[i + 3][o]);
    for (size_t o = 0; o < VB_SOUND_FIRST; o++)
        one[o] = vb_max(one[o], 0.0f);
    for (size_t o = 0; o < VB_SOUND_HIDDEN; o++)
        two[o] = vb_sound_bias_2[o];
    for (size_t i = 0; i < VB_SOUND_FIRST; i += 4)
        for (size_t o = 0; o < VB_SOUND_HIDDEN; o++)
            two[o] += (one[i] * vb_sound_weight_2[i][o] + one[i + 1] * vb_sound_weight_2[i + 1][o]) +
                      (one[i + 2] * vb_sound_weight_2[i + 2][o] + one[i + 3] * vb_sound_weight_2[i + 3][o]);
    for (size_t o = 0; o < VB_SOUND_HIDDEN; o++) {
        const float a = vb_max(two[o], 0.0f);
        sum[o] += a;
        square[o] += a * a;
    }
}

#endif
