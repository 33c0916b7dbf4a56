#include "vb_echo.h"

#include <math.h>
#include <string.h>

#include "simd/echo.h"
#include "vb_fft.h"
#include "vb_sound_tables.h"

enum {
    HOP = VB_ECHO_HOP,
    WINDOW = VB_ECHO_WINDOW,
    BANDS = VB_ECHO_BANDS,
    PAIRS = VB_ECHO_PAIRS,
    LAGS = VB_ECHO_LAGS,
    PAST = VB_ECHO_PAST,
    TAPS = VB_ECHO_TAPS,
    PAUSE = 4,         /* hops of silence after which the far end's next sound is another stretch */
    LEARN = 30,        /* hops of a stretch's echo that show its lag */
    SHOWN = 1000,      /* hops that the lag of the call is the mean of */
    YOUNG = 100,       /* ... and those that make it trusted */
    DOUBT = 20,        /* hops for which another lag must look better, while it is not trusted */
    MORE_DOUBT = 50,   /* and when it is: a caller may rise and fall like the far end for a while */
    LONG = 100,        /* hops of a stretch after which the products are those of that stretch */
    MAGIC = 0x4f484345 /* "ECHO" */
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

typedef struct {
    void (*window)(const float *restrict near, const float *restrict far, const float *restrict hann,
                   float *restrict dst);
    void (*bands)(const float *restrict re, const float *restrict im, float *restrict near, float *restrict far);
    void (*log2)(const float *restrict x, const float *restrict floor, float *restrict dst, int n);
    void (*lags)(vb_echo *restrict e, const float *restrict x);
    void (*halve)(const float *restrict src, const float *restrict taps, float *restrict dst, int n);
} loops;

#define LOOPS(level, target)                                                                                           \
    target static void window_##level(const float *restrict near, const float *restrict far,                           \
                                      const float *restrict hann, float *restrict dst) {                               \
        vb_echo_window_body(near, far, hann, dst);                                                                     \
    }                                                                                                                  \
    target static void bands_##level(const float *restrict re, const float *restrict im, float *restrict near,         \
                                     float *restrict far) {                                                            \
        vb_echo_bands_body(re, im, near, far);                                                                         \
    }                                                                                                                  \
    target static void log2_##level(const float *restrict x, const float *restrict floor, float *restrict dst,         \
                                    int n) {                                                                           \
        vb_echo_log2_body(x, floor, dst, n);                                                                           \
    }                                                                                                                  \
    target static void lags_##level(vb_echo *restrict e, const float *restrict x) {                                    \
        vb_echo_lags_body(e, x);                                                                                       \
    }                                                                                                                  \
    target static void halve_##level(const float *restrict src, const float *restrict taps, float *restrict dst,       \
                                     int n) {                                                                          \
        vb_echo_halve_body(src, taps, dst, n);                                                                         \
    }                                                                                                                  \
    static const loops at_##level = {window_##level, bands_##level, log2_##level, lags_##level, halve_##level};

VB_LEVELS(LOOPS)

void vb_echo_select(vb_simd level) {
    run = levels[level];
    vb_fft_select(level);
}

vb_status vb_echo_init(vb_echo *e, uint32_t rate_hz) {
    if (rate_hz != 8000 && rate_hz != 16000)
        return VB_ERR_ARGUMENT;
    memset(e, 0, sizeof *e);
    e->magic = MAGIC;
    e->rate_hz = rate_hz;
    e->at = PAST - LAGS;
    e->quiet = LAGS + WINDOW;
    e->lag = e->here = LAGS / 2;
    e->width = LAGS;
    e->level_floor = AUDIBLE;
    for (int c = 0; c < PAIRS; c++) {
        e->near_mean[c] = 20.0f;
        e->far_mean[c] = 23.4f;
    }
    for (int b = 0; b < BANDS; b++) {
        e->noise[b] = QUIET;
        e->smooth[b] = QUIET;
        e->loss[b] = FIRST_LOSS;
    }
    return VB_OK;
}

int vb_echo_valid(const vb_echo *e) {
    return e->magic == MAGIC && (e->rate_hz == 8000 || e->rate_hz == 16000) && e->at <= PAST - LAGS &&
           e->kind <= VB_ECHO_BOTH && e->lag >= 0 && e->lag < LAGS && e->here >= 0 && e->here < LAGS && e->width >= 0 &&
           e->centre >= 0.0f && e->centre < (float)LAGS && e->shown <= SHOWN;
}

float vb_echo_loss_db(const vb_echo *e) {
    float sum = 0.0f;
    for (int b = 0; b < BANDS; b++)
        sum -= e->loss[b];
    return sum * (3.0103f / BANDS);
}

/* The lags at which the stretch's echo may be. */
static void lags_allowed(int centre, int width, int *first, int *last) {
    *first = centre - width > 0 ? centre - width : 0;
    *last = centre + width < LAGS - 1 ? centre + width : LAGS - 1;
}

/* The lag that looks best among some, and how good it looks, 0 to 1. */
static int best_lag(const float *product, const float *square, float near_square, int first, int last,
                    float *likeness) {
    int best = first;
    *likeness = 0.0f;
    for (int l = first; l <= last; l++) {
        const float p = product[l];
        if (p > 0.0f) {
            const float q = p * p / (near_square * square[l] + 1e-3f);
            if (q > *likeness) {
                *likeness = q;
                best = l;
            }
        }
    }
    *likeness = sqrtf(*likeness);
    return best;
}

/* Follow the lag of the call, and that of the stretch, from all products. */
static void follow(vb_echo *e, int sounds) {
    float likeness, known;
    int first, last;
    if (sounds) {
        const int best = best_lag(e->product, e->far_square, e->near_square, 0, LAGS - 1, &likeness);
        const int trusted = e->shown >= YOUNG, within = 1 + (int)vb_min(2.0f * e->bound, MOST_WITHIN);
        lags_allowed(e->lag, trusted ? within : 2, &first, &last);
        best_lag(e->product, e->far_square, e->near_square, first, last, &known);
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
    lags_allowed(e->lag, width, &first, &last);
    const int best = best_lag(e->product_short, e->far_square_short, e->near_square_short, first, last, &likeness);
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
static void expect(vb_echo *e, int first, int last) {
    float most[BANDS] = {0.0f};
    for (int l = first; l <= last; l++) {
        const float *p = e->power[e->at + (uint32_t)l];
        for (int b = 0; b < BANDS; b++)
            most[b] = vb_max(most[b], p[b]);
    }
    for (int b = 0; b < BANDS; b++)
        e->tail[b] = vb_max(e->tail[b] * DECAY, most[b]);
}

/* A hop of both ends, whose powers are known. */
static void judge(vb_echo *e, const float *near, const float *far) {
    static const float none[BANDS] = {0};
    float x[PAIRS], y[PAIRS], floor[PAIRS], near_pair[PAIRS], far_pair[PAIRS];
    for (int c = 0; c < PAIRS; c++) {
        near_pair[c] = near[2 * c] + near[2 * c + 1];
        far_pair[c] = far[2 * c] + far[2 * c + 1];
        floor[c] = 2.0f * (e->noise[2 * c] + e->noise[2 * c + 1]) + QUIET;
    }
    run->log2(near_pair, floor, x, PAIRS);
    for (int c = 0; c < PAIRS; c++)
        floor[c] = QUIET * 64.0f;
    run->log2(far_pair, floor, y, PAIRS);

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
    run->lags(e, x);

    /* What the near end has by itself. */
    float total = 0.0f, noise = 0.0f;
    for (int b = 0; b < BANDS; b++) {
        e->smooth[b] += 0.3f * (near[b] - e->smooth[b]);
        e->noise[b] = vb_min(e->noise[b] * 1.006f, vb_max(e->smooth[b], QUIET * 0.05f));
        total += near[b];
        noise += e->noise[b];
    }
    const int sounds = total > 8.0f * noise && total > QUIET;
    follow(e, sounds);

    int first = 0, last = LAGS - 1;
    if (e->locked)
        lags_allowed(e->here, e->width, &first, &last);
    expect(e, first, last);
    float mean = 0.0f, own[BANDS], log_near[BANDS], log_tail[BANDS], log_own[BANDS], echo = 0.0f;
    run->log2(near, none, log_near, BANDS);
    for (int b = 0; b < BANDS; b++) {
        own[b] = vb_exp2(e->loss[b]) * e->tail[b];
        mean += own[b];
    }
    echo = mean;
    mean *= LEAK;
    for (int b = 0; b < BANDS; b++)
        own[b] = MARGIN * (own[b] + mean) + 10.0f * e->noise[b] + QUIET;
    run->log2(own, none, log_own, BANDS);
    run->log2(e->tail, none, log_tail, BANDS);
    float above = 0.0f;
    for (int b = 0; b < BANDS; b++)
        above += vb_min(vb_max(log_near[b] - log_own[b], 0.0f), 3.0f);
    above *= 1.0f / BANDS;

    float likeness = 0.0f;
    best_lag(e->product_short, e->far_square_short, e->near_square_short, first, last, &likeness);
    const float alike = vb_max(likeness - 0.7f, 0.0f);
    float evidence = above - 0.25f - vb_min(4.0f * alike, MOST_ALIKE);
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

/* A frame while the far end is silent, and what was heard of it has died away: no more than its level. */
static void idle(vb_echo *e) {
    e->kind = e->level > 16.0f * e->level_floor && e->level > AUDIBLE ? VB_ECHO_SPEECH : VB_ECHO_SILENCE;
    e->score = 0.0f;
    e->belief = e->kind == VB_ECHO_SPEECH ? 1.0f : 0.0f;
}

static void take_hop(vb_echo *e, const float *near, const float *far) {
    memmove(e->past[0], e->past[0] + HOP, (WINDOW - HOP) * sizeof(float));
    memmove(e->past[1], e->past[1] + HOP, (WINDOW - HOP) * sizeof(float));
    memcpy(e->past[0] + WINDOW - HOP, near, HOP * sizeof(float));
    memcpy(e->past[1] + WINDOW - HOP, far, HOP * sizeof(float));
}

static void frame(vb_echo *e, const float *near, const float *far, float bound) {
    float lanes[16] = {0.0f}, sum = 0.0f;
    e->bound = bound;
    for (int i = 0; i < 2 * HOP; i += 16)
        for (int k = 0; k < 16; k++)
            lanes[k] += near[i + k] * near[i + k];
    for (int k = 0; k < 16; k++)
        sum += lanes[k];
    e->level = sum * (1.0f / (2 * HOP));
    e->level_floor = vb_min(vb_max(e->level, 4.0f), e->level_floor * 1.006f);
    for (int h = 0; h < 2; h++) {
        take_hop(e, near + h * HOP, far + h * HOP);
        float most = 0.0f;
        for (int i = 0; i < HOP; i++)
            most = vb_max(most, fabsf(far[h * HOP + i]));
        if (most > 8.0f) {
            if (e->quiet >= PAUSE)
                e->since = 0;
            e->quiet = 0;
        } else if (e->quiet < LAGS + WINDOW)
            e->quiet++;
        if (e->since < 1u << 30)
            e->since++;
        if (e->quiet < LAGS + 16) {
            float wave[2 * WINDOW], re[WINDOW + 8], im[WINDOW + 8], near_power[BANDS], far_power[BANDS];
            run->window(e->past[0], e->past[1], vb_sound_hann, wave);
            vb_fft_forward(2 * WINDOW, wave, re, im);
            run->bands(re, im, near_power, far_power);
            judge(e, near_power, far_power);
        } else if (h == 1)
            idle(e);
    }
}

static void to_8k(vb_echo *e, float *x, size_t end, float *dst) {
    if (e->rate_hz == 8000) {
        memcpy(dst, x, 2 * HOP * sizeof *dst);
        return;
    }
    float line[TAPS + 4 * HOP];
    memcpy(line, e->line[end], TAPS * sizeof *line);
    memcpy(line + TAPS, x, 4 * HOP * sizeof *line);
    run->halve(line + 2, vb_sound_decimate_2, dst, HOP);
    run->halve(line + 2 + 2 * HOP, vb_sound_decimate_2, dst + HOP, HOP);
    memcpy(e->line[end], line + 4 * HOP, TAPS * sizeof *line);
}

vb_status vb_echo_process_i16(vb_echo *e, const int16_t *near, const int16_t *far, size_t n, double bound_ms) {
    const size_t size = e->rate_hz / 50;
    if (n % size != 0)
        return VB_ERR_ARGUMENT;
    for (; n > 0; n -= size, near += size, far += size) {
        float x[4 * HOP], a[2 * HOP], b[2 * HOP];
        for (size_t i = 0; i < size; i++)
            x[i] = near[i];
        to_8k(e, x, 0, a);
        for (size_t i = 0; i < size; i++)
            x[i] = far[i];
        to_8k(e, x, 1, b);
        frame(e, a, b, (float)bound_ms * 0.1f);
    }
    return VB_OK;
}

vb_status vb_echo_process_f32(vb_echo *e, const float *near, const float *far, size_t n, double bound_ms) {
    const size_t size = e->rate_hz / 50;
    if (n % size != 0)
        return VB_ERR_ARGUMENT;
    for (size_t i = 0; i < n; i++)
        if (!isfinite(near[i]) || !isfinite(far[i]))
            return VB_ERR_NOT_FINITE;
    for (; n > 0; n -= size, near += size, far += size) {
        float x[4 * HOP], a[2 * HOP], b[2 * HOP];
        for (size_t i = 0; i < size; i++)
            x[i] = vb_min(vb_max(near[i], -4.0f), 4.0f) * 32768.0f;
        to_8k(e, x, 0, a);
        for (size_t i = 0; i < size; i++)
            x[i] = vb_min(vb_max(far[i], -4.0f), 4.0f) * 32768.0f;
        to_8k(e, x, 1, b);
        frame(e, a, b, (float)bound_ms * 0.1f);
    }
    return VB_OK;
}
