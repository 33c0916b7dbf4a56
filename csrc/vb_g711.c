#include "vb_g711.h"

#include "simd/g711.h"

typedef void decode_fn(const uint8_t *restrict src, int16_t *restrict dst, size_t n);
typedef void encode_fn(const int16_t *restrict src, uint8_t *restrict dst, size_t n);

#define DECODE(target, name, law)                                                                                      \
    target static void name(const uint8_t *restrict src, int16_t *restrict dst, size_t n) {                            \
        vb_g711_decode_body(law, src, dst, n);                                                                         \
    }
#define ENCODE(target, name, law)                                                                                      \
    target static void name(const int16_t *restrict src, uint8_t *restrict dst, size_t n) {                            \
        vb_g711_encode_body(law, src, dst, n);                                                                         \
    }

DECODE(, ulaw_decode_scalar, VB_G711_ULAW)
ENCODE(, ulaw_encode_scalar, VB_G711_ULAW)
DECODE(, alaw_decode_scalar, VB_G711_ALAW)
ENCODE(, alaw_encode_scalar, VB_G711_ALAW)

#if VB_X86_CLONES
DECODE(VB_TARGET_AVX2, ulaw_decode_avx2, VB_G711_ULAW)
ENCODE(VB_TARGET_AVX2, ulaw_encode_avx2, VB_G711_ULAW)
ENCODE(VB_TARGET_AVX512, ulaw_encode_avx512, VB_G711_ULAW)
DECODE(VB_TARGET_AVX2, alaw_decode_avx2, VB_G711_ALAW)
ENCODE(VB_TARGET_AVX2, alaw_encode_avx2, VB_G711_ALAW)
ENCODE(VB_TARGET_AVX512, alaw_encode_avx512, VB_G711_ALAW)

/* Decoding stays at AVX2 on AVX-512 machines: gcc's 512-bit code for it is slower. */
#define DECODERS(law) {law##_decode_scalar, law##_decode_avx2, law##_decode_avx2}
#define ENCODERS(law) {law##_encode_scalar, law##_encode_avx2, law##_encode_avx512}
#else
#define DECODERS(law) {law##_decode_scalar, law##_decode_scalar, law##_decode_scalar}
#define ENCODERS(law) {law##_encode_scalar, law##_encode_scalar, law##_encode_scalar}
#endif

static decode_fn *const ulaw_decoders[] = DECODERS(ulaw);
static decode_fn *const alaw_decoders[] = DECODERS(alaw);
static encode_fn *const ulaw_encoders[] = ENCODERS(ulaw);
static encode_fn *const alaw_encoders[] = ENCODERS(alaw);

static decode_fn *decode_ulaw = ulaw_decode_scalar, *decode_alaw = alaw_decode_scalar;
static encode_fn *encode_ulaw = ulaw_encode_scalar, *encode_alaw = alaw_encode_scalar;

void vb_g711_select(vb_simd level) {
    decode_ulaw = ulaw_decoders[level];
    encode_ulaw = ulaw_encoders[level];
    decode_alaw = alaw_decoders[level];
    encode_alaw = alaw_encoders[level];
}

void vb_ulaw_decode(const uint8_t *restrict src, int16_t *restrict dst, size_t n) {
    decode_ulaw(src, dst, n);
}

void vb_ulaw_encode(const int16_t *restrict src, uint8_t *restrict dst, size_t n) {
    encode_ulaw(src, dst, n);
}

void vb_alaw_decode(const uint8_t *restrict src, int16_t *restrict dst, size_t n) {
    decode_alaw(src, dst, n);
}

void vb_alaw_encode(const int16_t *restrict src, uint8_t *restrict dst, size_t n) {
    encode_alaw(src, dst, n);
}
