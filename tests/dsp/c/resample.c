/*
 * resample.c - the resampler without Python: every level, ratio, format and split gives the same bits, in buffers of
 * exactly the right size, so that sanitizers and valgrind see any step outside. Prints a hash of all outputs.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vb_cpu.h"
#include "vb_resample.h"

enum { N = 2100 };

static int failures;

static void check(int good, const char *what) {
    if (!good) {
        printf("FAILED: %s\n", what);
        failures++;
    }
}

static uint32_t next_random(void) {
    static uint32_t state = 1;
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

static uint64_t hashed(uint64_t hash, const void *data, size_t n) {
    const unsigned char *bytes = data;
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ bytes[i]) * 1099511628211u;
    return hash;
}

static void *room(size_t n) {
    void *p = malloc(n ? n : 1);
    if (p == NULL)
        abort();
    return p;
}

/* Push n samples through buffers of their own; returns the hash of what came. */
static uint64_t push(vb_resample *s, const char *src, size_t n, size_t item, uint64_t hash) {
    const size_t expected = vb_resample_output_len(s, n);
    char *in = room(n * item), *out = room(expected * item);
    size_t got = 0;
    memcpy(in, src, n * item);
    if (expected > 0)
        check(vb_resample_process(s, in, n, out, expected - 1, &got) == VB_ERR_ROOM && got == 0, "room");
    check(vb_resample_process(s, in, n, out, expected, &got) == VB_OK && got == expected, "process");
    hash = hashed(hash, out, got * item);
    free(in);
    free(out);
    return hash;
}

static uint64_t finish(vb_resample *s, size_t item, uint64_t hash) {
    const size_t expected = vb_resample_flush_len(s);
    char *out = room(expected * item);
    size_t got = 0;
    check(vb_resample_flush(s, out, expected, &got) == VB_OK && got == expected, "flush");
    hash = hashed(hash, out, got * item);
    free(out);
    return hash;
}

/* One stream, split at random when asked, carried over to a new object half-way. */
static uint64_t stream(const vb_resample_design *d, vb_resample_format format, const char *src, int split) {
    const size_t item = format == VB_RESAMPLE_FLOAT32 ? 4 : 2;
    uint64_t hash = 14695981039346656037u;
    vb_resample *s, *next;
    check(vb_resample_create(d, format, &s) == VB_OK && vb_resample_create(d, format, &next) == VB_OK, "create");
    for (size_t at = 0; at < N;) {
        size_t n = split ? next_random() % (next_random() % 4 == 0 ? 900 : 5) : N;
        n = n < N - at ? n : N - at;
        hash = push(s, src + at * item, n, item, hash);
        at += n;
        if (split && at > N / 2 && next != NULL) {
            const size_t size = vb_resample_state_size(s);
            char *state = room(size);
            vb_resample_save(s, state);
            check(vb_resample_load(next, state, size - 1) == VB_ERR_DATA, "a short state");
            check(vb_resample_load(next, state, size) == VB_OK, "load");
            free(state);
            vb_resample_destroy(s);
            s = next;
            next = NULL;
        }
    }
    hash = finish(s, item, hash);
    vb_resample_skip(s, d->delay);
    vb_resample_reset(s, 20, 30);
    hash = push(s, src, N / 2, item, hash);
    vb_resample_destroy(s);
    vb_resample_destroy(next);
    return hash;
}

int main(void) {
    static const uint32_t ratios[][2] = {{1, 1},    {2, 1},    {1, 2},     {3, 1},     {1, 3},      {2, 3},    {3, 4},
                                         {6, 1},    {1, 6},    {5, 7},     {16, 15},   {12, 1},     {1, 48},   {48, 1},
                                         {80, 441}, {441, 80}, {147, 160}, {640, 441}, {1000, 999}, {17, 1000}};
    static float floats[N];
    static int16_t integers[N];
    uint64_t all = 14695981039346656037u;
    for (int i = 0; i < N; i++) {
        integers[i] = (int16_t)((int)(next_random() & 0xffff) - 32768);
        floats[i] = (float)integers[i] / 32768.0f;
    }
    for (size_t r = 0; r < sizeof ratios / sizeof ratios[0]; r++) {
        for (int quality = VB_RESAMPLE_VOICE; quality <= VB_RESAMPLE_FAST; quality++) {
            vb_resample_design *d;
            check(vb_resample_design_create(ratios[r][0], ratios[r][1], (vb_resample_quality)quality, &d) == VB_OK,
                  "design");
            for (int format = VB_RESAMPLE_INT16; format <= VB_RESAMPLE_FLOAT32; format++) {
                const char *src = format == VB_RESAMPLE_INT16 ? (const char *)integers : (const char *)floats;
                vb_resample_select(VB_SIMD_SCALAR);
                const uint64_t expected = stream(d, (vb_resample_format)format, src, 0);
                all = hashed(all, &expected, sizeof expected);
                uint64_t whole = 0;
                for (int level = VB_SIMD_SCALAR; level <= (int)vb_cpu_best(); level++) {
                    vb_resample_select((vb_simd)level);
                    whole = stream(d, (vb_resample_format)format, src, 0);
                    check(whole == expected, "levels give the same bits");
                    /* The hash runs over all outputs in order, so it does not see where they were split. */
                    check(stream(d, (vb_resample_format)format, src, 1) == expected, "splits give the same bits");
                }
            }
            vb_resample_design_destroy(d);
        }
    }
    vb_resample_design *d;
    check(vb_resample_design_create(2, 4, VB_RESAMPLE_VOICE, &d) == VB_ERR_ARGUMENT && d == NULL, "2 : 4");
    check(vb_resample_design_create(0, 1, VB_RESAMPLE_VOICE, &d) == VB_ERR_ARGUMENT && d == NULL, "0 : 1");
    check(vb_resample_design_create(1, 1001, VB_RESAMPLE_VOICE, &d) == VB_ERR_ARGUMENT && d == NULL, "1 : 1001");
    check(vb_resample_design_create(1, 2, VB_RESAMPLE_VOICE, &d) == VB_OK, "1 : 2");
    vb_resample *s;
    check(vb_resample_create(d, VB_RESAMPLE_FLOAT32, &s) == VB_OK, "create");
    const float bad[3] = {0.0f, NAN, 0.0f};
    float out[3];
    size_t got = 9;
    check(vb_resample_process(s, bad, 3, out, 3, &got) == VB_ERR_NOT_FINITE && got == 0, "NaN");
    vb_resample_destroy(s);
    vb_resample_design_destroy(d);
    printf("%s: %d failed, hash %016" PRIx64 "\n", vb_cpu_name(vb_cpu_best()), failures, all);
    return failures != 0;
}
