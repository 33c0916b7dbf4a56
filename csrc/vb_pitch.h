/*
 * vb_pitch.h - the pitch period at the end of a stretch of samples.
 *
 * Method:   normalised cross-correlation of the last 20 ms with what lies 5 to 15 ms before it, at 4 kHz first, then
 *           at full rate beside the best lag.
 * Units:    samples in the scale of int16, as float.
 * Threads:  no state; callable from any thread.
 */
#ifndef VB_PITCH_H
#define VB_PITCH_H

#include <stddef.h>
#include <stdint.h>

enum { VB_PITCH_MAX_SPAN = 560 }; /* 35 ms at 16 kHz */

/* How many samples vb_pitch_lag reads: 35 ms. */
size_t vb_pitch_span(uint32_t rate_hz);

/* The lag, 5 to 15 ms in samples, of the span (35 ms, oldest first) at x; *match is its correlation, -1..1. */
size_t vb_pitch_lag(const float *x, uint32_t rate_hz, float *match);

#endif
