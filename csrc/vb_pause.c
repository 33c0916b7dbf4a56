#include "vb_pause.h"

#include <math.h>

#define FLOOR_MOST (100.0F * 100.0F) /* -50 dBFS: what is 9 dB louder than this is never a pause */
#define SPEECH_LEAST (20.0F * 20.0F) /* -64 dBFS: fainter is no speech */
#define BEGINS 8.0F
#define GOES_ON 4.0F
#define SMOOTH 0.1F

void vb_pause_init(vb_pause *p, uint32_t rate_hz) {
    for (int i = 0; i < VB_PAUSE_WINDOWS; i++)
        p->least[i] = INFINITY;
    p->noise_energy = 0.0F;
    p->noise_lag1 = 0.0F;
    p->window = rate_hz / 2;
    p->in_window = 0;
    p->voiced = 0;
}

void vb_pause_sums(const int16_t *x, size_t n, int16_t before, int64_t *energy, int64_t *lag1) {
    int64_t e = 0, r = 0;
    if (n > 0)
        r = (int32_t)x[0] * before;
    for (size_t i = 0; i < n; i++)
        e += (int32_t)x[i] * x[i];
    for (size_t i = 1; i < n; i++)
        r += (int32_t)x[i] * x[i - 1];
    *energy += e;
    *lag1 += r;
}

static float least_of(const vb_pause *p) {
    float least = p->least[0];
    for (int i = 1; i < VB_PAUSE_WINDOWS; i++)
        least = p->least[i] < least ? p->least[i] : least;
    return least;
}

void vb_pause_follow(vb_pause *p, int64_t energy, int64_t lag1, uint32_t n, int in_pause) {
    const float e = (float)energy / (float)n;
    float *newest = &p->least[VB_PAUSE_WINDOWS - 1];
    if (e < *newest)
        *newest = e;
    p->in_window += n;
    if (p->in_window >= p->window) {
        for (int i = 1; i < VB_PAUSE_WINDOWS; i++)
            p->least[i - 1] = p->least[i];
        *newest = INFINITY;
        p->in_window = 0;
    }
    if (in_pause) {
        const float share = p->noise_energy > 0.0F ? SMOOTH : 1.0F;
        p->noise_energy += share * (e - p->noise_energy);
        p->noise_lag1 += share * ((float)lag1 / (float)n - p->noise_lag1);
    }
}

int vb_pause_judge(vb_pause *p, int64_t energy, int64_t lag1, uint32_t n) {
    const float e = (float)energy / (float)n, least = least_of(p), quietest = e < least ? e : least;
    const float floor_e = quietest < FLOOR_MOST ? quietest : FLOOR_MOST;
    const float bar = floor_e * (p->voiced ? GOES_ON : BEGINS);
    p->voiced = e > bar && e > SPEECH_LEAST;
    vb_pause_follow(p, energy, lag1, n, !p->voiced && e < FLOOR_MOST);
    return (int)p->voiced;
}

float vb_pause_floor(const vb_pause *p) {
    return sqrtf(least_of(p));
}

void vb_pause_background(const vb_pause *p, float *rms, float *rho) {
    const float r = p->noise_energy > 0.0F ? p->noise_lag1 / p->noise_energy : 0.0F;
    *rms = sqrtf(p->noise_energy);
    *rho = r > 0.9F ? 0.9F : r < -0.9F ? -0.9F : r;
}
