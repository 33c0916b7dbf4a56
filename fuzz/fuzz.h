/*
 * fuzz.h - what the harnesses share: the input as a source of decisions, and how a harness says what went wrong.
 *
 * Every harness is one file with LLVMFuzzerTestOneInput(), linked with libFuzzer (run.sh) or with replay.c, which runs
 * kept inputs. Buffers are allocated to the byte, so that AddressSanitizer sees any step outside of them.
 */
#ifndef VB_FUZZ_H
#define VB_FUZZ_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vb_cpu.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    const uint8_t *at;
    size_t left;
} input;

/* The next n <= 8 bytes as a number, most significant first; zeros once the input has ended. */
static inline uint64_t take(input *in, int n) {
    uint64_t v = 0;
    for (int i = 0; i < n; i++) {
        v = v << 8 | (in->left ? *in->at : 0);
        in->at += in->left > 0;
        in->left -= in->left > 0;
    }
    return v;
}

static inline void expect(int ok, const char *what) {
    if (!ok) {
        fprintf(stderr, "failed: %s\n", what);
        abort();
    }
}

static inline void *room(size_t n) {
    void *p = malloc(n ? n : 1);
    expect(p != NULL, "memory");
    return p;
}

/* An instruction set that this processor has. */
static inline vb_simd level_of(uint64_t choice) {
    return (vb_simd)(choice % ((uint64_t)vb_cpu_best() + 1));
}

static inline uint32_t next_random(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return *seed;
}

/* n samples of one of eight styles, the extremes among them. */
static inline void sound_i16(int16_t *x, size_t n, uint64_t style, uint32_t seed) {
    for (size_t i = 0; i < n; i++) {
        const uint32_t r = next_random(&seed);
        switch (style & 7) {
        case 0:
            x[i] = (int16_t)(r >> 16);
            break;
        case 1:
            x[i] = r >> 31 ? 32767 : -32768;
            break;
        case 2:
            x[i] = 0;
            break;
        case 3:
            x[i] = (int16_t)(r >> 26);
            break;
        case 4:
            x[i] = i % 80 < 40 ? 30000 : -30000;
            break;
        case 5:
            x[i] = -32768;
            break;
        case 6:
            x[i] = (int16_t)(200.0 * sin((double)i * 0.039));
            break;
        default:
            x[i] = (int16_t)(20000.0 * sin((double)i * 0.11));
        }
    }
}

/* The same for finite floats: huge, denormal and arbitrary ones instead of the integer extremes. */
static inline void sound_f32(float *x, size_t n, uint64_t style, uint32_t seed) {
    for (size_t i = 0; i < n; i++) {
        const uint32_t r = next_random(&seed);
        const float sign = r >> 31 ? 1.0F : -1.0F;
        switch (style & 7) {
        case 0:
            x[i] = (float)(int32_t)r / 2147483648.0F;
            break;
        case 1:
            x[i] = 3e38F * sign;
            break;
        case 2:
            x[i] = 0.0F;
            break;
        case 3:
            x[i] = 1e-40F * sign;
            break;
        case 4:
            memcpy(x + i, &r, sizeof r);
            x[i] = isfinite(x[i]) ? x[i] : 0.0F;
            break;
        case 5:
            x[i] = 65536.0F;
            break;
        case 6:
            x[i] = 0.006F * (float)sin((double)i * 0.039);
            break;
        default:
            x[i] = (float)sin((double)i * 0.11);
        }
    }
}

#endif
