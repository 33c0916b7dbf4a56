#include "vb_pause.h"

#include <math.h>

#define FLOOR_MOST (100.0F * 100.0F) /* -50 dBFS: what is 9 dB louder than this is never a pause */
#define SPEECH_LEAST (20.0F * 20.0F) /* -64 dBFS: fainter is no speech */
#define BEGINS 8.0F
#define GOES_ON 4.0F
#define SMOOTH 0.1F

enum { QUIET = 3600 }; /* keeps the sum of 160 products within 32 bits */

void vb_pause_init(vb_pause *p, uint32_t rate_hz) {
    for (int i = 0; i < VB_PAUSE_WINDOWS; i++)
        p->least[i] = INFINITY;
    p->noise_energy = 0.0F;
    p->noise_lag1 = 0.0F;
    p->window = rate_hz / 2;
    p->in_window = 0;
    p->voiced = 0;
}

static int all_quiet(const int16_t *x, size_t n) {
    int16_t low = 0, high = 0;
    for (size_t i = 0; i < n; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    return low >= -QUIET && high <= QUIET;
}

/* Add the products of x and y, both of n samples; `fits`: in 32 bits, which is twice as fast. */
static void add_products(const int16_t *x, const int16_t *y, size_t n, int fits, int64_t *sum) {
    int32_t narrow = 0;
    int64_t wide = 0;
    if (fits)
        for (size_t i = 0; i < n; i++)
            narrow += (int32_t)x[i] * y[i];
    else
        for (size_t i = 0; i < n; i++)
            wide += (int32_t)x[i] * y[i];
    *sum += wide + narrow;
}

void vb_pause_sums(const int16_t *x, size_t n, int16_t before, int64_t *energy, int64_t *lag1) {
    if (n == 0)
        return;
    const int fits = n <= 160 && all_quiet(x, n);
    add_products(x, x, n, fits, energy);
    *lag1 += (int32_t)x[0] * before;
    add_products(x + 1, x, n - 1, fits, lag1);
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
