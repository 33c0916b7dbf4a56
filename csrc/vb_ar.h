/*
 * vb_ar.h - linear prediction by Burg's method, and extrapolation with it.
 *
 * Method:   Burg's lattice recursion on the forward and backward prediction errors; its poles may be pulled in,
 *           and what it predicts is held within a peak: poles inside the unit circle do not keep a predictor of
 *           high order from swelling for a while.
 * Source:   J. P. Burg, "Maximum entropy spectral analysis", 1967; S. M. Kay, "Modern Spectral Estimation", 1988, 7.3.
 * Units:    samples in the scale of int16 (full scale 32768), as float.
 * Threads:  no state but the choice of instruction set at import; callable from any thread, without the GIL.
 * Bits:     sums run in 16 fixed lanes, so every instruction set gives the same bits.
 */
#ifndef VB_AR_H
#define VB_AR_H

#include <stddef.h>

#include "vb_cpu.h"

enum {
    VB_AR_MAX_ORDER = 192,  /* a multiple of 16 */
    VB_AR_MAX_HISTORY = 960 /* 60 ms at 16 kHz */
};

void vb_ar_select(vb_simd level);

/*
 * Fit a predictor of `order` coefficients (1..VB_AR_MAX_ORDER) to the n samples at x (order + 2 <= n <=
 * VB_AR_MAX_HISTORY), oldest first, and to the n_also at also (0..VB_AR_MAX_HISTORY), which are brought to the power of
 * x, as far as 12 dB do it, and count `weight` times as much. Burg's method does not mind which of them comes first,
 * nor which way time runs in either. coef[j] weighs the sample order - j steps back, so the next sample is the dot
 * product of coef and the last `order` samples. Returns the power of what it cannot predict: driven by white noise of
 * that power, it makes noise with the power and the spectrum of x.
 */
float vb_ar_fit(const float *restrict x, size_t n, const float *restrict also, size_t n_also, float weight,
                float *restrict coef, size_t order);

/* Multiply the predictor's poles by `pull`, 0 to 1: what it extrapolates fades. */
void vb_ar_pull(float *coef, size_t order, float pull);

/*
 * Extrapolate n samples of at most +-most: line[0..order) are the last samples, and line[order..order + n) holds what
 * is added to each prediction, and is written over. Going on later with the last `order` samples of line gives the same
 * bits as one longer call.
 */
void vb_ar_extend(const float *restrict coef, size_t order, float *restrict line, size_t n, float most);

/* Dot product of n items in the project's fixed order of summation. */
float vb_ar_dot(const float *a, const float *b, size_t n);

#endif
