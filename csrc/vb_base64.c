#include "vb_base64.h"

#include "simd/base64_avx2.h"
#include "simd/base64_neon.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The value of each character plus one; 0 for one outside the alphabet. */
static const uint8_t value_plus_1[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
};

/* Each takes a prefix of whole groups and returns how many input items it took. */
typedef size_t encode_fn(const uint8_t *restrict src, char *restrict dst, size_t n);
typedef size_t decode_fn(const char *restrict src, uint8_t *restrict dst, size_t n);

/* What every processor of the architecture can do. */
static size_t encode_base(const uint8_t *restrict src, char *restrict dst, size_t n) {
#if defined(__aarch64__)
    return vb_base64_encode_neon(alphabet, src, dst, n);
#else
    (void)src, (void)dst, (void)n;
    return 0;
#endif
}

static size_t decode_base(const char *restrict src, uint8_t *restrict dst, size_t n) {
#if defined(__aarch64__)
    return vb_base64_decode_neon(value_plus_1, src, dst, n);
#else
    (void)src, (void)dst, (void)n;
    return 0;
#endif
}

#if VB_X86_CLONES
static encode_fn *const encoders[] = {encode_base, vb_base64_encode_avx2, vb_base64_encode_avx2};
static decode_fn *const decoders[] = {decode_base, vb_base64_decode_avx2, vb_base64_decode_avx2};
#else
static encode_fn *const encoders[] = {encode_base, encode_base, encode_base};
static decode_fn *const decoders[] = {decode_base, decode_base, decode_base};
#endif

static encode_fn *encode_bulk = encode_base;
static decode_fn *decode_bulk = decode_base;

void vb_base64_select(vb_simd level) {
    encode_bulk = encoders[level];
    decode_bulk = decoders[level];
}

size_t vb_base64_encoded_len(size_t n) {
    return (n + 2) / 3 * 4;
}

void vb_base64_encode(const uint8_t *restrict src, char *restrict dst, size_t n) {
    size_t i = encode_bulk(src, dst, n);
    dst += i / 3 * 4;
    for (; i + 3 <= n; i += 3, dst += 4) {
        const uint32_t v = (uint32_t)src[i] << 16 | (uint32_t)src[i + 1] << 8 | src[i + 2];
        dst[0] = alphabet[v >> 18];
        dst[1] = alphabet[v >> 12 & 63];
        dst[2] = alphabet[v >> 6 & 63];
        dst[3] = alphabet[v & 63];
    }
    if (i < n) {
        const uint32_t v = (uint32_t)src[i] << 16 | (i + 1 < n ? (uint32_t)src[i + 1] << 8 : 0);
        dst[0] = alphabet[v >> 18];
        dst[1] = alphabet[v >> 12 & 63];
        dst[2] = i + 1 < n ? alphabet[v >> 6 & 63] : '=';
        dst[3] = '=';
    }
}

vb_status vb_base64_decoded_len(const char *src, size_t n, size_t *n_out) {
    *n_out = 0;
    if (n % 4 != 0)
        return VB_ERR_DATA;
    if (n > 0)
        *n_out = n / 4 * 3 - (src[n - 1] == '=') - (src[n - 1] == '=' && src[n - 2] == '=');
    return VB_OK;
}

/* The value of a character, or one with its high bits set for a character outside the alphabet. */
static uint32_t value_of(char c) {
    return (uint32_t)value_plus_1[(unsigned char)c] - 1u;
}

vb_status vb_base64_decode(const char *restrict src, uint8_t *restrict dst, size_t n) {
    if (n % 4 != 0)
        return VB_ERR_DATA;
    size_t i = decode_bulk(src, dst, n);
    dst += i / 4 * 3;
    for (; i < n; i += 4, dst += 3) {
        const size_t left = n - i > 4 ? 4 : (size_t)4 - (src[n - 1] == '=') - (src[n - 1] == '=' && src[n - 2] == '=');
        const uint32_t a = value_of(src[i]), b = value_of(src[i + 1]);
        const uint32_t c = left > 2 ? value_of(src[i + 2]) : 0, d = left > 3 ? value_of(src[i + 3]) : 0;
        if ((a | b | c | d) > 63u)
            return VB_ERR_DATA;
        const uint32_t v = a << 18 | b << 12 | c << 6 | d;
        dst[0] = (uint8_t)(v >> 16);
        if (left > 2)
            dst[1] = (uint8_t)(v >> 8);
        if (left > 3)
            dst[2] = (uint8_t)v;
    }
    return VB_OK;
}
