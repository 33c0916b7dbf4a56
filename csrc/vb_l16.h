/*
 * vb_l16.h - 16-bit linear PCM: byte order, and conversion to and from 32-bit float.
 *
 * Units:    int16 full scale 32768, float full scale 1.0.
 * Threads:  vb_l16_select() once, before use; the rest keeps no state and is callable from any thread, without the GIL.
 * Memory:   allocates nothing. Buffers may be at any address, aligned or not; they must not overlap.
 */
#ifndef VB_L16_H
#define VB_L16_H

#include <stddef.h>
#include <stdint.h>

#include "vb_cpu.h"

/* Use the functions compiled for `level` from now on. Without a call the scalar ones are used. */
void vb_l16_select(vb_simd level);

/* Copy n 16-bit samples, exchanging the two bytes of each. */
void vb_l16_swap(const void *restrict src, void *restrict dst, size_t n);

/* dst[i] = src[i] / 32768, exact. */
void vb_l16_to_float(const int16_t *restrict src, float *restrict dst, size_t n);

/*
 * dst[i] = src[i] * 32768, rounded half to even, saturated to [-32768, 32767].
 * VB_ERR_NOT_FINITE when src holds a NaN or an infinity; dst is then undefined.
 */
vb_status vb_l16_to_int16(const float *restrict src, int16_t *restrict dst, size_t n);

#endif
