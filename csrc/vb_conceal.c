#include "vb_conceal.h"

#include <math.h>
#include <string.h>

#include "vb_math.h"
#include "vb_pitch.h"

enum { BLOCK = 160, MAX_TAIL = 1120 /* 70 ms at 16 kHz: how far an extrapolation reaches */ };
#define PULL 0.9995F /* on the poles of a predictor, so that what it makes fades rather than grows */
#define VOICED 0.85F /* what is as like as this to itself a pitch period ago is no noise */
#define NOISE 0.65F  /* and what is no more like than this may be */
#define FAINT 2.5F   /* times the faintest of 3 s: steady noise is no louder, */
#define LOUD 3.5F    /* and what is this loud stands out from it */

/* Times, in samples. */
static size_t hold_of(uint32_t rate_hz) {
    return rate_hz / 1000 * 30;
}

static size_t fade_of(uint32_t rate_hz) {
    return rate_hz / 1000 * 40;
}

static size_t overlap_of(uint32_t rate_hz) {
    return rate_hz / 200;
}

static size_t history_of(uint32_t rate_hz) {
    return rate_hz / 1000 * 60;
}

static size_t order_of(uint32_t rate_hz) {
    return rate_hz == 8000 ? 128 : VB_AR_MAX_ORDER;
}

/* What an extrapolation of x may reach: a little over its peak, for a sum of tones does not show its own at once. */
static float reach_of(const float *x, size_t n) {
    float peak = 0.0F;
    for (size_t i = 0; i < n; i++) {
        const float v = x[i] < 0.0F ? -x[i] : x[i];
        peak = v > peak ? v : peak;
    }
    return 1.25F * peak;
}

void vb_conceal_init(vb_conceal *c, uint32_t rate_hz, vb_conceal_method method) {
    memset(c, 0, sizeof *c);
    c->rate_hz = rate_hz;
    c->method = (uint32_t)method;
    c->random = 0x9e3779b9U;
    c->drive = 0x85ebca6bU;
    c->floor_rms = INFINITY;
}

int vb_conceal_valid(const vb_conceal *c) {
    if (c->rate_hz != 8000 && c->rate_hz != 16000)
        return 0;
    return c->method <= VB_CONCEAL_PITCH && c->source <= VB_CONCEAL_PITCH && c->live <= 1 && c->joining <= 1 &&
           c->joined <= overlap_of(c->rate_hz) && c->period <= VB_CONCEAL_MAX_CYCLE &&
           c->past_at <= VB_AR_MAX_HISTORY - history_of(c->rate_hz) &&
           (c->source != VB_CONCEAL_PITCH || c->phase < c->period);
}

void vb_conceal_background(vb_conceal *c, float rms, float rho, float floor_rms) {
    c->noise_rms = rms;
    c->floor_rms = floor_rms;
    c->noise_rho = rho;
}

static int16_t to_int16(float v) {
    if (!(v < 32767.0F))
        return 32767;
    return v < -32768.0F ? INT16_MIN : (int16_t)lrintf(v);
}

static void remember(vb_conceal *c, const int16_t *src, size_t n) {
    const size_t h = history_of(c->rate_hz);
    if (n >= h) {
        memcpy(c->past, src + (n - h), h * sizeof *src);
        c->past_at = 0;
        return;
    }
    if (c->past_at + h + n > VB_AR_MAX_HISTORY) {
        memmove(c->past, c->past + c->past_at + n, (h - n) * sizeof *src);
        c->past_at = 0;
    } else {
        c->past_at += (uint32_t)n;
    }
    memcpy(c->past + c->past_at + (h - n), src, n * sizeof *src);
}

/* Uniform noise of variance 1. */
static float white(uint32_t *random) {
    uint32_t r = *random;
    r ^= r << 13;
    r ^= r >> 17;
    r ^= r << 5;
    *random = r;
    return ((float)(r >> 8) * (1.0F / 8388608.0F) - 1.0F) * 1.7320508F;
}

/* First-order noise of the background's level and colour. */
static float noise(vb_conceal *c) {
    const float step = sqrtf(1.0F - c->noise_rho * c->noise_rho) * white(&c->random) * c->noise_rms;
    c->noise_last = c->noise_rho * c->noise_last + step;
    return c->noise_last;
}

static float falling(float v, float from, float to) {
    return v >= to ? 0.0F : v <= from ? 1.0F : (to - v) / (to - from);
}

/*
 * Is the past steady noise? A prediction of that dies away unless it is driven by what cannot be predicted of it; one
 * of a voice must not be driven.
 */
static void judge_noise(vb_conceal *c, const float *x, size_t h) {
    const float power = vb_ar_dot(x, x, h), rms = sqrtf(power / (float)h);
    float match;
    if (!(rms < LOUD * c->floor_rms) || !isfinite(c->floor_rms))
        return;
    vb_pitch_lag(x + h - vb_pitch_span(c->rate_hz), c->rate_hz, &match);
    c->noisy = falling(rms / c->floor_rms, FAINT, LOUD) * falling(match, NOISE, VOICED);
    if (c->noisy > 0.5F && c->noise_rms < c->floor_rms) { /* louder than what a pause detector calls a pause */
        const float rho = vb_ar_dot(x, x + 1, h - 1) / power;
        c->noise_rms = rms;
        c->noise_rho = rho > 0.9F ? 0.9F : rho < -0.9F ? -0.9F : rho;
    }
}

static int silent(const float *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (x[i] >= 4.0F || x[i] <= -4.0F)
            return 0;
    return 1;
}

/* One pitch period, its end blended with what lies ahead of its start, so that it can be repeated. */
static size_t take_cycle(const float *end, uint32_t rate_hz, float *cycle) {
    float match;
    const size_t p = vb_pitch_lag(end - vb_pitch_span(rate_hz), rate_hz, &match), q = p / 4;
    memcpy(cycle, end - p, p * sizeof *cycle);
    for (size_t i = 0; i < q; i++) {
        const float up = (float)(i + 1) / (float)(q + 1);
        cycle[p - q + i] = cycle[p - q + i] * (1.0F - up) + *(end - p - q + i) * up;
    }
    return p;
}

/* Open a hole: choose and fit what will run on from the past. */
static void open_hole(vb_conceal *c, vb_conceal_method method) {
    const size_t h = history_of(c->rate_hz), order = order_of(c->rate_hz), recent = c->rate_hz / 50;
    float x[VB_AR_MAX_HISTORY];
    for (size_t i = 0; i < h; i++)
        x[i] = (float)c->past[c->past_at + i];
    c->live = 1;
    c->age = 0;
    c->joining = 0;
    c->joined = 0;
    c->noisy = 0.0F;
    if (silent(x + h - recent, recent)) {
        c->source = VB_CONCEAL_AUTO;
        return;
    }
    judge_noise(c, x, h);
    if (method == VB_CONCEAL_PITCH) {
        c->source = VB_CONCEAL_PITCH;
        c->period = (uint32_t)take_cycle(x + h, c->rate_hz, c->cycle);
        c->phase = 0;
    } else {
        c->source = VB_CONCEAL_AR;
        c->driven = c->noisy * sqrtf(vb_ar_fit(x, h, c->coef, order));
        vb_ar_pull(c->coef, order, PULL);
        c->most = reach_of(x, h);
        memcpy(c->line, x + h - order, order * sizeof *x);
    }
}

/* Does the predictor explain the past nearly whole, as it does with tones? Those no repetition of a cycle can carry on.
 */
static int predictable(const vb_conceal *c) {
    enum { TRIED = 80 };
    const size_t order = order_of(c->rate_hz), from = history_of(c->rate_hz) - order - TRIED;
    float x[VB_AR_MAX_ORDER + TRIED], error[TRIED];
    for (size_t i = 0; i < order + TRIED; i++)
        x[i] = (float)c->past[c->past_at + from + i];
    for (size_t i = 0; i < TRIED; i++)
        error[i] = x[order + i] - vb_ar_dot(c->coef, x + i, order);
    return vb_ar_dot(error, error, TRIED) < 1e-3F * vb_ar_dot(x + order, x + order, TRIED);
}

/* The next n <= BLOCK samples of the extrapolation at full level. */
static void run_on(vb_conceal *c, float *dst, size_t n) {
    if (c->source == VB_CONCEAL_AR) {
        const size_t order = order_of(c->rate_hz);
        float line[VB_AR_MAX_ORDER + BLOCK];
        memcpy(line, c->line, order * sizeof *line);
        for (size_t i = 0; i < n; i++)
            line[order + i] = c->driven > 0.0F ? c->driven * white(&c->drive) : 0.0F;
        vb_ar_extend(c->coef, order, line, n, c->most);
        memcpy(dst, line + order, n * sizeof *dst);
        memcpy(c->line, line + n, order * sizeof *line);
    } else if (c->source == VB_CONCEAL_PITCH) {
        for (size_t i = 0; i < n; i++) {
            dst[i] = c->cycle[c->phase];
            c->phase = c->phase + 1 < c->period ? c->phase + 1 : 0;
        }
    } else {
        memset(dst, 0, n * sizeof *dst);
    }
}

static float level_at(const vb_conceal *c, uint64_t age) {
    const size_t hold = hold_of(c->rate_hz), fade = fade_of(c->rate_hz);
    if (age <= hold)
        return c->source == VB_CONCEAL_AUTO ? 0.0F : 1.0F;
    return age >= hold + fade || c->source == VB_CONCEAL_AUTO ? 0.0F : 1.0F - (float)(age - hold) / (float)fade;
}

/* The next n <= BLOCK samples as they are heard: faded into the background. */
static void faded(vb_conceal *c, float *dst, size_t n) {
    /* Just as far as it is heard, for what drives it is drawn sample by sample, and must not depend on the blocks. */
    const size_t end = c->source == VB_CONCEAL_AUTO ? 0 : hold_of(c->rate_hz) + fade_of(c->rate_hz);
    const size_t heard = c->age >= end ? 0 : end - c->age < n ? end - (size_t)c->age : n;
    run_on(c, dst, heard);
    memset(dst + heard, 0, (n - heard) * sizeof *dst);
    for (size_t i = 0; i < n; i++) {
        const float g = level_at(c, c->age + i);
        if (g < 1.0F)
            dst[i] = dst[i] * g + noise(c) * (1.0F - g);
    }
    c->age += n;
}

void vb_conceal_open(vb_conceal *c, vb_conceal_method method) {
    if (!c->live || c->joining)
        open_hole(c, method);
}

void vb_conceal_lost(vb_conceal *c, int16_t *dst, size_t n) {
    if (n == 0)
        return;
    vb_conceal_open(c, (vb_conceal_method)c->method);
    float y[BLOCK];
    for (size_t at = 0; at < n; at += BLOCK) {
        const size_t m = n - at < BLOCK ? n - at : BLOCK;
        faded(c, y, m);
        for (size_t i = 0; i < m; i++)
            dst[at + i] = to_int16(y[i]);
    }
    remember(c, dst, n);
}

void vb_conceal_peek(vb_conceal *c, float *dst, size_t n) {
    vb_conceal_open(c, (vb_conceal_method)c->method);
    vb_conceal copy = *c;
    for (size_t at = 0; at < n; at += BLOCK)
        faded(&copy, dst + at, n - at < BLOCK ? n - at : BLOCK);
}

void vb_conceal_heard(vb_conceal *c, const int16_t *src, size_t n) {
    if (n == 0)
        return;
    c->live = 0;
    c->joining = 0;
    remember(c, src, n);
}

void vb_conceal_good(vb_conceal *c, const int16_t *src, int16_t *dst, size_t n) {
    if (n == 0)
        return;
    if (dst != src)
        memcpy(dst, src, n * sizeof *dst);
    if (c->live) {
        const size_t overlap = overlap_of(c->rate_hz);
        const size_t m = n < overlap - c->joined ? n : overlap - c->joined;
        float y[BLOCK];
        c->joining = 1;
        faded(c, y, m);
        for (size_t i = 0; i < m; i++) {
            const float up = (float)(c->joined + i + 1) / (float)(overlap + 1);
            dst[i] = to_int16((float)src[i] * up + y[i] * (1.0F - up));
        }
        c->joined += (uint32_t)m;
        if (c->joined == overlap)
            c->live = c->joining = 0;
    }
    remember(c, dst, n);
}

/* The right half of a bridge: n samples that lead up to next, at full level, written to z in playing order. */
static void run_back(vb_conceal *c, vb_conceal_method method, const int16_t *next, size_t n_next, float *z, size_t n) {
    const size_t most = c->rate_hz / 50, half = order_of(c->rate_hz) / 2, span = vb_pitch_span(c->rate_hz);
    float line[VB_PITCH_MAX_SPAN + MAX_TAIL];
    const size_t h = n_next < most ? n_next : most;
    /* The future, time reversed: its first sample comes last. */
    for (size_t i = 0; i < h; i++)
        line[i] = (float)next[h - 1 - i];
    memset(z, 0, n * sizeof *z);
    if (h < 36 || silent(line, h))
        return;
    if (method == VB_CONCEAL_PITCH) {
        float cycle[VB_CONCEAL_MAX_CYCLE], known[VB_PITCH_MAX_SPAN] = {0};
        const size_t k = n_next < span ? n_next : span;
        for (size_t i = 0; i < k; i++)
            known[span - 1 - i] = (float)next[i];
        const size_t p = take_cycle(known + span, c->rate_hz, cycle);
        for (size_t i = 0; i < n; i++)
            z[n - 1 - i] = cycle[i % p];
        return;
    }
    const size_t order = (h - 20) / 2 < half ? (h - 20) / 2 : half;
    const float most_level = reach_of(line, h);
    float coef[VB_AR_MAX_ORDER];
    const float error = sqrtf(vb_ar_fit(line, h, coef, order)), drive = c->noisy * error;
    vb_ar_pull(coef, order, PULL);
    memmove(line, line + h - order, order * sizeof *line);
    for (size_t i = 0; i < n; i++)
        line[order + i] = drive > 0.0F ? drive * white(&c->drive) : 0.0F;
    vb_ar_extend(coef, order, line, n, most_level);
    for (size_t i = 0; i < n; i++)
        z[n - 1 - i] = line[order + i];
}

void vb_conceal_bridge(vb_conceal *c, int16_t *dst, size_t n, const int16_t *next, size_t n_next) {
    vb_conceal_bridge_ring(c, dst, n, 0, n, next, n_next);
}

void vb_conceal_bridge_ring(vb_conceal *c, int16_t *ring, size_t cap, size_t at, size_t n, const int16_t *next,
                            size_t n_next) {
    if (n == 0) {
        c->live = c->joining = 0;
        return;
    }
    vb_conceal_method method = c->method == VB_CONCEAL_PITCH ? VB_CONCEAL_PITCH : VB_CONCEAL_AR;
    if (!c->live || c->joining) {
        open_hole(c, method);
        if (c->method == VB_CONCEAL_AUTO && n > hold_of(c->rate_hz) && c->source == VB_CONCEAL_AR && !predictable(c))
            open_hole(c, method = VB_CONCEAL_PITCH);
    }
    const size_t tail = hold_of(c->rate_hz) + fade_of(c->rate_hz), reach = n < tail ? n : tail;
    const size_t hold = hold_of(c->rate_hz);
    const uint64_t began = c->age;
    float y[MAX_TAIL], z[MAX_TAIL];
    memset(y, 0, reach * sizeof *y);
    for (size_t k = 0; k < reach; k += BLOCK)
        run_on(c, y + k, reach - k < BLOCK ? reach - k : BLOCK);
    run_back(c, method, next, n_next, z, reach);
    for (size_t i = began + reach > hold ? 0 : reach; i < reach; i++)
        y[i] *= level_at(c, began + i);
    for (size_t i = 0; i + hold + 1 < reach; i++) /* reach - 1 - i samples before the right end */
        z[i] *= 1.0F - (float)(reach - 1 - i - hold) / (float)(tail - hold);
    /* How far the two sides agree where both are heard. */
    float agree = 0.0F;
    if (n < 2 * tail) {
        const size_t first = n - reach;
        const float both = vb_ar_dot(y + first, z, reach - first);
        const float power = sqrtf(vb_ar_dot(y, y, reach)) * sqrtf(vb_ar_dot(z, z, reach));
        agree = both > 0.0F ? both / (power > 1.0F ? power : 1.0F) : 0.0F;
    }
    vb_fade fade = vb_fade_begin(n);
    for (size_t i = 0; i < n; i++) {
        const float left = i < reach ? y[i] : 0.0F, right = i + reach >= n ? z[i + reach - n] : 0.0F;
        const float w = vb_fade_next(&fade);
        const float power = (1.0F - w) * (1.0F - w) + w * w + 2.0F * w * (1.0F - w) * agree;
        const float up = 1.0F / sqrtf(power);
        float v = (left * (1.0F - w) + right * w) * (up < 1.3F ? up : 1.3F);
        const size_t edge = i < n - 1 - i ? i : n - 1 - i;
        if (edge > hold || c->source == VB_CONCEAL_AUTO)
            v += noise(c) * (1.0F - level_at(c, edge));
        const size_t to = at + i < cap ? at + i : at + i - cap;
        ring[to] = to_int16(v);
    }
    c->live = c->joining = 0;
    const size_t first = n < cap - at ? n : cap - at;
    remember(c, ring + at, first);
    remember(c, ring, n - first);
}
