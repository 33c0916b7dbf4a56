#include "vb_stretch.h"

#include <math.h>
#include <string.h>

#include "vb_ar.h"
#include "vb_math.h"
#include "vb_pitch.h"

#define LEAST_MATCH 0.5F

size_t vb_stretch_period(const int16_t *here, size_t n, uint32_t rate_hz) {
    const size_t span = vb_pitch_span(rate_hz);
    float x[VB_STRETCH_MAX_SPAN], match;
    for (size_t i = 0; i < span; i++)
        x[i] = (float)here[(ptrdiff_t)(i + n) - (ptrdiff_t)span];
    const size_t lag = vb_pitch_lag(x, rate_hz, &match);
    return match >= LEAST_MATCH ? lag : 0;
}

float vb_stretch_match(const int16_t *a, const int16_t *b, size_t n) {
    int64_t ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < n; i++) {
        ab += (int32_t)a[i] * b[i];
        aa += (int32_t)a[i] * a[i];
        bb += (int32_t)b[i] * b[i];
    }
    const int64_t faint = (int64_t)n * 16; /* an RMS of 4 */
    if (aa <= faint && bb <= faint)
        return 1.0F;
    const float power = sqrtf((float)(aa > faint ? aa : faint)) * sqrtf((float)(bb > faint ? bb : faint));
    return (float)ab / power;
}

void vb_stretch_splice(const int16_t *from, const int16_t *to, size_t overlap, int16_t *dst, size_t n) {
    const size_t m = overlap < n ? overlap : n;
    vb_fade fade = vb_fade_begin(m > 0 ? m : 1);
    for (size_t i = 0; i < m; i++) {
        const float w = vb_fade_next(&fade);
        dst[i] = (int16_t)lrintf((float)from[i] * (1.0F - w) + (float)to[i] * w);
    }
    memcpy(dst + m, to + m, (n - m) * sizeof *dst);
}
