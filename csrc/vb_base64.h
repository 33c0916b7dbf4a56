/*
 * vb_base64.h - base64 with the standard alphabet and padding.
 *
 * Source:   RFC 4648 section 4; the AVX2 paths follow the method of Mula and Lemire, "Faster Base64 Encoding and
 *           Decoding Using AVX2 Instructions", ACM TWEB 12(3), 2018.
 * Threads:  vb_base64_select() once, before use; the rest keeps no state and is callable from any thread.
 * Memory:   allocates nothing. src and dst must not overlap.
 */
#ifndef VB_BASE64_H
#define VB_BASE64_H

#include <stddef.h>
#include <stdint.h>

#include "vb_cpu.h"

/* Use the functions compiled for `level` from now on. Without a call the scalar ones are used. */
void vb_base64_select(vb_simd level);

/* How many characters n bytes take: 4 for every 3 begun. */
size_t vb_base64_encoded_len(size_t n);

/* Write vb_base64_encoded_len(n) characters, padding included, no line breaks, no terminator. */
void vb_base64_encode(const uint8_t *restrict src, char *restrict dst, size_t n);

/*
 * How many bytes n characters hold when they are well-formed: a whole number of quads, the last of which may end in one
 * or two '='. VB_ERR_DATA, and *n_out set to 0, when n is not a multiple of 4.
 */
vb_status vb_base64_decoded_len(const char *src, size_t n, size_t *n_out);

/*
 * Decode n characters into exactly vb_base64_decoded_len() bytes. VB_ERR_DATA for a character outside the alphabet,
 * white space and misplaced padding included; dst is then undefined.
 */
vb_status vb_base64_decode(const char *restrict src, uint8_t *restrict dst, size_t n);

#endif
