#include <string.h>

#include "vb_conceal_parts.h"
#include "vb_pitch.h"

#define VOICED 0.85F /* what is as like as this to itself a pitch period ago is no noise */
#define NOISE 0.65F  /* and what is no more like than this may be */
#define FAINT 2.5F   /* times the faintest of 3 s: steady noise is no louder, */
#define LOUD 3.5F    /* and what is this loud stands out from it */

static size_t overlap_of(uint32_t rate_hz) {
    return rate_hz / 200;
}

/* What an extrapolation of x may reach: a little over its peak, for a sum of tones does not show its own at once. */
float vb_conceal_reach(const float *x, size_t n) {
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
           c->past_at <= VB_AR_MAX_HISTORY - vb_conceal_history(c->rate_hz) &&
           (c->source != VB_CONCEAL_PITCH || c->phase < c->period);
}

void vb_conceal_background(vb_conceal *c, float rms, float rho, float floor_rms) {
    c->noise_rms = rms;
    c->floor_rms = floor_rms;
    c->noise_rho = rho;
}

void vb_conceal_remember(vb_conceal *c, const int16_t *src, size_t n) {
    const size_t h = vb_conceal_history(c->rate_hz);
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

int vb_conceal_silent(const float *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (x[i] >= 4.0F || x[i] <= -4.0F)
            return 0;
    return 1;
}

void vb_conceal_cycle(const float *end, size_t p, float *cycle) {
    const size_t q = p / 4;
    memcpy(cycle, end - p, p * sizeof *cycle);
    for (size_t i = 0; i < q; i++) {
        const float up = (float)(i + 1) / (float)(q + 1);
        cycle[p - q + i] = cycle[p - q + i] * (1.0F - up) + *(end - p - q + i) * up;
    }
}

void vb_conceal_repeat(vb_conceal *c, size_t p) {
    const size_t h = vb_conceal_history(c->rate_hz), n = p + p / 4;
    float x[VB_PITCH_MAX_SPAN];
    for (size_t i = 0; i < n; i++)
        x[i] = (float)c->past[c->past_at + h - n + i];
    c->source = VB_CONCEAL_PITCH;
    c->period = (uint32_t)p;
    c->phase = 0;
    vb_conceal_cycle(x + n, p, c->cycle);
}

void vb_conceal_begin(vb_conceal *c, vb_conceal_method method, const int16_t *next, size_t n_next) {
    const size_t h = vb_conceal_history(c->rate_hz), order = vb_conceal_order(c->rate_hz), recent = c->rate_hz / 50;
    float x[VB_AR_MAX_HISTORY];
    for (size_t i = 0; i < h; i++)
        x[i] = (float)c->past[c->past_at + i];
    c->live = 1;
    c->age = 0;
    c->joining = 0;
    c->joined = 0;
    c->noisy = 0.0F;
    if (vb_conceal_silent(x + h - recent, recent)) {
        c->source = VB_CONCEAL_AUTO;
        return;
    }
    judge_noise(c, x, h);
    if (method == VB_CONCEAL_PITCH) {
        float match;
        vb_conceal_repeat(c, vb_pitch_lag(x + h - vb_pitch_span(c->rate_hz), c->rate_hz, &match));
    } else {
        float beyond[VB_AR_MAX_HISTORY];
        const size_t n = n_next < recent ? n_next : recent;
        for (size_t i = 0; i < n; i++)
            beyond[i] = (float)next[i];
        c->source = VB_CONCEAL_AR;
        /* Where the other side is known, what is long ago would only stand in its way. */
        const size_t from = n > 0 ? h / 4 : 0;
        const float error = vb_ar_fit(x + from, h - from, beyond, n, VB_CONCEAL_BESIDE, c->coef, order);
        c->driven = c->noisy * sqrtf(error);
        vb_ar_pull(c->coef, order, VB_CONCEAL_PULL);
        c->most = vb_conceal_reach(x, h);
        memcpy(c->line, x + h - order, order * sizeof *x);
    }
}

int vb_conceal_predicts(const vb_conceal *c, const float *x, size_t n) {
    const size_t order = vb_conceal_order(c->rate_hz);
    float power = 0.0F, error = 0.0F;
    for (size_t i = 0; i < n; i++) {
        const float e = x[i] - vb_ar_dot(c->coef, x + i - order, order);
        power += x[i] * x[i];
        error += e * e;
    }
    return error < 1e-3F * power;
}

void vb_conceal_run_on(vb_conceal *c, float *dst, size_t n) {
    if (c->source == VB_CONCEAL_AR) {
        const size_t order = vb_conceal_order(c->rate_hz);
        float line[VB_AR_MAX_ORDER + VB_CONCEAL_BLOCK];
        memcpy(line, c->line, order * sizeof *line);
        for (size_t i = 0; i < n; i++)
            line[order + i] = c->driven > 0.0F ? c->driven * vb_conceal_white(&c->drive) : 0.0F;
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

/* The next n <= VB_CONCEAL_BLOCK samples as they are heard: faded into the background. */
static void faded(vb_conceal *c, float *dst, size_t n) {
    /* Just as far as it is heard, for what drives it is drawn sample by sample, and must not depend on the blocks. */
    const size_t end = c->source == VB_CONCEAL_AUTO ? 0 : vb_conceal_hold(c->rate_hz) + vb_conceal_fade(c->rate_hz);
    const size_t heard = c->age >= end ? 0 : end - c->age < n ? end - (size_t)c->age : n;
    vb_conceal_run_on(c, dst, heard);
    memset(dst + heard, 0, (n - heard) * sizeof *dst);
    for (size_t i = 0; i < n; i++) {
        const float g = vb_conceal_level(c, c->age + i);
        if (g < 1.0F)
            dst[i] = dst[i] * g + vb_conceal_noise(c) * (1.0F - g);
    }
    c->age += n;
}

void vb_conceal_open(vb_conceal *c, vb_conceal_method method) {
    if (!c->live || c->joining)
        vb_conceal_begin(c, method, NULL, 0);
}

void vb_conceal_lost(vb_conceal *c, int16_t *dst, size_t n) {
    if (n == 0)
        return;
    vb_conceal_open(c, (vb_conceal_method)c->method);
    float y[VB_CONCEAL_BLOCK];
    for (size_t at = 0; at < n; at += VB_CONCEAL_BLOCK) {
        const size_t m = n - at < VB_CONCEAL_BLOCK ? n - at : VB_CONCEAL_BLOCK;
        faded(c, y, m);
        for (size_t i = 0; i < m; i++)
            dst[at + i] = vb_conceal_int16(y[i]);
    }
    vb_conceal_remember(c, dst, n);
}

void vb_conceal_peek(vb_conceal *c, float *dst, size_t n) {
    vb_conceal_open(c, (vb_conceal_method)c->method);
    vb_conceal copy = *c;
    for (size_t at = 0; at < n; at += VB_CONCEAL_BLOCK)
        faded(&copy, dst + at, n - at < VB_CONCEAL_BLOCK ? n - at : VB_CONCEAL_BLOCK);
}

void vb_conceal_heard(vb_conceal *c, const int16_t *src, size_t n) {
    if (n == 0)
        return;
    c->live = 0;
    c->joining = 0;
    vb_conceal_remember(c, src, n);
}

const int16_t *vb_conceal_last(const vb_conceal *c, size_t n) {
    return c->past + c->past_at + (vb_conceal_history(c->rate_hz) - n);
}

void vb_conceal_good(vb_conceal *c, const int16_t *src, int16_t *dst, size_t n) {
    if (n == 0)
        return;
    if (dst != src)
        memcpy(dst, src, n * sizeof *dst);
    if (c->live) {
        const size_t overlap = overlap_of(c->rate_hz);
        const size_t m = n < overlap - c->joined ? n : overlap - c->joined;
        float y[VB_CONCEAL_BLOCK];
        c->joining = 1;
        faded(c, y, m);
        for (size_t i = 0; i < m; i++) {
            const float up = (float)(c->joined + i + 1) / (float)(overlap + 1);
            dst[i] = vb_conceal_int16((float)src[i] * up + y[i] * (1.0F - up));
        }
        c->joined += (uint32_t)m;
        if (c->joined == overlap)
            c->live = c->joining = 0;
    }
    vb_conceal_remember(c, dst, n);
}
