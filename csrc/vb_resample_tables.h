/*
 * vb_resample_tables.h - equiripple Kth-band prototypes, constants made by tools/make_resample_tables.py.
 *
 * taps[n - 1] is tap n of the half n = 1..half, for a middle tap of 1; the other half is its mirror image.
 */
#ifndef VB_RESAMPLE_TABLES_H
#define VB_RESAMPLE_TABLES_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint32_t band; /* K: one in K taps is zero, and the cut is at 1 / K of the prototype's Nyquist frequency */
    uint32_t quality;
    uint32_t half;
    const float *taps;
} vb_resample_table;

extern const vb_resample_table vb_resample_tables[];
extern const size_t vb_resample_n_tables;

#endif
