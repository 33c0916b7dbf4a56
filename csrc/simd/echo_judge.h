/*
 * echo_judge.h - what the echo guard makes of a hop's powers: the lag and the loss of the echo, and whose voice it is.
 *
 * One body for each instruction set: nearly all of it is loops over bands, pairs of bands or lags. Included by
 * vb_echo.c only, which shares its constants.
 */
#ifndef VB_SIMD_ECHO_JUDGE_H
#define VB_SIMD_ECHO_JUDGE_H

#include <math.h>
#include <string.h>

#include "../vb_echo.h"
#include "fastmath.h"

enum {
    BANDS = VB_ECHO_BANDS,
    PAIRS = VB_ECHO_PAIRS,
    LAGS = VB_ECHO_LAGS,
    PAST = VB_ECHO_PAST,
    LEARN = 30,      /* hops of a stretch's echo that show its lag */
    SHOWN = 1000,    /* hops that the lag of the call is the mean of */
    YOUNG = 100,     /* ... and those that make it trusted */
    DOUBT = 20,      /* hops for which another lag must look better, while it is not trusted */
    MORE_DOUBT = 50, /* and when it is: a caller may rise and fall like the far end for a while */
    LONG = 100,      /* hops of a stretch after which the products are those of that stretch */
};

/* Powers are of bins under the window: about 2^12 times the mean square of samples. */
static const float QUIET = 4096.0f * 40.0f; /* -72 dBov in a band or so: what is below is no speech */
static const float AUDIBLE = 1073.74f;      /* mean square of a near end that can be speech: -60 dBov */
static const float FIRST_LOSS = -5.0f;      /* log2: 15 dB until something is known */
static const float LEAST_LOSS = -2.3f;      /* 7 dB: what is louder is not taken for echo */
static const float MOST_LOSS = -18.0f;
static const float DECAY = 0.63f;       /* of a room, in a hop: 2 dB */
static const float COMMON = 0.7f;       /* of what all bands do at once, left out of the products */
static const float LEAK = 0.001f;       /* from all bands into each: a loudspeaker that is not linear */
static const float MARGIN = 3.5f;       /* over the prediction: 5.4 dB */
static const float MOST_WITHIN = 24.0f; /* hops from the lag of the call that no other lag is looked for in */
static const float MOST_ALIKE = 0.5f;   /* evidence against the caller: an echo does not become far louder at once */

/* What a hop of the near end has in common with the far end at each lag, added to what came before. */
VB_INLINE void vb_echo_lags_body(vb_echo *restrict e, const float *restrict x) {
    const float keep = 0.99f, keep_short = 0.94f;
    float dot[VB_ECHO_LAGS];
    for (int l = 0; l < VB_ECHO_LAGS; l++)
        dot[l] = 0.0f;
    for (int c = 0; c < VB_ECHO_PAIRS; c += 4) {
        const float *p = e->rise[c] + e->at, *q = e->rise[c + 1] + e->at, *r = e->rise[c + 2] + e->at,
                    *s = e->rise[c + 3] + e->at;
        const float a = x[c], b = x[c + 1], d = x[c + 2], f = x[c + 3];
        for (int l = 0; l < VB_ECHO_LAGS; l++)
            dot[l] += (a * p[l] + b * q[l]) + (d * r[l] + f * s[l]);
    }
    const float *square = e->square + e->at;
    for (int l = 0; l < VB_ECHO_LAGS; l++) {
        e->product[l] = e->product[l] * keep + dot[l];
        e->far_square[l] = e->far_square[l] * keep + square[l];
        e->product_short[l] = e->product_short[l] * keep_short + dot[l];
        e->far_square_short[l] = e->far_square_short[l] * keep_short + square[l];
    }
}

/* The lags at which the stretch's echo may be. */
VB_INLINE void vb_echo_lags_allowed(int centre, int width, int *first, int *last) {
    *first = centre - width > 0 ? centre - width : 0;
    *last = centre + width < LAGS - 1 ? centre + width : LAGS - 1;
}

/* How alike the ends are at each lag, the square of that: 0 to 1. */
VB_INLINE void vb_echo_likeness(const float *restrict product, const float *restrict square, float near_square,
                                float *restrict alike) {
    for (int l = 0; l < VB_ECHO_LAGS; l++) {
        const float p = vb_max(product[l], 0.0f);
        alike[l] = p * p / (near_square * square[l] + 1e-3f);
    }
}

/* The lag that looks best of all, the first of several, and how good it looks. */
VB_INLINE int vb_echo_best_of_all(const float *restrict alike, float *likeness) {
    float lane[16];
    for (int i = 0; i < 16; i++)
        lane[i] = alike[i];
    for (int l = 16; l < VB_ECHO_LAGS; l += 16)
        for (int i = 0; i < 16; i++)
            lane[i] = vb_max(lane[i], alike[l + i]);
    for (int n = 8; n > 0; n /= 2)
        for (int i = 0; i < n; i++)
            lane[i] = vb_max(lane[i], lane[i + n]);
    int best = 0;
    while (best < VB_ECHO_LAGS - 1 && alike[best] != lane[0])
        best++;
    *likeness = sqrtf(lane[0]);
    return best;
}

/* ... and of some. */
VB_INLINE int vb_echo_best_within(const float *alike, int first, int last, float *likeness) {
    int best = first;
    float most = alike[first];
    for (int l = first + 1; l <= last; l++)
        if (alike[l] > most) {
            most = alike[l];
            best = l;
        }
    *likeness = sqrtf(most);
    return best;
}

/* Follow the lag of the call, and that of the stretch, from all products. */
VB_INLINE void vb_echo_follow(vb_echo *restrict e, int sounds, const float *restrict alike_short) {
    float likeness, known;
    int first, last;
    if (sounds) {
        float alike[LAGS];
        vb_echo_likeness(e->product, e->far_square, e->near_square, alike);
        const int best = vb_echo_best_of_all(alike, &likeness);
        const int trusted = e->shown >= YOUNG, within = 1 + (int)vb_min(2.0f * e->bound, MOST_WITHIN);
        vb_echo_lags_allowed(e->lag, trusted ? within : 2, &first, &last);
        vb_echo_best_within(alike, first, last, &known);
        const int off = best < first || best > last;
        const int better = e->near_square > 300.0f &&
                           (e->locked ? off && likeness > 0.45f && likeness > known + 0.12f : likeness > 0.45f);
        e->doubt = better ? e->doubt + 1 : 0;
        if (e->doubt >= (trusted ? MORE_DOUBT : DOUBT)) {
            /* So far the most of all lags was compared: the loss was overestimated. */
            for (int b = 0; b < BANDS; b++)
                e->loss[b] = vb_max(e->loss[b], FIRST_LOSS);
            e->locked = 1;
            e->doubt = 0;
            e->lag = e->here = best;
            e->centre = (float)best;
            e->shown = LEARN;
            e->width = e->since > LONG ? 2 : within;
            e->learned = e->since > LONG ? LEARN : 0;
        }
    }
    if (!e->locked)
        return;
    const float doubt = 2.0f - 0.8f * (float)e->shown / SHOWN; /* the lag of the call may be that of one stretch */
    const int width = 1 + (int)(doubt * e->bound + 0.5f);
    if (e->since == (uint32_t)(e->lag > width ? e->lag - width : 0)) { /* the next stretch may be heard from now on */
        e->width = width;
        e->learned = 0;
        e->here = e->lag;
    }
    if (!sounds)
        return;
    vb_echo_lags_allowed(e->lag, width, &first, &last);
    const int best = vb_echo_best_within(alike_short, first, last, &likeness);
    if (likeness > 0.6f) {
        if (e->learned < LEARN)
            e->learned++;
        if (e->learned >= LEARN) {
            e->here += (best > e->here) - (best < e->here);
            e->width = e->width > 2 ? e->width - 1 : 2;
            e->shown += e->shown < SHOWN;
            e->centre += ((float)e->here - e->centre) / (float)e->shown;
            e->lag = (int)(e->centre + 0.5f);
        }
    }
}

/* The most that the far end's power can have been at the ear, in each band, with what the room keeps of it. */
VB_INLINE void vb_echo_expect(vb_echo *restrict e, int first, int last) {
    float most[BANDS] = {0.0f};
    for (int l = first; l <= last; l++) {
        const float *p = e->power[e->at + (uint32_t)l];
        VB_KEEP_LOOP
        for (int b = 0; b < BANDS; b++)
            most[b] = vb_max(most[b], p[b]);
    }
    for (int b = 0; b < BANDS; b++)
        e->tail[b] = vb_max(e->tail[b] * DECAY, most[b]);
}

/* A hop of both ends, whose powers are known. */
VB_INLINE void vb_echo_judge(vb_echo *restrict e, const float *restrict near, const float *restrict far) {
    float x[PAIRS], y[PAIRS], floor[PAIRS], near_pair[PAIRS], far_pair[PAIRS];
    for (int c = 0; c < PAIRS; c++) {
        near_pair[c] = near[2 * c] + near[2 * c + 1];
        far_pair[c] = far[2 * c] + far[2 * c + 1];
        floor[c] = 2.0f * (e->noise[2 * c] + e->noise[2 * c + 1]) + QUIET;
    }
    for (int c = 0; c < PAIRS; c++) {
        x[c] = vb_log2(near_pair[c] + floor[c]);
        y[c] = vb_log2(far_pair[c] + QUIET * 64.0f);
    }

    /* The past moves on. */
    if (e->at == 0) {
        memmove(e->power + PAST - LAGS, e->power, LAGS * sizeof *e->power);
        for (int c = 0; c < PAIRS; c++)
            memmove(e->rise[c] + PAST - LAGS, e->rise[c], LAGS * sizeof **e->rise);
        memmove(e->square + PAST - LAGS, e->square, LAGS * sizeof *e->square);
        e->at = PAST - LAGS;
    }
    e->at--;
    memcpy(e->power[e->at], far, BANDS * sizeof *far);
    float square = 0.0f, near_square = 0.0f, common_near = 0.0f, common_far = 0.0f;
    for (int c = 0; c < PAIRS; c++) {
        const float r = y[c] - e->far_mean[c], s = x[c] - e->near_mean[c];
        e->far_mean[c] += 0.02f * r;
        e->near_mean[c] += 0.02f * s;
        y[c] = vb_min(vb_max(r, -4.0f), 4.0f);
        x[c] = vb_min(vb_max(s, -4.0f), 4.0f);
        common_far += y[c];
        common_near += x[c];
    }
    common_far *= COMMON / PAIRS;
    common_near *= COMMON / PAIRS;
    for (int c = 0; c < PAIRS; c++) {
        e->rise[c][e->at] = y[c] - common_far;
        x[c] -= common_near;
        square += e->rise[c][e->at] * e->rise[c][e->at];
        near_square += x[c] * x[c];
    }
    e->square[e->at] = square;
    e->near_square = e->near_square * 0.99f + near_square;
    e->near_square_short = e->near_square_short * 0.94f + near_square;
    vb_echo_lags_body(e, x);

    /* What the near end has by itself. */
    float total = 0.0f, noise = 0.0f;
    for (int b = 0; b < BANDS; b++) {
        e->smooth[b] += 0.3f * (near[b] - e->smooth[b]);
        e->noise[b] = vb_min(e->noise[b] * 1.006f, vb_max(e->smooth[b], QUIET * 0.05f));
    }
    for (int b = 0; b < BANDS; b++) {
        total += near[b];
        noise += e->noise[b];
    }
    const int sounds = total > 8.0f * noise && total > QUIET;
    float alike[LAGS];
    vb_echo_likeness(e->product_short, e->far_square_short, e->near_square_short, alike);
    vb_echo_follow(e, sounds, alike);

    int first = 0, last = LAGS - 1;
    if (e->locked)
        vb_echo_lags_allowed(e->here, e->width, &first, &last);
    vb_echo_expect(e, first, last);
    float mean = 0.0f, own[BANDS], log_near[BANDS], log_tail[BANDS], log_own[BANDS], excess[BANDS], echo = 0.0f;
    memcpy(own, e->loss, sizeof own);
    VB_KEEP_LOOP
    for (int b = 0; b < BANDS; b++)
        own[b] = vb_exp2(own[b]);
    for (int b = 0; b < BANDS; b++)
        own[b] *= e->tail[b];
    for (int b = 0; b < BANDS; b++)
        mean += own[b];
    echo = mean;
    mean *= LEAK;
    for (int b = 0; b < BANDS; b++)
        own[b] = MARGIN * (own[b] + mean) + 10.0f * e->noise[b] + QUIET;
    for (int b = 0; b < BANDS; b++) {
        log_near[b] = vb_log2(near[b]);
        log_own[b] = vb_log2(own[b]);
        log_tail[b] = vb_log2(e->tail[b]);
        excess[b] = vb_min(vb_max(log_near[b] - log_own[b], 0.0f), 3.0f);
    }
    float above = 0.0f;
    for (int b = 0; b < BANDS; b++)
        above += excess[b];
    above *= 1.0f / BANDS;

    float likeness = 0.0f;
    vb_echo_best_within(alike, first, last, &likeness);
    const float evidence = above - 0.25f - vb_min(4.0f * vb_max(likeness - 0.7f, 0.0f), MOST_ALIKE);
    e->belief = vb_min(vb_max(e->belief * 0.85f + evidence, -1.0f), 3.0f);

    e->likeness = likeness;
    const int caller = e->belief > 0.6f;
    const int echoes = echo > noise;
    if (!sounds)
        e->kind = caller ? (echoes ? VB_ECHO_BOTH : VB_ECHO_SPEECH) : VB_ECHO_SILENCE;
    else if (caller)
        e->kind = echoes ? VB_ECHO_BOTH : VB_ECHO_SPEECH;
    else
        e->kind = VB_ECHO_ECHO;
    const float sure = vb_min(vb_max(e->belief / 1.2f, 0.0f), 1.0f);
    e->score = e->kind == VB_ECHO_SILENCE ? 0.0f : 1.0f - sure;

    /* The loss, from hops that hold nothing but echo. */
    if (e->belief < 0.0f || likeness > 0.8f) {
        const float up = !sounds ? 0.0f : likeness > 0.8f ? 0.08f : 0.03f;
        for (int b = 0; b < BANDS; b++) {
            if (e->tail[b] < QUIET * 64.0f)
                continue;
            const float by = log_near[b] - log_tail[b] - e->loss[b];
            if (by > 0.0f && near[b] > 4.0f * e->noise[b])
                e->loss[b] = vb_min(e->loss[b] + up * vb_min(by, 3.0f), LEAST_LOSS);
            else if (by < 0.0f)
                e->loss[b] = vb_max(e->loss[b] - 0.01f * vb_min(-by, 2.0f), MOST_LOSS);
        }
    }
}

#endif
