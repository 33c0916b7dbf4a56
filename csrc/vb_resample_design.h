/*
 * vb_resample_design.h - the filter of one rate ratio, laid out for the kernel of vb_resample.h.
 *
 * Method:   A symmetric low-pass prototype at `up` times the input rate, cut at the lower of the two Nyquist
 *           frequencies. With K = max(up, down) it is a Kth-band filter: every Kth tap but the middle one is zero, so
 *           the taps that are left out cost nothing. K = 2, 3, 4 and 6 are equiripple tables (vb_resample_tables.c,
 *           made by tools/make_resample_tables.py); every other K is a Kaiser-windowed sinc, computed here with + - * /
 *           and sqrt only, which IEEE 754 defines to the bit, so no platform's math library changes a sample.
 * Sources:  F. Mintzer, "On half-band, third-band, and Nth-band FIR filters and their design", IEEE Trans. ASSP 30(5),
 *           1982; J. F. Kaiser, "Nonrecursive digital filter design using the I0-sinh window function", ISCAS 1974;
 *           R. E. Crochiere and L. R. Rabiner, "Multirate Digital Signal Processing", 1983, ch. 4 (polyphase forms).
 * Threads:  a design never changes after create; any number of threads and streams may share one.
 * Memory:   create allocates one block, destroy frees it.
 *
 * Time:     tap n of the prototype, -half <= n <= half, weights input i for output k when
 *
 *               n = (k - delay) * down - i * up,       delay = half / down, whole output samples
 *
 *           With that delay the newest input that output k needs has i * up <= k * down + down - 1: it is there as soon
 *           as (k + 1) * down <= up * (inputs so far), which is what makes the counts floor-exact.
 */
#ifndef VB_RESAMPLE_DESIGN_H
#define VB_RESAMPLE_DESIGN_H

#include <stddef.h>
#include <stdint.h>

#include "vb_status.h"

typedef enum { VB_RESAMPLE_VOICE = 0, VB_RESAMPLE_WIDE = 1, VB_RESAMPLE_FAST = 2 } vb_resample_quality;

enum {
    VB_RESAMPLE_MAX_TERM = 1000, /* of the reduced ratio */
    VB_RESAMPLE_PLANES_MAX = 16, /* ratios with both terms up to this run across periods, the others by dot products */
    VB_RESAMPLE_LANES = 16,      /* partial sums of a dot product; also the step of the across kernel */
    VB_RESAMPLE_BLOCK = 960,     /* samples, at the faster rate, of one pass over the planes (at least a period) */
};

/* One output phase of the across kernel: first the taps that two inputs share, then those of a single input. */
typedef struct {
    uint32_t pairs, n_pairs;     /* taps[pairs + t] * (x[near_at[pairs + t]] + x[far_at[pairs + t]]) */
    uint32_t singles, n_singles; /* taps[singles + t] * x[near_at[singles + t]] */
} vb_resample_phase;

typedef struct {
    uint32_t up, down; /* output and input samples of one period */
    uint32_t half;     /* taps on either side of the prototype's middle */
    uint32_t delay;    /* output samples */
    uint32_t across;   /* 1: across kernel, `down` planes; 0: dot kernel, one plane */
    uint32_t history;  /* floats of a plane before the current period */
    uint32_t keep;     /* floats of a plane that must survive between calls */
    uint32_t periods;  /* of one pass */
    uint32_t stride;   /* floats from one plane to the next */
    uint32_t row;      /* dot: taps of one output, a multiple of VB_RESAMPLE_LANES */
    uint32_t n_taps;   /* multiplications of one period */
    float *taps;
    int32_t *near_at; /* across: offsets from a period's place in plane 0; dot: the window's start of each row */
    int32_t *far_at;  /* across */
    vb_resample_phase *phases;
} vb_resample_design;

/*
 * Design the filter of the ratio up : down, which must be in lowest terms, each 1..VB_RESAMPLE_MAX_TERM. On success
 * *design is owned by the caller. VB_ERR_ARGUMENT for a ratio or quality outside the range, VB_ERR_MEMORY; *design is
 * NULL then.
 */
vb_status vb_resample_design_create(uint32_t up, uint32_t down, vb_resample_quality quality,
                                    vb_resample_design **design);

/* Free a design that no stream uses any more; NULL is allowed. */
void vb_resample_design_destroy(vb_resample_design *design);

#endif
