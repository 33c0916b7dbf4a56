#include "simd/sound_voice.h"
#include "vb_fft.h"
#include "vb_sound_parts.h"

enum {
    POINTS = VB_SOUND_POINTS,
    BINS = VB_SOUND_BINS,
    BANDS = VB_SOUND_BANDS,
    LAGS = VB_SOUND_LAGS,
    INPUTS = VB_SOUND_INPUTS,
    HIDDEN = VB_SOUND_HIDDEN,
    EVERY = 3 /* frames: 60 ms from one transform to the next */
};

typedef struct {
    void (*decimate)(const int16_t *restrict src, size_t step, const float *restrict taps, float *restrict dst,
                     size_t n_dst);
    void (*window)(const float *restrict src, float *restrict dst);
    float (*bands)(float *restrict re, const float *restrict im, float *restrict band);
    void (*layers)(const float *restrict in, float *restrict sum, float *restrict square);
} loops;

#define LOOPS(level, target)                                                                                           \
    target static void decimate_##level(const int16_t *restrict src, size_t step, const float *restrict taps,          \
                                        float *restrict dst, size_t n_dst) {                                           \
        vb_sound_decimate_body(src, step, taps, dst, n_dst);                                                           \
    }                                                                                                                  \
    target static void window_##level(const float *restrict src, float *restrict dst) {                                \
        vb_sound_window_body(src, dst);                                                                                \
    }                                                                                                                  \
    target static float bands_##level(float *restrict re, const float *restrict im, float *restrict band) {            \
        return vb_sound_bands_body(re, im, band);                                                                      \
    }                                                                                                                  \
    target static void layers_##level(const float *restrict in, float *restrict sum, float *restrict square) {         \
        vb_sound_layers_body(in, sum, square);                                                                         \
    }                                                                                                                  \
    static const loops at_##level = {decimate_##level, window_##level, bands_##level, layers_##level};

VB_LEVELS(LOOPS)

void vb_sound_voice_select(vb_simd level) {
    run = levels[level];
    vb_fft_select(level);
}

/* Append a frame at 8 kHz: a low-pass at each n-th sample, then, for rates between, straight lines. */
static void take(vb_sound *s, const int16_t *x) {
    static const float *const taps[] = {NULL,
                                        NULL,
                                        vb_sound_decimate_2,
                                        vb_sound_decimate_3,
                                        vb_sound_decimate_4,
                                        vb_sound_decimate_5,
                                        vb_sound_decimate_6};
    vb_sound_voice *v = &s->w->voice;
    const size_t n = s->frame, step = s->rate_hz / VB_SOUND_MIN_HZ, n_taps = VB_SOUND_TAPS * step;
    float low[VB_SOUND_LOW];
    size_t n_low = 0;
    if (step == 1) {
        for (size_t i = 0; i < n; i++)
            low[i] = x[i];
        n_low = n;
    } else {
        int16_t line[VB_SOUND_TAPS * VB_SOUND_STEPS + VB_SOUND_MAX_FRAME + VB_SOUND_STEPS];
        memcpy(line, v->line, n_taps * sizeof *line);
        memcpy(line + n_taps, x, n * sizeof *x);
        memset(line + n_taps + n, 0, VB_SOUND_STEPS * sizeof *line);
        n_low = (n - v->skip + step - 1) / step;
        run->decimate(line + v->skip, step, taps[step], low, n_low);
        v->skip = (uint32_t)(v->skip + n_low * step - n);
        memcpy(v->line, line + n, n_taps * sizeof *line);
    }
    if (step * VB_SOUND_MIN_HZ != s->rate_hz) { /* n_low at rate_hz / step, to 160 at 8000 */
        const uint32_t stride = (uint32_t)(((uint64_t)s->rate_hz << 16) / (step * VB_SOUND_MIN_HZ));
        const float newest = low[n_low - 1];
        float even[VB_SOUND_LOW] = {0.0f};
        size_t n_even = 0;
        /* From the sample that ended the last frame. */
        for (; v->between < (uint32_t)n_low << 16; v->between += stride) {
            const size_t k = v->between >> 16;
            const float a = k > 0 ? low[k - 1] : v->latest, part = (float)(v->between & 0xffff) * (1.0f / 65536);
            even[n_even++] = a + (low[k] - a) * part;
        }
        v->between -= (uint32_t)n_low << 16;
        v->latest = newest;
        memcpy(low, even, n_even * sizeof *low);
        n_low = n_even;
    }
    memmove(v->past, v->past + n_low, (POINTS - n_low) * sizeof *v->past);
    memcpy(v->past + POINTS - n_low, low, n_low * sizeof *low);
}

/* What the network sees: levels of the bands less their mean, likeness at each pitch, and how the levels changed. */
static float measure(vb_sound_voice *v, float *restrict in, float *restrict grain) {
    float wave[POINTS], re[BINS + 7], im[BINS + 7], mean = 0, best = 0;
    run->window(v->past, wave);
    vb_fft_forward(POINTS, wave, re, im);
    *grain = run->bands(re, im, in);
    for (size_t b = 0; b < BANDS; b++)
        mean += in[b];
    mean *= 1.0f / BANDS;
    v->bands = mean;
    for (size_t b = 0; b < BANDS; b++) {
        in[b] -= mean;
        in[BANDS + LAGS + b] = v->has_band ? in[b] - v->band[b] : 0.0f;
        v->band[b] = in[b];
    }
    v->has_band = 1;
    memset(im, 0, sizeof im);
    vb_fft_inverse(POINTS, re, im, wave);
    const float scale = 4.0f / (wave[0] + 1.0f);
    for (size_t k = 0; k < LAGS; k++) {
        float most = wave[vb_sound_lag_edge[k]];
        for (size_t lag = vb_sound_lag_edge[k] + 1u; lag < vb_sound_lag_edge[k + 1]; lag++)
            most = vb_max(most, wave[lag]);
        in[BANDS + k] = most * scale;
        best = vb_max(best, most * scale);
    }
    return best * 0.25f;
}

void vb_sound_voice_rates(const vb_sound_voice *v, float *score) {
    float pool[2 * HIDDEN], three[VB_SOUND_THIRD];
    const float n = 1.0f / (float)(v->n > 0 ? v->n : 1);
    for (size_t o = 0; o < HIDDEN; o++) {
        const float mean = v->sum[o] * n, spread = v->square[o] * n - mean * mean;
        pool[o] = mean;
        pool[HIDDEN + o] = sqrtf(vb_max(spread, 0.0f) + 1e-3f);
    }
    memcpy(three, vb_sound_bias_3, sizeof three);
    for (size_t i = 0; i < 2 * HIDDEN; i++)
        for (size_t o = 0; o < VB_SOUND_THIRD; o++)
            three[o] += pool[i] * vb_sound_weight_3[i][o];
    memcpy(score, vb_sound_bias_4, VB_SOUND_RATES * sizeof *score);
    for (size_t i = 0; i < VB_SOUND_THIRD; i++)
        for (size_t o = 0; o < VB_SOUND_RATES; o++)
            score[o] += vb_max(three[i], 0.0f) * vb_sound_weight_4[i][o];
}

void vb_sound_voice_frame(vb_sound *s, const int16_t *x, const vb_sound_sums *m) {
    vb_sound_voice *v = &s->w->voice;
    const int64_t power = m->energy / (int64_t)s->frame;
    const int audible = power >= 34; /* -75 dBov */
    const uint32_t sounded = v->sounded, was_audible = v->was_audible;
    v->sounded = m->sounds;
    v->was_audible = (uint32_t)audible;
    take(s, x);
    if (!audible)
        return;
    s->w->soft += !m->sounds;
    const int32_t level = vb_sound_log2((uint64_t)power); /* 256 are 3.01 dB */
    const size_t bin = (size_t)level >> 8;
    v->levels[bin]++;
    v->level_energy[bin] += (double)power;
    if (m->sounds) {
        v->level_sum += level;
        v->level_square += (int64_t)level * level;
    }
    if (++v->turn % EVERY != 0 || !was_audible)
        return;
    float in[INPUTS], grain;
    const float likeness = measure(v, in, &grain);
    if (!sounded) {
        v->soft_seen++;
        v->soft_voiced += likeness > 0.35f;
        return;
    }
    run->layers(in, v->sum, v->square);
    for (size_t b = 0; b < BANDS; b++)
        v->long_term[b] += in[b] + v->bands;
    v->n++;
    v->grain_sum += grain;
    v->grained += grain > 1.15f;
    v->bands_sum += v->bands;
    v->bands_square += v->bands * v->bands;
    v->likeness_sum += likeness;
}
