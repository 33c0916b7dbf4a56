/*
 * base64_avx2.h - the bulk of base64 in AVX2: 24 bytes <-> 32 characters a step.
 *
 * Both functions handle as many whole steps as fit, and return how many input items they took; the scalar code does the
 * rest. Loads and stores stay inside the buffers.
 */
#ifndef VB_SIMD_BASE64_AVX2_H
#define VB_SIMD_BASE64_AVX2_H

#include "../vb_simd.h"

#if VB_X86_CLONES
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

VB_TARGET_AVX2 static size_t vb_base64_encode_avx2(const uint8_t *restrict src, char *restrict dst, size_t n) {
    /* Each 128-bit lane takes 12 bytes; every 32-bit group of it receives the three bytes of a quad as (b, a, c, b). */
    const __m256i spread = _mm256_setr_epi8(1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10, 1, 0, 2, 1, 4, 3, 5, 4,
                                            7, 6, 8, 7, 10, 9, 11, 10);
    /* What to add to a 6-bit value to reach its character, by class: 0..25 A, 26..51 a, 52..61 0, 62 +, 63 /. */
    const __m256i offsets = _mm256_setr_epi8('a' - 26, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52,
                                             '0' - 52, '0' - 52, '0' - 52, '0' - 52, '+' - 62, '/' - 63, 'A', 0, 0,
                                             'a' - 26, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52,
                                             '0' - 52, '0' - 52, '0' - 52, '0' - 52, '+' - 62, '/' - 63, 'A', 0, 0);
    size_t i = 0;
    /* The second lane's load reads 16 bytes from i + 12. */
    for (; i + 28 <= n; i += 24, dst += 32) {
        const __m128i low = _mm_loadu_si128((const __m128i *)(const void *)(src + i));
        const __m128i high = _mm_loadu_si128((const __m128i *)(const void *)(src + i + 12));
        const __m256i in = _mm256_shuffle_epi8(_mm256_set_m128i(high, low), spread);
        /* 16-bit multiplications shift the four 6-bit fields into place, each into its own byte. */
        const __m256i even =
            _mm256_mulhi_epu16(_mm256_and_si256(in, _mm256_set1_epi32(0x0fc0fc00)), _mm256_set1_epi32(0x04000040));
        const __m256i odd =
            _mm256_mullo_epi16(_mm256_and_si256(in, _mm256_set1_epi32(0x003f03f0)), _mm256_set1_epi32(0x01000010));
        const __m256i values = _mm256_or_si256(even, odd);
        /* Class index: 13 for 0..25, 0 for 26..51, 1..12 for 52..63. */
        const __m256i above = _mm256_subs_epu8(values, _mm256_set1_epi8(51));
        const __m256i upper = _mm256_and_si256(_mm256_cmpgt_epi8(_mm256_set1_epi8(26), values), _mm256_set1_epi8(13));
        const __m256i chars = _mm256_add_epi8(values, _mm256_shuffle_epi8(offsets, _mm256_or_si256(above, upper)));
        _mm256_storeu_si256((__m256i *)(void *)dst, chars);
    }
    return i;
}

/* Stops before the first step that holds a character outside the alphabet. */
VB_TARGET_AVX2 static size_t vb_base64_decode_avx2(const char *restrict src, uint8_t *restrict dst, size_t n) {
    /* A character is valid when the bit that its high nibble selects is clear in the mask of its low nibble. */
    const __m256i low_masks = _mm256_setr_epi8(0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x13, 0x1a,
                                               0x1b, 0x1b, 0x1b, 0x1a, 0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11,
                                               0x11, 0x11, 0x13, 0x1a, 0x1b, 0x1b, 0x1b, 0x1a);
    const __m256i high_bits = _mm256_setr_epi8(0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08, 0x10, 0x10, 0x10, 0x10,
                                               0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08,
                                               0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10);
    /* What to add to a character to reach its value, by high nibble; '/' is moved to the empty class 1. */
    const __m256i offsets =
        _mm256_setr_epi8(0, 63 - '/', 62 - '+', 52 - '0', -'A', -'A', 26 - 'a', 26 - 'a', 0, 0, 0, 0, 0, 0, 0, 0, 0,
                         63 - '/', 62 - '+', 52 - '0', -'A', -'A', 26 - 'a', 26 - 'a', 0, 0, 0, 0, 0, 0, 0, 0);
    const __m256i nibble = _mm256_set1_epi8(0x0f);
    const __m256i slash = _mm256_set1_epi8('/');
    const __m256i pack = _mm256_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1, 2, 1, 0, 6, 5, 4, 10,
                                          9, 8, 14, 13, 12, -1, -1, -1, -1);
    size_t i = 0;
    /* A step stores 32 bytes of which 24 count; the 16 characters that must follow stand for at least 10 more. */
    for (; i + 48 <= n; i += 32, dst += 24) {
        const __m256i in = _mm256_loadu_si256((const __m256i *)(const void *)(src + i));
        const __m256i high = _mm256_and_si256(_mm256_srli_epi32(in, 4), nibble);
        const __m256i low = _mm256_and_si256(in, nibble);
        const __m256i clash =
            _mm256_and_si256(_mm256_shuffle_epi8(low_masks, low), _mm256_shuffle_epi8(high_bits, high));
        if (!_mm256_testz_si256(clash, clash))
            break;
        const __m256i class_of = _mm256_add_epi8(high, _mm256_cmpeq_epi8(in, slash));
        const __m256i values = _mm256_add_epi8(in, _mm256_shuffle_epi8(offsets, class_of));
        /* Join 6-bit fields: pairs into 12 bits, pairs of those into 24, then drop every fourth byte. */
        const __m256i pairs = _mm256_maddubs_epi16(values, _mm256_set1_epi32(0x01400140));
        const __m256i quads = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x00011000));
        const __m256i out =
            _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(quads, pack), _mm256_setr_epi32(0, 1, 2, 4, 5, 6, -1, -1));
        _mm256_storeu_si256((__m256i *)(void *)dst, out);
    }
    return i;
}
#endif

#endif
