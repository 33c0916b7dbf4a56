#include "vb_l16.h"

#include "simd/l16.h"

typedef void copy_fn(const char *restrict src, char *restrict dst, size_t n);
typedef uint32_t check_fn(const char *restrict src, char *restrict dst, size_t n);

static void swap_scalar(const char *restrict src, char *restrict dst, size_t n) {
    vb_l16_swap_body(src, dst, n);
}

static void to_float_scalar(const char *restrict src, char *restrict dst, size_t n) {
    vb_l16_to_float_body(src, dst, n);
}

static uint32_t to_int16_scalar(const char *restrict src, char *restrict dst, size_t n) {
    return vb_l16_to_int16_body(src, dst, n);
}

#if VB_X86_CLONES
VB_TARGET_AVX2 static void swap_avx2(const char *restrict src, char *restrict dst, size_t n) {
    vb_l16_swap_body(src, dst, n);
}

VB_TARGET_AVX2 static void to_float_avx2(const char *restrict src, char *restrict dst, size_t n) {
    vb_l16_to_float_body(src, dst, n);
}

VB_TARGET_AVX2 static uint32_t to_int16_avx2(const char *restrict src, char *restrict dst, size_t n) {
    return vb_l16_to_int16_body(src, dst, n);
}

/* These loops wait for memory at AVX2 already, so AVX-512 machines use the same. */
static copy_fn *const swaps[] = {swap_scalar, swap_avx2, swap_avx2};
static copy_fn *const to_floats[] = {to_float_scalar, to_float_avx2, to_float_avx2};
static check_fn *const to_int16s[] = {to_int16_scalar, to_int16_avx2, to_int16_avx2};
#else
static copy_fn *const swaps[] = {swap_scalar, swap_scalar, swap_scalar};
static copy_fn *const to_floats[] = {to_float_scalar, to_float_scalar, to_float_scalar};
static check_fn *const to_int16s[] = {to_int16_scalar, to_int16_scalar, to_int16_scalar};
#endif

static copy_fn *swap = swap_scalar;
static copy_fn *to_float = to_float_scalar;
static check_fn *to_int16 = to_int16_scalar;

void vb_l16_select(vb_simd level) {
    swap = swaps[level];
    to_float = to_floats[level];
    to_int16 = to_int16s[level];
}

void vb_l16_swap(const void *restrict src, void *restrict dst, size_t n) {
    swap(src, dst, n);
}

void vb_l16_to_float(const int16_t *restrict src, float *restrict dst, size_t n) {
    to_float((const char *)src, (char *)dst, n);
}

vb_status vb_l16_to_int16(const float *restrict src, int16_t *restrict dst, size_t n) {
    return to_int16((const char *)src, (char *)dst, n) == 0 ? VB_OK : VB_ERR_NOT_FINITE;
}
