/*
 * vb_math.h - the few functions of <math.h> that differ from library to library, with the same bits everywhere.
 *
 * IEEE 754 says what +, -, *, /, sqrt, floor, ceil, fabs and rint give; not what exp, sin and cos give, and libraries
 * differ in the last bit, even between processors with and without fused multiply-add. Errors are within 2 units in
 * the last place.
 */
#ifndef VB_MATH_H
#define VB_MATH_H

#include <stdint.h>
#include <string.h>

#define VB_PI 3.14159265358979323846
#define VB_LN2 0.69314718055994530942

/* sin(pi * i / n) for 0 <= i <= n, by its Taylor series on the first quarter. */
static inline double vb_sin_pi(uint64_t i, uint64_t n) {
    const uint64_t folded = 2 * i > n ? n - i : i;
    const double x = VB_PI * (double)folded / (double)n;
    double sum = 0.0;
    for (int k = 12; k >= 1; k--)
        sum = (1.0 - sum) * x * x / (double)((2 * k) * (2 * k + 1));
    return x * (1.0 - sum);
}

/* e^x: 0 below -700, and e^700 above 700. By a power of two and a Taylor series within half an octave of 1. */
static inline double vb_exp(double x) {
    if (!(x > -700.0))
        return 0.0;
    x = x < 700.0 ? x : 700.0;
    const double magic = 6755399441055744.0; /* 1.5 * 2^52: adding it rounds to an integer */
    const double octaves = (x / VB_LN2 + magic) - magic;
    /* ln 2 in two parts, the first with so few bits that its product with `octaves` is exact. */
    const double rest = (x - octaves * 0.693147180369123816490) - octaves * 1.90821492927058770002e-10;
    double sum = 1.0;
    for (int k = 13; k >= 1; k--)
        sum = 1.0 + sum * rest / (double)k;
    const uint64_t bits = (uint64_t)((int64_t)octaves + 1023) << 52;
    double power;
    memcpy(&power, &bits, sizeof power);
    return sum * power;
}

/*
 * A crossfade's weights: w(i) = 1/2 - 1/2 cos(pi (i + 1/2) / n) for i = 0 .. n - 1, rising from 0 to 1, by the
 * recurrence of the cosine. n is positive.
 */
typedef struct {
    double turn, now, before;
} vb_fade;

static inline vb_fade vb_fade_begin(uint64_t n) {
    const double half =
        vb_sin_pi(n + 1, 2 * n); /* cos(pi / 2n); cos is even, so it is the value before the first too */
    return (vb_fade){2.0 * (2.0 * half * half - 1.0), half, half};
}

static inline float vb_fade_next(vb_fade *f) {
    const float w = 0.5F - 0.5F * (float)f->now;
    const double later = f->turn * f->now - f->before;
    f->before = f->now;
    f->now = later;
    return w;
}

#endif
