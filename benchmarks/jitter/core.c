/*
 * core.c - what push and pull cost in C: messages of 20 ms on a clean path, the least of 200 rounds of 1000.
 *
 *     gcc -std=c11 -O3 -ffp-contract=off -fno-math-errno -fno-trapping-math -Icsrc -o /tmp/core
 * benchmarks/jitter/core.c csrc/vb_cpu.c csrc/vb_ar.c csrc/vb_pitch.c csrc/vb_pause.c csrc/vb_vad.c
 * csrc/vb_conceal.c csrc/vb_conceal_bridge.c csrc/vb_timeline.c csrc/vb_transport.c csrc/vb_target.c csrc/vb_stretch.c csrc/vb_jitter.c
 * csrc/vb_jitter_play.c -lm
 */
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "vb_jitter.h"

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(void) {
    enum { N = 160, CALLS = 1000, ROUNDS = 200, AHEAD = 40 };
    static vb_jitter j;
    static int16_t x[N], y[N];
    int16_t *ring = calloc(vb_jitter_ring_size(8000), sizeof *ring);
    if (ring == NULL)
        return 1;
    for (int i = 0; i < N; i++)
        x[i] = (int16_t)(i * 7919 % 6000 - 3000);
    vb_ar_select(vb_cpu_best());
    vb_jitter_init(&j, ring, 8000, N, 10.0F, 400.0F, 0.08F, 1000.0F);
    double least[2] = {1.0, 1.0}, now = 0.0;
    int64_t chunk = 0;
    for (int round = 0; round < ROUNDS; round++) {
        double spent[2] = {0.0, 0.0};
        for (int call = 0; call < CALLS; call += AHEAD) {
            const double t0 = seconds();
            for (int i = 0; i < AHEAD; i++, chunk++) {
                const double stamp = 20.0 * (double)chunk;
                vb_jitter_push(&j, &chunk, &stamp, x, N, stamp);
            }
            const double t1 = seconds();
            for (int i = 0; i < AHEAD; i++, now += 20.0)
                vb_jitter_pull(&j, now, y, N);
            spent[0] += t1 - t0;
            spent[1] += seconds() - t1;
        }
        for (int i = 0; i < 2; i++)
            least[i] = spent[i] < least[i] ? spent[i] : least[i];
    }
    printf("push %.0f ns, pull %.0f ns; played as received: %.1f %%\n", 1e9 * least[0] / CALLS, 1e9 * least[1] / CALLS,
           100.0 * (double)j.kinds[VB_RUN_NORMAL] / (double)(chunk * N));
    free(ring);
    return 0;
}
