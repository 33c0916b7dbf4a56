/*
 * jitter.c - timeline, jitter buffer and concealment without Python: stalls, bursts, holes, garbage numbers, messages
 * and ticks of any length, in buffers of exactly the right size. Every level must give the bits of the scalar one, and
 * after the set-up nothing may be allocated: the linker sends malloc and its kin here (--wrap), where they are counted.
 * Prints what failed, and a hash of all that was made. Meant to be built with the sanitizers.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vb_jitter.h"

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

static size_t n_allocations;

void *__wrap_malloc(size_t n) {
    n_allocations++;
    return __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size) {
    n_allocations++;
    return __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n) {
    n_allocations++;
    return __real_realloc(p, n);
}

static int n_failed;
static uint64_t hash;
static uint32_t seed;

static void check(int ok, const char *what) {
    if (!ok) {
        printf("failed: %s\n", what);
        n_failed++;
    }
}

static uint32_t next_random(void) {
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

static void add(const int16_t *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ (uint16_t)x[i]) * 0x100000001b3u;
}

static int16_t *room(size_t n) {
    int16_t *p = malloc((n ? n : 1) * sizeof *p);
    if (p == NULL)
        abort();
    return p;
}

/* Buzz, noise, silence or clipping by turns of half a second; whole numbers only, so the same everywhere. */
static void sound(int16_t *x, size_t n, uint32_t rate_hz, size_t at) {
    for (size_t i = 0; i < n; i++) {
        const uint32_t t = (uint32_t)(at + i), turn = t / (rate_hz / 2) % 5, period = rate_hz / 110;
        const int32_t noise = (int32_t)(next_random() % 41) - 20;
        const int32_t buzz = 9000 - 18000 * (int32_t)(t % period) / (int32_t)period;
        x[i] = (int16_t)(turn == 3 ? 0 : turn == 2 ? noise : turn == 4 ? (buzz > 0 ? 32767 : -32768) : buzz + noise);
    }
}

static void conceal(uint32_t rate_hz, vb_conceal_method method) {
    vb_conceal c;
    vb_conceal_init(&c, rate_hz, method);
    for (size_t k = 0, at = 0; k < 120; k++) {
        const size_t n = k < 40 ? k : next_random() % (rate_hz / 5), m = next_random() % 600;
        int16_t *x = room(n), *y = room(n), *after = room(m);
        sound(x, n, rate_hz, at);
        sound(after, m, rate_hz, at + n);
        const size_t before = n_allocations;
        vb_conceal_background(&c, (float)(k % 60), 0.3F, k % 5 ? (float)(k % 50) * 100.0F : INFINITY);
        switch (k % 4) {
        case 0:
            vb_conceal_lost(&c, y, n);
            break;
        case 1:
            vb_conceal_bridge(&c, y, n, after, m);
            break;
        case 2:
            vb_conceal_heard(&c, x, n);
            memcpy(y, x, n * sizeof *y);
            break;
        default:
            vb_conceal_good(&c, x, y, n);
        }
        check(n_allocations == before, "the concealer allocates");
        check(vb_conceal_valid(&c), "the concealer's state is valid");
        add(y, n);
        at += n;
        free(x), free(y), free(after);
    }
}

/* Blocks judged whole and in pieces: the same verdicts and the same state. */
static void judge(uint32_t rate_hz) {
    enum { BEFORE = VB_VAD_BEFORE, BLOCKS = 600 };
    const size_t hop = rate_hz / 100, n = BEFORE + BLOCKS * hop;
    int16_t *x = room(n);
    vb_vad whole, pieces;
    memset(x, 0, n * sizeof *x);
    sound(x + BEFORE, n - BEFORE, rate_hz, 0);
    vb_vad_init(&whole, rate_hz);
    vb_vad_init(&pieces, rate_hz);
    int speech = 0;
    for (size_t k = 0; k < BLOCKS; k++) {
        const int16_t *block = x + BEFORE + k * hop;
        vb_vad_add(&whole, block, hop);
        for (size_t at = 0; at < hop;) {
            const size_t m = next_random() % (hop - at + 1);
            vb_vad_add(&pieces, block + at, m);
            check(vb_vad_valid(&pieces) || at + m == hop, "a detector within a block is valid");
            at += m;
        }
        const int verdict = vb_vad_judge(&whole);
        check(vb_vad_judge(&pieces) == verdict, "pieces are judged as the whole");
        speech += verdict;
    }
    check(memcmp(&whole, &pieces, sizeof whole) == 0, "pieces teach what the whole does");
    check(vb_vad_valid(&whole) && speech > BLOCKS / 3 && speech < BLOCKS, "buzz is speech, and silence is not");
    free(x);
}

/* orderly: messages and ticks of 20 ms, with stalls, bursts and holes; else anything. */
static void play(uint32_t rate_hz, float fixed_ms, float stretch, int orderly) {
    vb_jitter *j = malloc(sizeof *j);
    int16_t *ring = room(vb_jitter_ring_size(rate_hz));
    if (j == NULL)
        abort();
    vb_jitter_init(j, ring, rate_hz, rate_hz / 50, 10.0F, 400.0F, stretch, fixed_ms);
    check(vb_jitter_valid(j), "a new buffer is valid");
    uint64_t kinds = 0, made = 0;
    double now = 1000.0, until = 0.0;
    size_t at = 0;
    int64_t chunk = 0;
    for (int k = 0; k < 1500; k++) {
        const size_t n = orderly ? rate_hz / 50 : next_random() % (rate_hz / 8);
        const size_t tick =
            orderly ? rate_hz / 50 : rate_hz / 1000 + next_random() % (rate_hz / 10 - rate_hz / 1000 + 1);
        int16_t *x = room(n), *y = room(tick);
        sound(x, n, rate_hz, at);
        double stamp = (double)at * 1000.0 / rate_hz, arrival = now > until ? now : until;
        int64_t number = chunk++;
        at += n;
        if (now > until && next_random() % 60 == 0)
            until = now + 40 + next_random() % 400;
        const int lost = next_random() % 40 == 0;
        if (!orderly && next_random() % 8 == 0)
            number = (int64_t)next_random() * (next_random() % 2 ? 1 : -1) * (next_random() % 2 ? 1 : 65537);
        if (!orderly && next_random() % 8 == 0)
            stamp += (double)next_random() - 8e6;
        if (!orderly && next_random() % 50 == 0)
            arrival -= 5000.0;
        const int64_t *given = orderly || next_random() % 6 ? &number : NULL;
        const double *stamped = orderly || next_random() % 6 ? &stamp : NULL;
        const size_t before = n_allocations;
        if (!lost)
            vb_jitter_push(j, given, stamped, x, (uint32_t)n, arrival);
        if (now >= until || k % 3)
            vb_jitter_pull(j, now, y, (uint32_t)tick), made += tick;
        else
            memset(y, 0, tick * sizeof *y), j->n_runs = 0;
        check(n_allocations == before, "push or pull allocates");
        uint64_t sum = 0;
        for (uint32_t i = 0; i < j->n_runs; i++)
            sum += j->run[i].n;
        check(j->n_runs == 0 || sum == tick, "the runs add up to the tick");
        check(vb_jitter_valid(j), "the buffer's state is valid");
        check(j->end >= j->pos && (double)(j->end - j->pos) * 1000.0 / rate_hz <= VB_JITTER_BUFFER_MS, "bounded");
        add(y, tick);
        now += (double)tick * 1000.0 / rate_hz;
        free(x), free(y);
    }
    for (int i = 0; i < VB_RUN_KINDS; i++)
        kinds += j->kinds[i];
    check(kinds == made, "every sample is counted");
    if (orderly && fixed_ms < 0.0F)
        check(j->gaps > 0 && j->kinds[VB_RUN_CONCEAL] > 0 && j->kinds[VB_RUN_FAST] > 0 && j->late == 0,
              "there were holes, stalls and cuts, and nothing late");
    free(ring), free(j);
}

static uint64_t everything(vb_simd level) {
    vb_ar_select(level);
    seed = 1;
    hash = 0xcbf29ce484222325u;
    for (uint32_t rate_hz = 8000; rate_hz <= 16000; rate_hz += 8000) {
        for (int method = VB_CONCEAL_AUTO; method <= VB_CONCEAL_PITCH; method++)
            conceal(rate_hz, (vb_conceal_method)method);
        for (int orderly = 0; orderly < 2; orderly++) {
            play(rate_hz, -1.0F, 0.08F, orderly);
            play(rate_hz, -1.0F, 0.15F, orderly);
            play(rate_hz, 100.0F, 0.0F, orderly);
        }
    }
    return hash;
}

/* Every length of history and order around the lanes' edges, in exact buffers; a predictor of a tone predicts it. */
static void predictors(void) {
    for (size_t order = 1; order <= VB_AR_MAX_ORDER; order += order < 40 ? 1 : 17) {
        const size_t n = order + 2 + next_random() % (VB_AR_MAX_HISTORY - order - 1);
        const size_t n_also = next_random() % 3 * (next_random() % 300);
        float *x = malloc(n * sizeof *x), *coef = malloc(order * sizeof *coef),
              *line = malloc((order + 7) * sizeof *line), *also = malloc((n_also + 1) * sizeof *also);
        if (x == NULL || coef == NULL || line == NULL || also == NULL)
            abort();
        for (size_t i = 0; i < n_also; i++)
            also[i] = i % 8 < 4 ? 300.0F : -300.0F;
        for (size_t i = 0; i < n; i++)
            x[i] = i % 8 < 4 ? 1000.0F : -1000.0F;
        const size_t before = n_allocations;
        vb_ar_fit(x, n, also, n_also, 0.1F, coef, order);
        vb_ar_pull(coef, order, 0.9995F);
        memcpy(line, x + n - order, order * sizeof *line);
        memset(line + order, 0, 7 * sizeof *line);
        vb_ar_extend(coef, order, line, 7, 1000.0F);
        check(n_allocations == before, "the predictor allocates");
        if (order >= 16 && n > 4 * order)
            for (size_t i = 0; i < 7; i++) {
                const float off = line[order + i] - ((n + i) % 8 < 4 ? 1000.0F : -1000.0F);
                check(off < 200.0F && off > -200.0F, "a period of eight goes on");
            }
        free(x), free(coef), free(line), free(also);
    }
}

/* Numbers that a cast to an integer cannot hold, or that would point before a ring. */
static void corners(void) {
    static int16_t pcm[32000];
    static const int64_t chunk[] = {1, 2, 4, 3};
    const double wrap = 4294967296.0, stamp[] = {0.0, 20.0, 44.9, 44.9};
    const uint32_t n[] = {160, 80, 1, 80};
    vb_timeline t;
    vb_place p = {VB_PLACE_NEXT, 0, 0};
    vb_timeline_init(&t, 8000, 160);
    for (int k = 0; k < 4; k++)
        p = vb_timeline_place(&t, chunk + k, stamp + k, pcm, n[k]);
    check(p.kind == VB_PLACE_LATE && p.back > 0, "late, though its timestamp lies beyond the end");
    const double turned[] = {wrap + 10.0, wrap + 4010.0, wrap + 8010.0, 19.0};
    vb_timeline_init(&t, 8000, 160);
    for (int k = 0; k < 4; k++)
        p = vb_timeline_place(&t, NULL, turned + k, pcm, k < 2 ? 32000 : 20000);
    check(p.kind == VB_PLACE_LATE && p.back == UINT32_MAX, "late by more than can be told");
    vb_transport r;
    vb_transport_init(&r);
    for (int k = 0; k < 100; k++)
        check(vb_transport_note(&r, -1e300 + k, -1e300) == 0.0, "on time, before any clock");
    check(vb_transport_valid(&r), "the transport's state is valid");
}

int main(void) {
    const uint64_t scalar = everything(VB_SIMD_SCALAR);
    predictors();
    corners();
    judge(8000);
    judge(16000);
    for (vb_simd level = VB_SIMD_SCALAR + 1; level <= vb_cpu_best(); level++) {
        check(everything(level) == scalar, "every level gives the same bits");
        predictors();
    }
    check(n_allocations > 1000, "the runner's own allocations are counted");
    printf("%d failed, hash %016" PRIx64 "\n", n_failed, scalar);
    return n_failed != 0;
}
