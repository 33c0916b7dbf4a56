#include "vb_fft.h"

#include "simd/fft.h"
#include "vb_fft_tables.h"

typedef void forward_fn(int points, const float *restrict x, float *restrict re, float *restrict im);
typedef void inverse_fn(int points, const float *restrict re, const float *restrict im, float *restrict x);
typedef void complex_fn(float *restrict re, float *restrict im);

/* The length is a constant in each call, so that every loop of the body is compiled for it. */
VB_INLINE void forward_any(int points, const float *restrict x, float *restrict re, float *restrict im) {
    if (points == 384)
        vb_fft_forward_body(384, vb_fft_stage_384, vb_fft_real_384, x, re, im);
    else if (points == 768)
        vb_fft_forward_body(768, vb_fft_stage_768, vb_fft_real_768, x, re, im);
}

VB_INLINE void inverse_any(int points, const float *restrict re, const float *restrict im, float *restrict x) {
    if (points == 384)
        vb_fft_inverse_body(384, vb_fft_stage_384, vb_fft_real_384, re, im, x);
    else if (points == 768)
        vb_fft_inverse_body(768, vb_fft_stage_768, vb_fft_real_768, re, im, x);
}

VB_INLINE void complex_any(float *restrict re, float *restrict im) {
    float scratch_re[192], scratch_im[192];
    vb_fft_complex(192, vb_fft_stage_384, re, im, scratch_re, scratch_im);
}

static void forward_scalar(int points, const float *restrict x, float *restrict re, float *restrict im) {
    forward_any(points, x, re, im);
}

static void inverse_scalar(int points, const float *restrict re, const float *restrict im, float *restrict x) {
    inverse_any(points, re, im, x);
}

static void complex_scalar(float *restrict re, float *restrict im) {
    complex_any(re, im);
}

#if VB_X86_CLONES
VB_TARGET_AVX2 static void forward_avx2(int points, const float *restrict x, float *restrict re, float *restrict im) {
    forward_any(points, x, re, im);
}

VB_TARGET_AVX2 static void inverse_avx2(int points, const float *restrict re, const float *restrict im,
                                        float *restrict x) {
    inverse_any(points, re, im, x);
}

VB_TARGET_AVX2 static void complex_avx2(float *restrict re, float *restrict im) {
    complex_any(re, im);
}

/* 512-bit registers are wider than most stages' rows: AVX2 serves both. */
static forward_fn *const forwards[] = {forward_scalar, forward_avx2, forward_avx2};
static inverse_fn *const inverses[] = {inverse_scalar, inverse_avx2, inverse_avx2};
static complex_fn *const complexes[] = {complex_scalar, complex_avx2, complex_avx2};
#else
static forward_fn *const forwards[] = {forward_scalar, forward_scalar, forward_scalar};
static inverse_fn *const inverses[] = {inverse_scalar, inverse_scalar, inverse_scalar};
static complex_fn *const complexes[] = {complex_scalar, complex_scalar, complex_scalar};
#endif

static forward_fn *forward = forward_scalar;
static inverse_fn *inverse = inverse_scalar;
static complex_fn *complex_192 = complex_scalar;

void vb_fft_select(vb_simd level) {
    forward = forwards[level];
    inverse = inverses[level];
    complex_192 = complexes[level];
}

void vb_fft_forward(int points, const float *restrict x, float *restrict re, float *restrict im) {
    forward(points, x, re, im);
}

void vb_fft_inverse(int points, const float *restrict re, const float *restrict im, float *restrict x) {
    inverse(points, re, im, x);
}

void vb_fft_complex_192(float *restrict re, float *restrict im) {
    complex_192(re, im);
}
