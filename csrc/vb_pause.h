/*
 * vb_pause.h - is this block of samples speech or a pause, and what does the background sound like?
 *
 * Method:   the energy of short blocks against a floor that is the least block energy of the last 3 s (six windows of
 *           half a second); 9 dB above the floor begins speech, 6 dB above it goes on. The floor never counts as
 *           higher than -50 dBFS, so that a steady tone or music does not become a pause. The background is described
 *           by its level and its correlation at lag 1, smoothed over pauses.
 * Source:   minimum statistics after R. Martin, "Noise power spectral density estimation ...", IEEE Trans. SAP 9(5),
 * 2001. Units:    samples of int16, energies in their squares. Threads:  none of its own; the caller owns the struct.
 */
#ifndef VB_PAUSE_H
#define VB_PAUSE_H

#include <stddef.h>
#include <stdint.h>

enum { VB_PAUSE_WINDOWS = 6 };

typedef struct {
    float least[VB_PAUSE_WINDOWS]; /* per half second, newest last; the newest is still growing */
    float noise_energy;            /* background, 0 until a pause was seen */
    float noise_lag1;
    uint32_t window; /* samples in half a second */
    uint32_t in_window;
    uint32_t voiced; /* what the last block was */
} vb_pause;

void vb_pause_init(vb_pause *p, uint32_t rate_hz);

/* Sums of x[i]^2 and x[i] x[i - 1] (before: the sample ahead of x[0]). Exact: any split adds up to the same sums. */
void vb_pause_sums(const int16_t *x, size_t n, int16_t before, int64_t *energy, int64_t *lag1);

/* Follow the floor and, in a pause, the background, by the sums of a block of n >= 1 samples. */
void vb_pause_follow(vb_pause *p, int64_t energy, int64_t lag1, uint32_t n, int in_pause);

/* Judge and follow a block of n >= 1 samples by its sums. Returns 1 for speech, 0 for a pause. */
int vb_pause_judge(vb_pause *p, int64_t energy, int64_t lag1, uint32_t n);

/* The RMS of the faintest block of the last 3 s, however loud; INFINITY before there was one. */
float vb_pause_floor(const vb_pause *p);

/* The background's RMS and its correlation at lag 1, in [-0.9, 0.9]. */
void vb_pause_background(const vb_pause *p, float *rms, float *rho);

#endif
