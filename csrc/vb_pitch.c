#include "vb_pitch.h"

#include <math.h>

#include "vb_ar.h"

enum { COARSE_HZ = 4000, COARSE_SPAN = 140, COARSE_WINDOW = 80, COARSE_LOW = 20, COARSE_HIGH = 60, COARSE_FAINT = 20 };
/* An energy under which a lag is not trusted: an RMS of 4 in a window of 20 ms at 8 kHz. */
#define FAINT 2500.0F

size_t vb_pitch_span(uint32_t rate_hz) {
    return rate_hz / 1000 * 35;
}

static float match_at(const float *end, size_t window, size_t lag, float energy) {
    const float *w = end - window;
    return vb_ar_dot(w, w - lag, window) / sqrtf(energy > FAINT ? energy : FAINT);
}

/* 13-bit samples at 4 kHz: whole numbers, so that sums of 80 products fit 32 bits and may be added in any order. */
static void decimate(const float *x, size_t step, int16_t *c) {
    const float scale = 1.0F / (8.0F * (float)step);
    for (size_t i = 0; i < COARSE_SPAN; i++) {
        float s = 0.0F;
        for (size_t j = 0; j < step; j++)
            s += x[i * step + j];
        c[i] = (int16_t)(s * scale);
    }
}

static int32_t coarse_dot(const int16_t *a, const int16_t *b) {
    int32_t s = 0;
    for (size_t i = 0; i < COARSE_WINDOW; i++)
        s += (int32_t)a[i] * b[i];
    return s;
}

size_t vb_pitch_lag(const float *x, uint32_t rate_hz, float *match) {
    const size_t step = rate_hz / COARSE_HZ, span = vb_pitch_span(rate_hz);
    int16_t c[COARSE_SPAN];
    decimate(x, step, c);
    const int16_t *end = c + COARSE_SPAN, *w = end - COARSE_WINDOW;
    int32_t energy = coarse_dot(w - COARSE_HIGH, w - COARSE_HIGH);
    float best = -1e30F;
    size_t lag = COARSE_LOW;
    for (size_t l = COARSE_HIGH; l >= COARSE_LOW; l--) {
        const float m = (float)coarse_dot(w, w - l) / sqrtf((float)(energy > COARSE_FAINT ? energy : COARSE_FAINT));
        if (m > best) {
            best = m;
            lag = l;
        }
        const int32_t out = *(w - l), in = *(end - l); /* the window moves one sample on */
        energy += in * in - out * out;
    }
    const size_t window = rate_hz / 50, centre = lag * step;
    const size_t low = rate_hz / 200, high = rate_hz / 1000 * 15;
    const float *stop = x + span;
    const size_t from = centre - step < low ? low : centre - step, to = centre + step > high ? high : centre + step;
    best = -1e30F;
    for (size_t l = from; l <= to; l++) {
        const float m = match_at(stop, window, l, vb_ar_dot(stop - window - l, stop - window - l, window));
        if (m > best) {
            best = m;
            lag = l;
        }
    }
    const float own = vb_ar_dot(stop - window, stop - window, window);
    *match = best / sqrtf(own > FAINT ? own : FAINT);
    return lag;
}
