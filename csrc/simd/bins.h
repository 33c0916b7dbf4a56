/*
 * bins.h - running sums over frequency, by sums of neighbours at growing distances, so that they vectorise.
 *
 *     padded    |<- VB_BINS_MARGIN ->|<- n bins, then up to whole lanes: room ->|<- VB_BINS_MARGIN ->|
 */
#ifndef VB_SIMD_BINS_H
#define VB_SIMD_BINS_H

#include "../vb_denoise_state.h"
#include "../vb_simd.h"

enum { VB_BINS_MARGIN = 32 }; /* room for neighbours on either side of the bins */

/* Fill what is around the n bins. */
VB_INLINE void vb_bins_pad(int n, int room, float *restrict padded, float low, float high) {
    for (int k = 0; k < VB_BINS_MARGIN; k++)
        padded[k] = low;
    for (int k = VB_BINS_MARGIN + n; k < room + 2 * VB_BINS_MARGIN; k++)
        padded[k] = high;
}

/* x[k] = sum of x[k] .. x[k + 8], and of x[k] .. x[k + 26]; n values, of which the last 8 or 26 become useless. */
VB_INLINE void vb_bins_box9(int n, float *x) {
    for (int k = 0; k < n - 2; k++)
        x[k] += x[k + 1] + x[k + 2];
    for (int k = 0; k < n - 8; k++)
        x[k] += x[k + 3] + x[k + 6];
}

VB_INLINE void vb_bins_box27(int n, float *x) {
    vb_bins_box9(n, x);
    for (int k = 0; k < n - 26; k++)
        x[k] += x[k + 9] + x[k + 18];
}

#endif
