#include <string.h>

#include "vb_conceal_parts.h"
#include "vb_math.h"
#include "vb_pitch.h"

enum { MAX_TAIL = 1120, MAX_SLACK = 40 }; /* 70 ms at 16 kHz, how far an extrapolation reaches; what is bent of it */
#define SLACK 0.03F                       /* of a hole: how much time may be bent for its two sides to meet in phase, */
#define ALIKE 0.5F                        /* how alike they must be then, */
#define BENT 2.0F                         /* how much more for bending it by a whole hole, */
#define GAIN 0.1F                         /* and how much more than unbent */
#define REPEATS 0.998F                    /* what is as like as this to itself a period ago is better repeated, */
#define SAME 0.99999F                     /* and this even where it can be predicted */

/* Between the samples of x at t >= 1, by the cubic through the four around it. */
static float between(const float *x, float t) {
    const size_t i = (size_t)t;
    const float u = t - (float)i, before = u + 1.0F, after = u - 1.0F, last = u - 2.0F;
    const float outer = u * after * (before * x[i + 2] - last * x[i - 1]) * (1.0F / 6.0F);
    return outer + 0.5F * before * last * after * x[i] - 0.5F * before * u * last * x[i + 1];
}

/* How like n samples are to others, whatever their levels are: 1 for the same. */
static float likeness(const float *x, const float *y, size_t n) {
    const float power = sqrtf(vb_ar_dot(x, x, n)) * sqrtf(vb_ar_dot(y, y, n));
    return vb_ar_dot(x, y, n) / (power > 1.0F ? power : 1.0F);
}

/*
 * Bend the time of both sides of a hole of n samples so that they meet in phase in its middle: the pitch has gone on
 * while nobody heard. y holds slack more samples after the n, z as many before them, at least 3.
 */
static void meet(float *restrict y, float *restrict z, size_t n, size_t slack) {
    const size_t from = n / 4, half = n - 2 * from;
    const ptrdiff_t most = (ptrdiff_t)slack - 3;
    ptrdiff_t best = 0;
    float highest = ALIKE, straight = 0.0F;
    for (ptrdiff_t d = -most; d <= most; d++) {
        /* The two halves of the shift, of which each side gets one in the middle. */
        const ptrdiff_t left = d / 2, right = d - left;
        const float *p = y + (ptrdiff_t)from + left, *q = z + (ptrdiff_t)(from + slack) - right;
        const float alike = likeness(p, q, half) - BENT / (float)n * (float)(d < 0 ? -d : d);
        straight = d == 0 ? alike : straight;
        if (alike > highest || (d == 0 && alike >= highest)) {
            highest = alike;
            best = d;
        }
    }
    if (best == 0 || highest < straight + GAIN)
        return;
    float bent[MAX_TAIL] = {0};
    const float step = (float)best / (float)n, end = (float)(n + slack) - 3.0F;
    for (size_t i = 0; i < n; i++) {
        const float t = (float)i + step * ((float)i + 0.5F);
        bent[i] = t < 1.0F ? y[i] : between(y, t < end ? t : end);
    }
    memcpy(y, bent, n * sizeof *y);
    for (size_t i = 0; i < n; i++) {
        const float t = (float)(i + slack) - step * ((float)(n - i) - 0.5F);
        bent[i] = t > end ? z[i + slack] : between(z, t);
    }
    memcpy(z + slack, bent, n * sizeof *z);
}

/*
 * The right half of a bridge: n samples that lead up to next, at full level, written to z in playing order: repeated at
 * the period if there is one, else predicted, by what the past teaches, too, if it may.
 */
static void run_back(vb_conceal *c, vb_conceal_method method, size_t period, int taught, const int16_t *next,
                     size_t n_next, float *z, size_t n) {
    const size_t most = c->rate_hz / 50, past = vb_conceal_history(c->rate_hz) / 2, span = vb_pitch_span(c->rate_hz);
    float line[VB_PITCH_MAX_SPAN + MAX_TAIL + MAX_SLACK];
    const size_t h = n_next < most ? n_next : most;
    /* The future, time reversed: its first sample comes last. */
    for (size_t i = 0; i < h; i++)
        line[i] = (float)next[h - 1 - i];
    memset(z, 0, n * sizeof *z);
    if (h < 36 || vb_conceal_silent(line, h))
        return;
    if (method == VB_CONCEAL_PITCH) {
        float cycle[VB_CONCEAL_MAX_CYCLE], known[VB_PITCH_MAX_SPAN] = {0};
        const size_t k = n_next < span ? n_next : span;
        for (size_t i = 0; i < k; i++)
            known[span - 1 - i] = (float)next[i];
        float match;
        const size_t p = period > 0 ? period : vb_pitch_lag(known, c->rate_hz, &match);
        vb_conceal_cycle(known + span, p, cycle);
        for (size_t i = 0; i < n; i++)
            z[n - 1 - i] = cycle[i % p];
        return;
    }
    const size_t parts = taught ? 6 : 4, longest = vb_conceal_order(c->rate_hz) * parts / 8;
    const size_t order = h * parts / 10 < longest ? h * parts / 10 : longest;
    const float most_level = vb_conceal_reach(line, h);
    float coef[VB_AR_MAX_ORDER], before[VB_AR_MAX_HISTORY];
    for (size_t i = 0; i < past; i++)
        before[i] = (float)c->past[c->past_at + past + i];
    const float error = sqrtf(vb_ar_fit(line, h, before, taught ? past : 0, VB_CONCEAL_BESIDE, coef, order));
    const float drive = c->noisy * error;
    vb_ar_pull(coef, order, VB_CONCEAL_PULL);
    memmove(line, line + h - order, order * sizeof *line);
    for (size_t i = 0; i < n; i++)
        line[order + i] = drive > 0.0F ? drive * vb_conceal_white(&c->drive) : 0.0F;
    vb_ar_extend(coef, order, line, n, most_level);
    for (size_t i = 0; i < n; i++)
        z[n - 1 - i] = line[order + i];
}

/*
 * Choose what fills a hole of n samples whose past has just been fitted: where it repeats itself on both sides, as no
 * voice does, no prediction does better; in a long hole it is best repeated unless it can be predicted, as tones can.
 * Returns the period of both sides, or 0 if there is none; *taught is whether one side may teach the other.
 */
static size_t choose(vb_conceal *c, size_t n, const int16_t *next, size_t n_next, int *taught) {
    enum { TRIED = 80 };
    const size_t h = vb_conceal_history(c->rate_hz), order = vb_conceal_order(c->rate_hz), most = c->rate_hz / 50;
    const int is_long = n > vb_conceal_hold(c->rate_hz);
    float x[VB_AR_MAX_HISTORY], beyond[VB_AR_MAX_HISTORY / 3], match, both = 0.0F;
    for (size_t i = 0; i < h; i++)
        x[i] = (float)c->past[c->past_at + i];
    const size_t p = vb_pitch_lag(x + h - vb_pitch_span(c->rate_hz), c->rate_hz, &match),
                 k = n_next < most ? n_next : most;
    for (size_t i = 0; i < k; i++)
        beyond[i] = (float)next[i];
    if (match > REPEATS && k == most) {
        const float there = likeness(beyond + p, beyond, k - p);
        both = there < match ? there : match;
    }
    const int predicted = both <= SAME && (is_long || both > REPEATS) && vb_conceal_predicts(c, x + h - TRIED, TRIED);
    *taught = !is_long || (predicted && k > order && vb_conceal_predicts(c, beyond + order, k - order));
    if (both > SAME || (both > REPEATS && !predicted)) {
        vb_conceal_repeat(c, p);
        return p;
    }
    if (is_long && !predicted)
        vb_conceal_repeat(c, p);
    return 0;
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
    size_t period = 0;
    int taught = 1;
    if (!c->live || c->joining) {
        const int is_auto = c->method == VB_CONCEAL_AUTO;
        vb_conceal_begin(c, method, next, is_auto && n > vb_conceal_hold(c->rate_hz) ? 0 : n_next);
        if (is_auto && c->source == VB_CONCEAL_AR)
            period = choose(c, n, next, n_next, &taught);
        if (c->source == VB_CONCEAL_PITCH)
            method = VB_CONCEAL_PITCH;
    }
    const size_t hold = vb_conceal_hold(c->rate_hz), tail = hold + vb_conceal_fade(c->rate_hz);
    const size_t reach = n < tail ? n : tail;
    /* Sides that do not meet are not bent. */
    const size_t slack = n <= hold && method == VB_CONCEAL_AR ? (size_t)(SLACK * (float)n) + 3 : 0;
    const uint64_t began = c->age;
    float y[MAX_TAIL + MAX_SLACK], both_sides[MAX_TAIL + MAX_SLACK], *z = both_sides + slack;
    for (size_t k = 0; k < reach + slack; k += VB_CONCEAL_BLOCK)
        vb_conceal_run_on(c, y + k, reach + slack - k < VB_CONCEAL_BLOCK ? reach + slack - k : VB_CONCEAL_BLOCK);
    run_back(c, method, period, taught, next, n_next, both_sides, reach + slack);
    if (slack > 3)
        meet(y, both_sides, n, slack);
    for (size_t i = began + reach > hold ? 0 : reach; i < reach; i++)
        y[i] *= vb_conceal_level(c, began + i);
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
    /* Noise on the two sides never agrees, nor need tones; a voice is better a little too soft than too loud. */
    const float most = method == VB_CONCEAL_PITCH || n > hold ? 1.3F : 1.15F + 0.15F * c->noisy;
    vb_fade fade = vb_fade_begin(n);
    for (size_t i = 0; i < n; i++) {
        const float left = i < reach ? y[i] : 0.0F, right = i + reach >= n ? z[i + reach - n] : 0.0F;
        const float w = vb_fade_next(&fade);
        const float power = (1.0F - w) * (1.0F - w) + w * w + 2.0F * w * (1.0F - w) * agree;
        const float up = 1.0F / sqrtf(power);
        float v = (left * (1.0F - w) + right * w) * (up < most ? up : most);
        const size_t edge = i < n - 1 - i ? i : n - 1 - i;
        if (edge > hold || c->source == VB_CONCEAL_AUTO)
            v += vb_conceal_noise(c) * (1.0F - vb_conceal_level(c, edge));
        const size_t to = at + i < cap ? at + i : at + i - cap;
        ring[to] = vb_conceal_int16(v);
    }
    c->live = c->joining = 0;
    const size_t first = n < cap - at ? n : cap - at;
    vb_conceal_remember(c, ring + at, first);
    vb_conceal_remember(c, ring, n - first);
}
