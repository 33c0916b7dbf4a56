#include "vb_echo.h"

#include <math.h>
#include <string.h>

#include "simd/echo.h"
#include "simd/echo_judge.h"
#include "vb_fft.h"
#include "vb_sound_tables.h"

enum {
    HOP = VB_ECHO_HOP,
    BEFORE = VB_ECHO_BEFORE,
    TAPS = VB_ECHO_TAPS,
    PAUSE = 4,                /* hops of silence after which the far end's next sound is another stretch */
    LAST = VB_ECHO_LAGS + 16, /* ... and after which nothing is heard of it */
    MAGIC = 0x4f484345        /* "ECHO" */
};

/* A frame while the far end is silent, and what was heard of it has died away: no more than its level. */
static void idle(vb_echo *e) {
    e->kind = e->level > 16.0f * e->level_floor && e->level > AUDIBLE ? VB_ECHO_SPEECH : VB_ECHO_SILENCE;
    e->score = 0.0f;
    e->belief = e->kind == VB_ECHO_SPEECH ? 1.0f : 0.0f;
}

/* A frame at 8 kHz, behind room for what was before it. */
VB_INLINE void frame_body(vb_echo *restrict e, float *restrict near, float *restrict far, float bound) {
    e->bound = bound;
    e->level = vb_echo_level_body(near + BEFORE);
    e->level_floor = vb_min(vb_max(e->level, 4.0f), e->level_floor * 1.006f);
    const int sounds[2] = {vb_echo_sounds_body(far + BEFORE), vb_echo_sounds_body(far + BEFORE + HOP)};
    if (sounds[0] || sounds[1] || e->quiet < LAST - 1) {
        memcpy(near, e->past[0], sizeof e->past[0]);
        memcpy(far, e->past[1], sizeof e->past[1]);
    }
    for (int h = 0; h < 2; h++) {
        if (sounds[h]) {
            if (e->quiet >= PAUSE)
                e->since = 0;
            e->quiet = 0;
        } else if (e->quiet < LAST) {
            e->quiet++;
        }
        if (e->since < 1u << 30)
            e->since++;
        if (e->quiet < LAST) {
            float near_power[BANDS], far_power[BANDS];
            vb_echo_bands_body(near + h * HOP, far + h * HOP, vb_sound_hann, near_power, far_power);
            vb_echo_judge(e, near_power, far_power);
        } else if (h == 1) {
            idle(e);
        }
    }
    memcpy(e->past[0], near + 2 * HOP, sizeof e->past[0]);
    memcpy(e->past[1], far + 2 * HOP, sizeof e->past[1]);
}

typedef struct {
    void (*frame)(vb_echo *restrict e, float *restrict near, float *restrict far, float bound);
    void (*widen)(const int16_t *restrict src, float *restrict dst, int n);
    void (*halve)(const float *restrict src, const float *restrict taps, float *restrict dst, int n);
} loops;

#define LOOPS(level, target)                                                                                           \
    target static void frame_##level(vb_echo *restrict e, float *restrict near, float *restrict far, float bound) {    \
        frame_body(e, near, far, bound);                                                                               \
    }                                                                                                                  \
    target static void widen_##level(const int16_t *restrict src, float *restrict dst, int n) {                        \
        vb_echo_widen_body(src, dst, n);                                                                               \
    }                                                                                                                  \
    target static void halve_##level(const float *restrict src, const float *restrict taps, float *restrict dst,       \
                                     int n) {                                                                          \
        vb_echo_halve_body(src, taps, dst, n);                                                                         \
    }                                                                                                                  \
    static const loops at_##level = {frame_##level, widen_##level, halve_##level};

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
    e->quiet = LAST;
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

/* Bring a frame at 16 kHz to 8 kHz. */
static void halve(vb_echo *e, const float *x, size_t end, float *dst) {
    float line[TAPS + 4 * HOP];
    memcpy(line, e->line[end], TAPS * sizeof *line);
    memcpy(line + TAPS, x, 4 * HOP * sizeof *line);
    run->halve(line + 2, vb_sound_decimate_2, dst, HOP);
    run->halve(line + 2 + 2 * HOP, vb_sound_decimate_2, dst + HOP, HOP);
    memcpy(e->line[end], line + 4 * HOP, TAPS * sizeof *line);
}

/* Put a frame of one end behind the room for what was before it. */
static void load_i16(vb_echo *e, const int16_t *src, size_t end, float *dst) {
    float x[4 * HOP];
    if (e->rate_hz == 8000) {
        run->widen(src, dst + BEFORE, 2 * HOP);
    } else {
        run->widen(src, x, 4 * HOP);
        halve(e, x, end, dst + BEFORE);
    }
}

static void load_f32(vb_echo *e, const float *src, size_t end, float *dst) {
    float x[4 * HOP];
    const size_t n = e->rate_hz / 50;
    for (size_t i = 0; i < n; i++)
        x[i] = vb_min(vb_max(src[i], -4.0f), 4.0f) * 32768.0f;
    if (e->rate_hz == 8000)
        memcpy(dst + BEFORE, x, n * sizeof *x);
    else
        halve(e, x, end, dst + BEFORE);
}

vb_status vb_echo_process_i16(vb_echo *e, const int16_t *near, const int16_t *far, size_t n, double bound_ms) {
    const size_t size = e->rate_hz / 50;
    if (n % size != 0)
        return VB_ERR_ARGUMENT;
    for (; n > 0; n -= size, near += size, far += size) {
        float a[BEFORE + 2 * HOP], b[BEFORE + 2 * HOP];
        load_i16(e, near, 0, a);
        load_i16(e, far, 1, b);
        run->frame(e, a, b, (float)bound_ms * 0.1f);
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
        float a[BEFORE + 2 * HOP], b[BEFORE + 2 * HOP];
        load_f32(e, near, 0, a);
        load_f32(e, far, 1, b);
        run->frame(e, a, b, (float)bound_ms * 0.1f);
    }
    return VB_OK;
}
