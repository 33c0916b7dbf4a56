/*
 * vb_conceal_parts.h - what the files of vb_conceal.h share. Private.
 */
#ifndef VB_CONCEAL_PARTS_H
#define VB_CONCEAL_PARTS_H

#include <math.h>

#include "vb_conceal.h"

enum { VB_CONCEAL_BLOCK = 160 };              /* the most that is run on at once */
static const float VB_CONCEAL_PULL = 0.9995F; /* on the poles of a predictor, so that what it makes fades */
static const float VB_CONCEAL_BESIDE = 0.1F;  /* what a predictor learns on one side of a hole weighs on the other */

/* Times, in samples. */
static inline size_t vb_conceal_hold(uint32_t rate_hz) {
    return rate_hz / 1000 * 30;
}

static inline size_t vb_conceal_fade(uint32_t rate_hz) {
    return rate_hz / 1000 * 40;
}

static inline size_t vb_conceal_history(uint32_t rate_hz) {
    return rate_hz / 1000 * 60;
}

static inline size_t vb_conceal_order(uint32_t rate_hz) {
    return rate_hz == 8000 ? 128 : VB_AR_MAX_ORDER;
}

static inline int16_t vb_conceal_int16(float v) {
    if (!(v < 32767.0F))
        return 32767;
    return v < -32768.0F ? INT16_MIN : (int16_t)lrintf(v);
}

/* Uniform noise of variance 1. */
static inline float vb_conceal_white(uint32_t *random) {
    uint32_t r = *random;
    r ^= r << 13;
    r ^= r >> 17;
    r ^= r << 5;
    *random = r;
    return ((float)(r >> 8) * (1.0F / 8388608.0F) - 1.0F) * 1.7320508F;
}

/* First-order noise of the background's level and colour. */
static inline float vb_conceal_noise(vb_conceal *c) {
    const float step = sqrtf(1.0F - c->noise_rho * c->noise_rho) * vb_conceal_white(&c->random) * c->noise_rms;
    c->noise_last = c->noise_rho * c->noise_last + step;
    return c->noise_last;
}

/* The level of the extrapolation, age samples after its beginning. */
static inline float vb_conceal_level(const vb_conceal *c, uint64_t age) {
    const size_t hold = vb_conceal_hold(c->rate_hz), fade = vb_conceal_fade(c->rate_hz);
    if (age <= hold)
        return c->source == VB_CONCEAL_AUTO ? 0.0F : 1.0F;
    return age >= hold + fade || c->source == VB_CONCEAL_AUTO ? 0.0F : 1.0F - (float)(age - hold) / (float)fade;
}

/* n more samples were heard. */
void vb_conceal_remember(vb_conceal *c, const int16_t *src, size_t n);

/* What an extrapolation of x may reach. */
float vb_conceal_reach(const float *x, size_t n);

/* 1 if none of the n samples at x sticks out of silence. */
int vb_conceal_silent(const float *x, size_t n);

/* The last p samples before `end`, the end of them blended with what lies ahead of their start, so that they can be
 * repeated. */
void vb_conceal_cycle(const float *end, size_t p, float *cycle);

/* Open a hole: choose and fit what will run on from the past. The n_next samples at next, if any, follow the hole. */
void vb_conceal_begin(vb_conceal *c, vb_conceal_method method, const int16_t *next, size_t n_next);

/* Repeat the last p samples of the past in the hole that is open, instead of what runs on. */
void vb_conceal_repeat(vb_conceal *c, size_t p);

/* Does the predictor explain n samples at x nearly whole, as it does with tones? It reads `order` more before them. */
int vb_conceal_predicts(const vb_conceal *c, const float *x, size_t n);

/* The next n <= VB_CONCEAL_BLOCK samples of the extrapolation at full level. */
void vb_conceal_run_on(vb_conceal *c, float *dst, size_t n);

#endif
