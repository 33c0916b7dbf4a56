#include "vb_alaw.h"

#include "simd/alaw.h"

typedef void decode_fn(const uint8_t *restrict src, int16_t *restrict dst, size_t n);
typedef void encode_fn(const int16_t *restrict src, uint8_t *restrict dst, size_t n);

static void decode_scalar(const uint8_t *restrict src, int16_t *restrict dst, size_t n) {
    vb_alaw_decode_body(src, dst, n);
}

static void encode_scalar(const int16_t *restrict src, uint8_t *restrict dst, size_t n) {
    vb_alaw_encode_body(src, dst, n);
}

#if VB_X86_CLONES
VB_TARGET_AVX2 static void decode_avx2(const uint8_t *restrict src, int16_t *restrict dst, size_t n) {
    vb_alaw_decode_body(src, dst, n);
}

VB_TARGET_AVX2 static void encode_avx2(const int16_t *restrict src, uint8_t *restrict dst, size_t n) {
    vb_alaw_encode_body(src, dst, n);
}

VB_TARGET_AVX512 static void encode_avx512(const int16_t *restrict src, uint8_t *restrict dst, size_t n) {
    vb_alaw_encode_body(src, dst, n);
}

/* Decoding stays at AVX2 on AVX-512 machines: gcc's 512-bit code for it is slower. */
static decode_fn *const decoders[] = {decode_scalar, decode_avx2, decode_avx2};
static encode_fn *const encoders[] = {encode_scalar, encode_avx2, encode_avx512};
#else
static decode_fn *const decoders[] = {decode_scalar, decode_scalar, decode_scalar};
static encode_fn *const encoders[] = {encode_scalar, encode_scalar, encode_scalar};
#endif

static decode_fn *decode = decode_scalar;
static encode_fn *encode = encode_scalar;

void vb_alaw_select(vb_simd level) {
    decode = decoders[level];
    encode = encoders[level];
}

void vb_alaw_decode(const uint8_t *restrict src, int16_t *restrict dst, size_t n) {
    decode(src, dst, n);
}

void vb_alaw_encode(const int16_t *restrict src, uint8_t *restrict dst, size_t n) {
    encode(src, dst, n);
}
