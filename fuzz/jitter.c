/* The jitter buffer: any messages and ticks; runs add up, nothing is kept for longer than it may be, the state is
 * valid. */
#include "fuzz.h"
#include "vb_ar.h"
#include "vb_jitter.h"

typedef struct {
    int64_t chunk;
    double stamp, arrival, now;
    uint32_t rate_hz;
} path;

static int64_t chunk_after(input *in, int64_t chunk, uint64_t choice) {
    static const int64_t steps[] = {1, 1, 1, 2, -1, 0};
    if (choice == 7)
        return (int64_t)take(in, 8) % ((int64_t)1 << 61);
    return choice == 6 ? chunk + (int16_t)take(in, 2) : chunk + steps[choice];
}

static double stamp_after(input *in, double stamp, uint64_t choice, double length_ms) {
    const double to = choice == 5   ? stamp + (double)(int8_t)take(in, 1)
                      : choice == 6 ? stamp + (double)(int16_t)take(in, 2)
                      : choice == 7 ? (double)(int64_t)take(in, 8) / 1024.0
                                    : stamp + length_ms;
    return fabs(to) < 9007199254740992.0 ? to : 0.0;
}

static double arrival_after(input *in, const path *p, uint64_t choice) {
    return choice == 0   ? p->arrival + 20.0
           : choice == 1 ? p->arrival + (double)(int8_t)take(in, 1)
           : choice == 2 ? p->now
                         : p->arrival + (double)(int32_t)take(in, 4) / 64.0;
}

static void push(input *in, vb_jitter *j, path *p, uint64_t how) {
    const uint64_t numbers = take(in, 1);
    uint32_t n = p->rate_hz / 50;
    if (how >> 5 == 7)
        n = (uint32_t)take(in, 3) % (60 * p->rate_hz + 1);
    else if (how & 2)
        n = (uint32_t)(how & 4 ? take(in, 2) % 4000 : take(in, 1));
    p->chunk = chunk_after(in, p->chunk, numbers & 7);
    p->stamp = stamp_after(in, p->stamp, numbers >> 3 & 7, n * 1000.0 / p->rate_hz);
    p->arrival = arrival_after(in, p, how >> 3 & 3);
    int16_t *pcm = room(n * sizeof *pcm);
    sound_i16(pcm, n, how >> 5, (uint32_t)numbers);
    const int untold = numbers & 1;
    vb_jitter_push(j, untold && numbers & 64 ? NULL : &p->chunk, untold && numbers & 128 ? NULL : &p->stamp, pcm, n,
                   p->arrival);
    free(pcm);
}

static void pull(input *in, vb_jitter *j, path *p, uint64_t how) {
    const uint32_t ms = p->rate_hz / 1000;
    const uint32_t n = how & 2 ? ms + (uint32_t)take(in, 2) % (99 * ms + 1) : 20 * ms;
    p->now += how & 4 ? (double)take(in, how & 8 ? 4 : 1) : n * 1000.0 / p->rate_hz;
    p->now = p->now < 1e15 ? p->now : 1e15;
    int16_t *dst = room(n * sizeof *dst);
    vb_jitter_pull(j, p->now, dst, n);
    free(dst);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < j->n_runs; i++) {
        const vb_run *r = &j->run[i];
        sum += r->n;
        expect(r->kind >= VB_RUN_NORMAL && r->kind < VB_RUN_KINDS, "a run's kind");
        expect(r->from > r->to || (r->to <= j->end && isfinite(r->media_ms[0]) && isfinite(r->media_ms[1])),
               "a run's media");
        expect(r->kind != VB_RUN_NORMAL || r->to - r->from == (int64_t)r->n,
               "a normal run has the length of its media");
    }
    expect(sum == n, "the runs add up to the tick");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    input in = {data, size};
    const uint64_t form = take(&in, 1);
    path p = {0, 0.0, 0.0, 0.0, form & 1 ? 16000 : 8000};
    vb_jitter *j = room(sizeof *j);
    int16_t *ring = room(vb_jitter_ring_size(p.rate_hz) * sizeof *ring);
    vb_ar_select(level_of(form >> 1 & 3));
    vb_jitter_init(j, ring, p.rate_hz, p.rate_hz / 1000 * (uint32_t)(1 + take(&in, 2) % 1000),
                   0.1F + (float)take(&in, 1), 20.0F + (float)(take(&in, 2) % 1481),
                   (float)(take(&in, 1) % 16) / 100.0F, form & 8 ? (float)(take(&in, 2) % 1501) : -1.0F);
    if (form & 16)
        p.now = p.arrival = (double)(int64_t)take(&in, 8) / 65536.0;
    for (int k = 0; in.left && k < 400; k++) {
        const uint64_t how = take(&in, 1);
        if (how & 1)
            push(&in, j, &p, how);
        else
            pull(&in, j, &p, how);
        expect(vb_jitter_valid(j), "the state is valid");
        expect(j->end - j->pos <= (int64_t)p.rate_hz * 2, "two seconds are kept at most");
    }
    free(ring), free(j);
    return 0;
}
