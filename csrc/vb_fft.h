/*
 * vb_fft.h - Fourier transforms of real signals, 384 or 768 points, or of one complex one, in float32.
 *
 * Method:   the even samples are the real part and the odd ones the imaginary part of a complex transform of half the
 *           length (Stockham's self-sorting radix 4, last stages radix 2 and 3), whose two halves are then joined.
 * Source:   Van Loan, Computational Frameworks for the Fast Fourier Transform (1992), 1.7.
 * Threads:  vb_fft_select() once, before use; the rest keeps no state and is callable from any thread.
 * Memory:   allocates nothing; 6 KiB of stack.
 */
#ifndef VB_FFT_H
#define VB_FFT_H

#include "vb_cpu.h"

enum { VB_FFT_MAX_POINTS = 768 };

/* Use the functions compiled for `level` from now on. Without a call the scalar ones are used. Same bits at all levels.
 */
void vb_fft_select(vb_simd level);

/*
 * re[k] + i im[k] = sum over j of x[j] e^(-2 pi i j k / points), k = 0 .. points/2. points is 384 or 768, anything else
 * does nothing. x is left alone; no two arrays may overlap.
 */
void vb_fft_forward(int points, const float *restrict x, float *restrict re, float *restrict im);

/* The transform of 192 complex values, in place. re and im must not overlap. */
void vb_fft_complex_192(float *restrict re, float *restrict im);

/*
 * The inverse, times points/2 (a forward and an inverse transform multiply by points/2). im[0] and im[points/2] are
 * taken as zero. re and im are left alone; no two arrays may overlap.
 */
void vb_fft_inverse(int points, const float *restrict re, const float *restrict im, float *restrict x);

#endif
