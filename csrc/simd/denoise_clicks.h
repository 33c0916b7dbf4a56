/*
 * denoise_clicks.h - single clicks of a bad line, repaired before the transform spreads them over a whole window.
 *
 * A click is a second difference far above all that was in the 20 ms before it and all that comes in the 4 ms after:
 * the pulses of a voice come again and ring, the onset of a sound goes on. Up to 3 ms are then bridged by a straight
 * line.
 *
 *     x       |<- window: history and the pending hop ->|
 *     judged              |<- hop ->|<- VB_CLICKS_AFTER ->|
 *     rough   |<- before->|<- hop ->|<- ..............  ->|   second differences
 *
 * Lengths are samples at 8 kHz, `unit` times as many at the stream's rate.
 */
#ifndef VB_SIMD_DENOISE_CLICKS_H
#define VB_SIMD_DENOISE_CLICKS_H

#include <string.h>

#include "../vb_denoise_state.h"
#include "../vb_simd.h"
#include "fastmath.h"

#define VB_CLICKS_LEAST 0.02f     /* second difference of the faintest click, full scale 1 */
#define VB_CLICKS_OVER_MEAN 20.0f /* times the mean before it */
#define VB_CLICKS_OVER_MOST 8.0f  /* times the largest before it */
#define VB_CLICKS_OVER_NEXT 4.0f  /* times the largest after it */
#define VB_CLICKS_CALM 3.0f       /* times that mean, and ... */
#define VB_CLICKS_LEFT 0.15f      /* ... this share of the click: where it begins, ... */
#define VB_CLICKS_RIGHT 0.1f      /* ... and ends */

enum {
    VB_CLICKS_AFTER = 32,
    VB_CLICKS_BEFORE = 158, /* the 20 ms before, ... */
    VB_CLICKS_GAP = 10,     /* ... less the newest, which may belong to the click; so may as many after it */
    VB_CLICKS_NEAR = 6,     /* on either side, where it is the largest */
    VB_CLICKS_WIDE = 12     /* and may reach to */
};

VB_INLINE float vb_clicks_rough(const float *x) {
    const float d = x[0] - 2.0f * x[-1] + x[-2];
    return d < 0.0f ? -d : d;
}

/* Whether the second difference at q is a click's; the mean before it goes to *mean. */
VB_INLINE int vb_clicks_is_one(const float *q, int unit, float *mean) {
    float sum = 0.0f;
    for (int k = -VB_CLICKS_NEAR * unit; k <= VB_CLICKS_NEAR * unit; k++)
        if (q[k] > *q)
            return 0;
    for (int k = VB_CLICKS_GAP * unit; k <= (VB_CLICKS_AFTER - 1) * unit; k++)
        if (VB_CLICKS_OVER_NEXT * q[k] >= *q)
            return 0;
    for (int k = -VB_CLICKS_BEFORE * unit; k < -VB_CLICKS_GAP * unit; k++) {
        if (VB_CLICKS_OVER_MOST * q[k] >= *q)
            return 0;
        sum += q[k];
    }
    *mean = sum / (float)((VB_CLICKS_BEFORE - VB_CLICKS_GAP) * unit);
    return VB_CLICKS_OVER_MEAN * *mean < *q;
}

/* Bridge the click at x, whose second differences are at q. Returns how many samples after x it reaches. */
VB_INLINE int vb_clicks_bridge(float *x, float *q, int unit, float mean) {
    const float left = VB_CLICKS_CALM * mean + VB_CLICKS_LEFT * *q,
                right = VB_CLICKS_CALM * mean + VB_CLICKS_RIGHT * *q;
    int from = -2 * unit, to = unit;
    while (from > -VB_CLICKS_WIDE * unit && q[from] > left)
        from--;
    while (to < VB_CLICKS_WIDE * unit && q[to] > right)
        to++;
    from -= unit;
    const float start = x[from], step = (x[to] - start) / (float)(to - from);
    for (int k = from + 1; k < to; k++)
        x[k] = start + step * (float)(k - from);
    for (int k = from; k <= to + 2; k++)
        q[k] = vb_clicks_rough(x + k);
    return to;
}

/* Repair what became ripe with the newest hop of x; nothing before the sound has begun. */
VB_INLINE void vb_clicks_repair(struct vb_denoise *d, int hop, int window, float *restrict x) {
    const int unit = hop / 80, before = VB_DENOISE_ROUGH * unit, from = window - VB_CLICKS_AFTER * unit - hop;
    float rough[2 * (VB_DENOISE_ROUGH + 80 + VB_CLICKS_AFTER)];
    float *restrict q = rough + before;
    memcpy(rough, d->rough, (size_t)before * sizeof *rough);
    float most = 0.0f;
    for (int k = 0; k < window - from; k++)
        q[k] = vb_clicks_rough(x + from + k);
    for (int k = 0; k < hop; k++)
        most = vb_max(most, q[k]);
    for (int k = 0; k < hop && most > VB_CLICKS_LEAST && d->n_start > 0; k++) {
        float mean;
        if (q[k] > VB_CLICKS_LEAST && vb_clicks_is_one(q + k, unit, &mean))
            k += vb_clicks_bridge(x + from + k, q + k, unit, mean);
    }
    memcpy(d->rough, rough + hop, (size_t)before * sizeof *rough);
}

#endif
