#include "vb_vad.h"

#include <math.h>
#include <string.h>

#include "simd/fastmath.h"
#include "vb_pause.h"

enum {
    CLIP = 2047,  /* keeps the sums of 160 products within 32 bits; louder is speech by its energy alone */
    WINDOW = 50,  /* blocks */
    SETTLED = 64, /* the statistics' memory, in blocks of pause */
    ENDED = 10,   /* blocks of background that end an excursion */
    SHORT = 15,   /* an excursion of up to so many blocks is hardly speech */
    TAIL = 5      /* blocks after speech that nothing is learnt from: they may be its end */
};

#define LEVELS VB_VAD_LEVELS
#define DB_PER_OCTAVE 3.0103F
#define BAND_LEAST 100.0F  /* the power of -70 dBFS: fainter is no speech */
#define WHOLE_LEAST 400.0F /* -64 dBFS */
#define MEAN_MOST 46.0F    /* -44 dBFS */
#define FRESH 0.5F         /* weight of a new block in the smoothed power */
#define FALL_MOST 4.0F     /* and the smoothed power is at most so many times the new one */
#define MARGIN 1.6F
#define BEGINS 2.6F /* speech begins at so many spreads over the margin, */
#define GOES_ON 1.8F
#define SPREAD_LEAST 0.6F
#define RISE_MOST 12.0F
#define SHORT_WEIGHT 0.02F /* per block */
#define FALLEN 3.0F        /* so many spreads below the mean, the background has become fainter */
#define FALL_WEIGHT 0.125F
#define RISEN 2.0F
#define HIDES 27.0F /* dB: a fainter background hides no speech; 8 dB more may */

/* Powers of bands around 300, 900, 1700, 2500 and 3300 Hz from autocorrelations: (2 - [k = 0]) (1 - k/8) cos(2 pi f k
 * / 8000) / 8. At 16 kHz the lags are every other one, and what lies above 4 kHz is mirrored below. */
static const float BANDS[VB_VAD_LAGS][LEVELS] = {
    {0.12500000F, 0.12500000F, 0.12500000F, 0.12500000F, 0.12500000F, 1.00000000F, 0.00000000F, 0.00000000F},
    {0.21270592F, 0.16633880F, 0.05106617F, -0.08371200F, -0.18651504F, 0.00000000F, 0.00000000F, 0.00000000F},
    {0.16706372F, 0.02933146F, -0.16706372F, -0.13258252F, 0.08512322F, 0.00000000F, 0.00000000F, 0.00000000F},
    {0.11881343F, -0.08164040F, -0.10147626F, 0.14435618F, 0.01225923F, 0.00000000F, 0.00000000F, 0.00000000F},
    {0.07347316F, -0.11888206F, 0.07347316F, 0.00000000F, -0.07347316F, 0.00000000F, 0.00000000F, 0.00000000F},
    {0.03587657F, -0.08661371F, 0.08661371F, -0.08661371F, 0.08661371F, 0.00000000F, 0.00000000F, 0.00000000F},
    {0.00977715F, -0.02837441F, -0.00977715F, 0.04419417F, -0.06173052F, 0.00000000F, 0.00000000F, 0.00000000F},
    {-0.00245185F, 0.00729517F, -0.03115367F, 0.01195886F, 0.02376269F, 0.00000000F, 0.00000000F, 0.00000000F},
};

void vb_vad_init(vb_vad *v, uint32_t rate_hz) {
    memset(v, 0, sizeof *v);
    v->step = rate_hz / 8000;
    for (int w = 0; w < VB_VAD_WINDOWS; w++)
        for (int b = 0; b < LEVELS; b++)
            v->least[w][b] = INFINITY;
}

void vb_vad_drop(vb_vad *v) {
    v->energy = v->next = 0;
    memset(v->lag, 0, sizeof v->lag);
    v->n = 0;
}

/* Add the lagged products of n samples, behind VB_VAD_BEFORE that come before them. */
VB_INLINE void correlate(const int16_t *x, size_t n, size_t step, int64_t *lag) {
    int16_t y[VB_VAD_BEFORE + 160];
    for (size_t i = 0; i < VB_VAD_BEFORE + n; i++) {
        const int16_t s = x[(ptrdiff_t)i - VB_VAD_BEFORE];
        const int16_t low = s < CLIP ? s : CLIP;
        y[i] = low > -CLIP ? low : -CLIP;
    }
    for (size_t k = 1; k < VB_VAD_LAGS; k++) {
        const int16_t *now = y + VB_VAD_BEFORE, *then = now - k * step;
        int32_t sum = 0;
        for (size_t i = 0; i < n; i++)
            sum += (int32_t)now[i] * then[i];
        lag[k] += sum;
    }
}

void vb_vad_add(vb_vad *v, const int16_t *x, size_t n) {
    n = n < 160 ? n : 160;
    vb_pause_sums(x, n, x[-1], &v->energy, &v->next);
    if (n == 80 && v->step == 1) /* whole blocks, of a length that the compiler knows */
        correlate(x, 80, 1, v->lag);
    else if (n == 160 && v->step == 2)
        correlate(x, 160, 2, v->lag);
    else
        correlate(x, n, v->step, v->lag);
    v->n += (uint32_t)n;
}

/* The smoothed level of each band and of the whole, in dB. */
static void measure(vb_vad *v, float *level) {
    float power[LEVELS] = {0.0F};
    const float share = 1.0F / (float)v->n;
    for (int k = 0; k < VB_VAD_LAGS; k++) {
        const float r = share * (float)(k ? v->lag[k] : v->energy);
        for (int b = 0; b < LEVELS; b++)
            power[b] += BANDS[k][b] * r;
    }
    for (int b = 0; b < LEVELS; b++) {
        const float p = vb_max(power[b], b == VB_VAD_WHOLE ? WHOLE_LEAST : BAND_LEAST);
        const float smoothed = v->seen ? v->power[b] + FRESH * (p - v->power[b]) : p;
        v->power[b] = vb_min(smoothed, FALL_MOST * p);
        level[b] = DB_PER_OCTAVE * vb_log2(v->power[b]);
    }
}

static void begin(vb_vad *v, const float *level) {
    for (int b = 0; b < LEVELS; b++) {
        v->mean[b] = vb_min(level[b], MEAN_MOST);
        v->spread[b] = 2.0F;
        v->slow[b] = level[b];
    }
}

/* A background that has risen is never below what it was at its least in 3 s. */
static void follow_least(vb_vad *v, const float *level) {
    float *newest = v->least[VB_VAD_WINDOWS - 1];
    for (int b = 0; b < LEVELS; b++) {
        v->slow[b] += 0.1F * (level[b] - v->slow[b]);
        newest[b] = vb_min(v->slow[b], newest[b]);
    }
    if (++v->in_window < WINDOW)
        return;
    v->in_window = 0;
    for (int b = 0; b < LEVELS; b++) {
        float least = v->least[0][b];
        for (int w = 1; w < VB_VAD_WINDOWS; w++) {
            least = vb_min(least, v->least[w][b]);
            v->least[w - 1][b] = v->least[w][b];
        }
        newest[b] = INFINITY;
        if (least > v->mean[b] + RISEN * v->spread[b])
            v->mean[b] = least;
    }
}

static void learn(vb_vad *v, const float *level) {
    const float first = 1.0F / (float)v->seen, settled = 1.0F / (float)SETTLED;
    const float usual = vb_max(first, settled);
    for (int b = 0; b < LEVELS; b++) {
        const float off = level[b] - v->mean[b];
        const float weight = off < -FALLEN * v->spread[b] ? vb_max(usual, FALL_WEIGHT) : usual;
        v->mean[b] += weight * off;
        v->spread[b] = vb_max(v->spread[b] + weight * (fabsf(off) - v->spread[b]), SPREAD_LEAST);
    }
}

static void excursion(vb_vad *v, const float *level) {
    v->quiet = 0;
    if (v->run > SHORT) /* too long to be learnt from */
        return;
    for (int b = 0; b < LEVELS; b++) {
        const float off = vb_min(level[b] - v->mean[b], RISE_MOST);
        v->rise[b] = off + (v->run ? v->rise[b] : 0.0F);
        v->swing[b] = fabsf(off) + (v->run ? v->swing[b] : 0.0F);
    }
    v->run++;
}

static void excursion_ended(vb_vad *v) {
    const float share = 1.0F / (float)v->run, weight = SHORT_WEIGHT * (float)v->run;
    for (int b = 0; b < LEVELS && v->run <= SHORT; b++) {
        v->mean[b] += weight * share * v->rise[b];
        v->spread[b] += weight * (share * v->swing[b] - v->spread[b]);
    }
    v->run = 0;
}

int vb_vad_judge(vb_vad *v) {
    float level[LEVELS], most = -INFINITY;
    measure(v, level);
    vb_vad_drop(v);
    if (v->seen == 0)
        begin(v, level);
    v->seen = v->seen < SETTLED ? v->seen + 1 : v->seen;
    const float bar = v->voiced ? GOES_ON : BEGINS;
    for (int b = 0; b < LEVELS; b++)
        most = vb_max(most, level[b] - v->mean[b] - MARGIN - bar * v->spread[b]);
    v->voiced = most > 0.0F;
    follow_least(v, level);
    if (v->voiced) {
        excursion(v, level);
    } else {
        v->quiet = v->quiet < ENDED ? v->quiet + 1 : v->quiet;
        if (v->quiet >= ENDED && v->run)
            excursion_ended(v);
        if (v->quiet > TAIL || v->run == 0)
            learn(v, level);
    }
    v->mean[VB_VAD_WHOLE] = vb_min(v->mean[VB_VAD_WHOLE], MEAN_MOST);
    return (int)v->voiced;
}

float vb_vad_unrest(const vb_vad *v) {
    const float loud = vb_min(vb_max((v->mean[VB_VAD_WHOLE] - HIDES) / 8.0F, 0.0F), 1.0F);
    return loud * vb_max(v->spread[VB_VAD_WHOLE] - SPREAD_LEAST, 0.0F);
}

int vb_vad_valid(const vb_vad *v) {
    const float most = 200.0F; /* dB */
    int ok = v->step >= 1 && v->step <= 2 && v->n < 80 * v->step && v->in_window < WINDOW && v->seen <= SETTLED &&
             v->run <= SHORT + 1 && v->quiet <= ENDED && v->voiced <= 1;
    for (int b = 0; ok && b < LEVELS; b++) {
        ok = fabsf(v->mean[b]) <= most && v->spread[b] >= 0.0F && v->spread[b] <= most && fabsf(v->slow[b]) <= most;
        ok = ok && v->power[b] >= 0.0F && v->power[b] <= 2e9F && fabsf(v->rise[b]) <= most * (SHORT + 1) &&
             fabsf(v->swing[b]) <= most * (SHORT + 1);
        for (int w = 0; ok && w < VB_VAD_WINDOWS; w++)
            ok = v->least[w][b] >= 0.0F; /* or INFINITY */
    }
    for (int k = 0; ok && k < VB_VAD_LAGS; k++)
        ok = v->lag[k] <= INT32_MAX && v->lag[k] >= -(int64_t)INT32_MAX;
    return ok && v->energy >= 0 && v->energy <= (int64_t)160 << 30 && v->next <= (int64_t)160 << 30 &&
           v->next >= -((int64_t)160 << 30);
}
