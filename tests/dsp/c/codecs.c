/*
 * codecs.c - the stateless kernels without Python: every level against the scalar one, at every alignment and length,
 * in buffers of exactly the right size, so that sanitizers and valgrind see any step outside.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vb_base64.h"
#include "vb_cpu.h"
#include "vb_g711.h"
#include "vb_l16.h"

static int failures;

static void check(int good, const char *what, vb_simd level, size_t n) {
    if (!good) {
        printf("FAILED: %s, %s, n = %zu\n", what, vb_cpu_name(level), n);
        failures++;
    }
}

static void select_level(vb_simd level) {
    vb_g711_select(level);
    vb_l16_select(level);
    vb_base64_select(level);
}

/* A deterministic byte stream (an LCG's high bits). */
static unsigned char next_byte(void) {
    static unsigned state = 1;
    state = state * 1664525u + 1013904223u;
    return (unsigned char)(state >> 24);
}

static void *room(size_t n) {
    void *p = malloc(n ? n : 1);
    if (p == NULL)
        abort();
    return p;
}

static void one_length(vb_simd level, size_t n, size_t offset) {
    unsigned char *bytes = room(offset + 2 * n);
    for (size_t i = 0; i < offset + 2 * n; i++)
        bytes[i] = next_byte();
    const unsigned char *data = bytes + offset;
    char *pcm[2], *codes[2], *alaw_pcm[2], *alaw_codes[2], *swapped[2], *text[2], *back[2];
    for (int pass = 0; pass < 2; pass++) {
        select_level(pass == 0 ? VB_SIMD_SCALAR : level);
        pcm[pass] = room(2 * n), codes[pass] = room(n), alaw_pcm[pass] = room(2 * n), alaw_codes[pass] = room(n);
        swapped[pass] = room(2 * n), text[pass] = room(vb_base64_encoded_len(n)), back[pass] = room(n);
        vb_ulaw_decode(data, (int16_t *)(void *)pcm[pass], n);
        vb_ulaw_encode((const int16_t *)(const void *)data, (uint8_t *)codes[pass], n);
        vb_alaw_decode(data, (int16_t *)(void *)alaw_pcm[pass], n);
        vb_alaw_encode((const int16_t *)(const void *)data, (uint8_t *)alaw_codes[pass], n);
        vb_l16_swap(data, swapped[pass], n);
        vb_base64_encode(data, text[pass], n);
        size_t n_back = 0;
        check(vb_base64_decoded_len(text[pass], vb_base64_encoded_len(n), &n_back) == VB_OK && n_back == n,
              "base64 length", level, n);
        check(vb_base64_decode(text[pass], (uint8_t *)back[pass], vb_base64_encoded_len(n)) == VB_OK, "base64 decode",
              level, n);
        check(memcmp(back[pass], data, n) == 0, "base64 round trip", level, n);
    }
    check(memcmp(pcm[0], pcm[1], 2 * n) == 0, "ulaw decode", level, n);
    check(memcmp(codes[0], codes[1], n) == 0, "ulaw encode", level, n);
    check(memcmp(alaw_pcm[0], alaw_pcm[1], 2 * n) == 0, "alaw decode", level, n);
    check(memcmp(alaw_codes[0], alaw_codes[1], n) == 0, "alaw encode", level, n);
    check(memcmp(swapped[0], swapped[1], 2 * n) == 0, "l16 swap", level, n);
    check(memcmp(text[0], text[1], vb_base64_encoded_len(n)) == 0, "base64 encode", level, n);
    for (int pass = 0; pass < 2; pass++) {
        free(pcm[pass]), free(codes[pass]), free(alaw_pcm[pass]), free(alaw_codes[pass]);
        free(swapped[pass]), free(text[pass]), free(back[pass]);
    }
    free(bytes);
}

int main(void) {
    for (vb_simd level = VB_SIMD_SCALAR; level <= vb_cpu_best(); level++)
        for (size_t n = 0; n < 300; n++)
            for (size_t offset = 0; offset < 3; offset++)
                one_length(level, n, offset);
    printf("%s: %d failed\n", vb_cpu_name(vb_cpu_best()), failures);
    return failures != 0;
}
