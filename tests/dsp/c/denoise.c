/*
 * denoise.c - the suppressor without Python: every form and level, odd addresses, odd pieces, extreme samples, errors,
 * saved states. Meant to be built with the sanitizers. Prints what failed.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vb_denoise.h"

static int n_failed;

static void check(int ok, const char *what) {
    if (!ok) {
        printf("failed: %s\n", what);
        n_failed++;
    }
}

static uint32_t seed = 1;

static uint32_t next_random(void) {
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

enum { N = 4000 };

static void run(vb_simd level, int rate_hz, int low) {
    static char src[4 * N + 1], whole[4 * N + 1], parts[4 * N + 1];
    vb_denoise_select(level);
    for (int is_float = 0; is_float < 2; is_float++) {
        const size_t item = is_float ? sizeof(float) : sizeof(int16_t);
        for (size_t i = 0; i < N; i++) {
            const int quiet = i > 1500 && i < 2600;
            const int16_t x = quiet      ? 0
                              : i > 3000 ? (int16_t)(next_random() % 2 ? 32767 : -32768)
                                         : (int16_t)(next_random() % 3000);
            const float f = i > 3600 ? 3e38f : i > 3400 ? 1e-44f : (float)x / 32768.0f;
            memcpy(src + 1 + item * i, is_float ? (const void *)&f : (const void *)&x, item); /* at odd addresses */
        }
        vb_denoise *a = NULL, *b = NULL;
        check(vb_denoise_create(rate_hz, low, 85.0, &a) == VB_OK && vb_denoise_create(rate_hz, low, 61.0, &b) == VB_OK,
              "create");
        size_t n_whole = 0, n_parts = 0, n = 0;
        const char *x = src + 1;
        char *y = whole + 1;
        check((is_float ? vb_denoise_process_f32(a, (const void *)x, N, (void *)y, N, &n_whole)
                        : vb_denoise_process_i16(a, (const void *)x, N, (void *)y, N, &n_whole)) == VB_OK,
              "process");
        check(n_whole == N / vb_denoise_hop(a) * vb_denoise_hop(a), "the whole hops come out");
        check(vb_denoise_set_level(b, 85.0) == VB_OK, "set_level");
        for (size_t at = 0; at < N;) {
            const size_t left = N - at, piece = next_random() % 400, take = piece < left ? piece : left;
            const size_t room = vb_denoise_max_out(b, take);
            y = parts + 1 + item * n_parts;
            x = src + 1 + item * at;
            if (room > 0)
                check((is_float ? vb_denoise_process_f32(b, (const void *)x, take, (void *)y, room - 1, &n)
                                : vb_denoise_process_i16(b, (const void *)x, take, (void *)y, room - 1, &n)) ==
                              VB_ERR_ROOM &&
                          n == 0,
                      "too little room is refused");
            check((is_float ? vb_denoise_process_f32(b, (const void *)x, take, (void *)y, room, &n)
                            : vb_denoise_process_i16(b, (const void *)x, take, (void *)y, room, &n)) == VB_OK &&
                      n == room,
                  "process a piece");
            at += take;
            n_parts += n;
            vb_denoise *c = NULL;
            void *state = malloc(vb_denoise_state_size(b));
            check(state != NULL && vb_denoise_create(rate_hz, low, 99.0, &c) == VB_OK, "create");
            vb_denoise_save(b, state);
            check(vb_denoise_restore(c, state, vb_denoise_state_size(b)) == VB_OK, "restore");
            check(vb_denoise_restore(c, state, vb_denoise_state_size(b) - 1) == VB_ERR_DATA,
                  "a short state is refused");
            vb_denoise_destroy(b);
            b = c;
            free(state);
        }
        check(n_parts == n_whole && memcmp(whole + 1, parts + 1, item * n_whole) == 0, "pieces give the same bits");
        const float bad[2] = {NAN, INFINITY};
        float out[2];
        for (int i = 0; i < 2; i++)
            check(vb_denoise_process_f32(a, bad + i, 1, out, 2, &n) == VB_ERR_NOT_FINITE && n == 0, "NaN is refused");
        vb_denoise_info info;
        vb_denoise_get_info(a, &info);
        check(info.noise_power >= 0.0f && info.speech_probability <= 1.0f, "info");
        vb_denoise_reset(a);
        check(vb_denoise_level(a) == 85.0 && vb_denoise_pending(a) == 0, "reset");
        vb_denoise_destroy(a);
        vb_denoise_destroy(b);
    }
}

int main(void) {
    for (vb_simd level = VB_SIMD_SCALAR; level <= vb_cpu_best(); level++)
        for (int rate_hz = 8000; rate_hz <= 16000; rate_hz += 8000)
            for (int low = 0; low < 2; low++)
                run(level, rate_hz, low);
    vb_denoise *d;
    check(vb_denoise_create(44100, 0, 85.0, &d) == VB_ERR_ARGUMENT && d == NULL, "rate");
    check(vb_denoise_create(8000, 2, 85.0, &d) == VB_ERR_ARGUMENT && d == NULL, "latency");
    check(vb_denoise_create(8000, 0, (double)NAN, &d) == VB_ERR_ARGUMENT && d == NULL, "level");
    vb_denoise_destroy(NULL);
    printf("%d failed\n", n_failed);
    return n_failed != 0;
}
