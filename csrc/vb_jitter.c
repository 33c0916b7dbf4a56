#include "vb_jitter.h"

#include <math.h>
#include <string.h>

#include "vb_cast.h"

#define DISAGREE_MS 10.0 /* more than scattered timestamps move the sender's clock by */
enum { PHASES = 32, LEAD = 3 };

static int64_t samples(const vb_jitter *j, int32_t ms) {
    return (int64_t)(j->rate_hz / 1000) * ms;
}

size_t vb_jitter_ring_size(uint32_t rate_hz) {
    return (size_t)(rate_hz / 1000) * (VB_JITTER_BUFFER_MS + VB_JITTER_HISTORY_MS);
}

void vb_jitter_init(vb_jitter *j, int16_t *ring, uint32_t rate_hz, uint32_t frame, float stalls_per_min, float max_ms,
                    float stretch, float fixed_ms) {
    memset(j, 0, sizeof *j);
    memset(ring, 0, vb_jitter_ring_size(rate_hz) * sizeof *ring);
    j->ring = ring;
    j->rate_hz = rate_hz;
    j->fixed = fixed_ms >= 0.0F;
    j->delay_ms = fixed_ms >= 0.0F ? fixed_ms : 0.0F;
    j->stretch = stretch;
    j->max_ms = max_ms;
    j->hang_ms = 100.0F;
    vb_timeline_init(&j->place, rate_hz, frame);
    vb_transport_init(&j->transport);
    vb_target_init(&j->target, stalls_per_min, max_ms);
    vb_vad_init(&j->vad, rate_hz);
    vb_pause_init(&j->pause, rate_hz);
    vb_conceal_init(&j->conceal, rate_hz, VB_CONCEAL_AUTO);
}

int vb_jitter_valid(const vb_jitter *j) {
    const int64_t room = (int64_t)1 << 60;
    int ok = vb_conceal_valid(&j->conceal) && j->conceal.rate_hz == j->rate_hz && vb_timeline_valid(&j->place) &&
             j->place.rate_hz == j->rate_hz && vb_transport_valid(&j->transport) && vb_target_valid(&j->target) &&
             vb_vad_valid(&j->vad) && j->vad.step == j->rate_hz / 8000;
    ok = ok && j->pos >= 0 && j->pos <= j->end && j->end < room && j->end - j->pos <= samples(j, VB_JITTER_BUFFER_MS);
    ok = ok && j->fill_to <= j->end && j->grid >= 0 && j->grid < room && j->known >= 0 && j->known <= j->pos &&
         j->n_holes <= VB_JITTER_HOLES;
    ok = ok && j->n_epochs <= VB_JITTER_EPOCHS && j->n_runs <= VB_JITTER_RUNS && j->stretch >= 0.0F &&
         j->stretch <= 0.15F && j->tick <= j->rate_hz;
    for (uint32_t i = 0; ok && i < j->n_holes; i++)
        ok = j->hole[i].from < j->hole[i].to && j->hole[i].from >= (i ? j->hole[i - 1].to : 0) &&
             j->hole[i].to <= j->end;
    return ok;
}

void vb_jitter_fetch(const vb_jitter *j, int64_t from, size_t n, int16_t *dst) {
    const size_t cap = vb_jitter_ring_size(j->rate_hz), at = (size_t)(from % (int64_t)cap);
    const size_t first = n < cap - at ? n : cap - at;
    memcpy(dst, j->ring + at, first * sizeof *dst);
    memcpy(dst + first, j->ring, (n - first) * sizeof *dst);
}

double vb_jitter_stamp(const vb_jitter *j, int64_t at) {
    double origin = 0.0;
    int64_t from = 0;
    for (uint32_t i = 0; i < j->n_epochs && (i == 0 || j->epoch[i].from <= at); i++) {
        origin = j->epoch[i].stamp_ms;
        from = j->epoch[i].from;
    }
    return origin + (double)(at - from) * 1000.0 / j->rate_hz;
}

/* From here on, positions are these timestamps. */
static void map_stamp(vb_jitter *j, int64_t from, double stamp_ms) {
    while (j->n_epochs > 1 && j->epoch[1].from <= j->pos - samples(j, VB_JITTER_HISTORY_MS)) {
        memmove(j->epoch, j->epoch + 1, (j->n_epochs - 1) * sizeof *j->epoch);
        j->n_epochs--;
    }
    if (j->n_epochs == VB_JITTER_EPOCHS)
        j->n_epochs--;
    j->epoch[j->n_epochs].from = from;
    j->epoch[j->n_epochs].stamp_ms = stamp_ms;
    j->n_epochs++;
}

/* Copy what the detector reads: the n samples of the media at `at`, behind the VB_VAD_BEFORE ahead of them. */
static void listen(vb_jitter *j, vb_vad *v, int64_t at, uint32_t n) {
    enum { BEFORE = VB_VAD_BEFORE };
    int16_t x[BEFORE + 160];
    const size_t cap = vb_jitter_ring_size(j->rate_hz);
    vb_jitter_fetch(j, (int64_t)((size_t)(at % (int64_t)cap) + cap - BEFORE), BEFORE + n, x);
    vb_vad_add(v, x + BEFORE, n);
}

/*
 * Store media and judge it in blocks of the ring's own 10 ms grid. A block that is not complete counts as what the one
 * before it was. The 30 ms before speech belong to it: they may hold its first breath.
 */
static void store(vb_jitter *j, int64_t at, const int16_t *pcm, uint32_t n) {
    const size_t cap = vb_jitter_ring_size(j->rate_hz);
    const uint32_t hop = j->rate_hz / 100;
    while (n > 0) {
        const int64_t block = at / hop;
        const uint32_t begun = (uint32_t)(at % hop), m = n < hop - begun ? n : hop - begun;
        memcpy(j->ring + at % (int64_t)cap, pcm, m * sizeof *pcm); /* a hop never wraps: the ring holds whole ones */
        if (block != j->judging)
            vb_vad_drop(&j->vad);
        j->judging = block;
        listen(j, &j->vad, at, m);
        uint8_t *flag = &j->voiced[block % VB_JITTER_HOPS];
        *flag = (uint8_t)j->vad.voiced;
        if (begun + m == hop) {
            const int64_t energy = j->vad.energy, next = j->vad.next;
            const uint32_t known = j->vad.n;
            *flag = (uint8_t)vb_vad_judge(&j->vad);
            vb_pause_follow(&j->pause, energy, next, known, !*flag);
            for (int64_t lead = 1; *flag && lead <= LEAD; lead++)
                j->voiced[(block + VB_JITTER_HOPS - lead) % VB_JITTER_HOPS] = 1;
        }
        pcm += m;
        n -= m;
        at += m;
    }
}

/* The same for what comes late: it is judged by what is known now, and teaches nothing. */
static void store_late(vb_jitter *j, int64_t at, const int16_t *pcm, uint32_t n) {
    const vb_vad vad = j->vad;
    const vb_pause pause = j->pause;
    const int64_t judging = j->judging;
    store(j, at, pcm, n);
    j->vad = vad;
    j->pause = pause;
    j->judging = judging;
}

static void drop_holes(vb_jitter *j, int64_t before) {
    uint32_t gone = 0;
    while (gone < j->n_holes && j->hole[gone].to <= before)
        gone++;
    if (gone) {
        j->n_holes -= gone;
        memmove(j->hole, j->hole + gone, j->n_holes * sizeof *j->hole);
    }
    if (j->n_holes && j->hole[0].from < before)
        j->hole[0].from = before;
}

/* Make room so that the media may reach `need`: beyond two seconds the oldest is jumped over, down to max_ms. */
static void make_room(vb_jitter *j, int64_t need) {
    if (need - j->pos <= samples(j, VB_JITTER_BUFFER_MS))
        return;
    const int64_t keep = vb_to_i64((double)j->max_ms * j->rate_hz / 1000.0);
    const int64_t to = need - keep, heard = to < j->end ? to : j->end;
    int64_t lost = heard - j->pos; /* holes are no loss: nothing came for them */
    for (uint32_t i = 0; i < j->n_holes && j->hole[i].from < heard; i++)
        lost -= (j->hole[i].to < heard ? j->hole[i].to : heard) - (j->hole[i].from > j->pos ? j->hole[i].from : j->pos);
    if (lost > 0) {
        j->jumped += (uint64_t)lost;
        j->overflows++;
    }
    j->pos = j->known = to;
    j->end = j->end > to ? j->end : to;
    j->waited = 0;
    j->cut = 1;
    drop_holes(j, to);
}

/* A message out of order: it may still fill a hole ahead of the play-out. */
static int fill_hole(vb_jitter *j, int64_t from, const int16_t *pcm, uint32_t n) {
    const int64_t to = from + n;
    for (uint32_t i = 0; i < j->n_holes && n > 0; i++) {
        vb_hole *h = &j->hole[i];
        if (from < h->from || to > h->to || from < j->fill_to || from < j->pos)
            continue;
        const vb_hole rest = {to, h->to};
        if (from > h->from && rest.from < rest.to) {
            if (j->n_holes == VB_JITTER_HOLES)
                return 0;
            memmove(h + 2, h + 1, (j->n_holes - i - 1) * sizeof *h);
            h[1] = rest;
            h->to = from;
            j->n_holes++;
        } else if (from > h->from) {
            h->to = from;
        } else if (rest.from < rest.to) {
            *h = rest;
        } else {
            memmove(h, h + 1, (j->n_holes - i - 1) * sizeof *h);
            j->n_holes--;
        }
        store_late(j, from, pcm, n);
        return 1;
    }
    return 0;
}

double vb_jitter_reach(const vb_jitter *j) {
    const uint32_t most = j->phase_most[0] > j->phase_most[1] ? j->phase_most[0] : j->phase_most[1];
    return (double)most * 1000.0 / j->rate_hz;
}

/* A message begins at `at`. If none begins where the ticks do, move those. */
static void note_phase(vb_jitter *j, int64_t at) {
    if (j->tick == 0)
        return;
    const int64_t from = (at - j->grid) % j->tick;
    const uint32_t phase = (uint32_t)(from < 0 ? from + j->tick : from);
    j->phase_least = j->n_phases == 0 || phase < j->phase_least ? phase : j->phase_least;
    j->phase_most[0] = phase > j->phase_most[0] ? phase : j->phase_most[0];
    if (++j->n_phases < PHASES)
        return;
    j->grid += j->phase_least;
    j->phase_most[1] = j->phase_most[0] - j->phase_least;
    j->phase_most[0] = j->n_phases = 0;
}

static void note_arrival(vb_jitter *j, double arrival_ms, int64_t at) {
    const double rel = vb_transport_note(&j->transport, arrival_ms, (double)at * 1000.0 / j->rate_hz);
    vb_target_note(&j->target, j->transport.newest_ms, rel);
}

vb_place_kind vb_jitter_push(vb_jitter *j, const int64_t *chunk, const double *stamp_ms, const int16_t *pcm, uint32_t n,
                             double arrival_ms) {
    vb_place p = vb_timeline_place(&j->place, chunk, stamp_ms, pcm, n);
    j->messages++;
    if (p.kind == VB_PLACE_DUPLICATE) {
        j->duplicates++;
        return p.kind;
    }
    if (p.kind == VB_PLACE_LATE) {
        const int64_t from = j->end - p.back;
        if (from >= 0)
            note_arrival(j, arrival_ms, from);
        if (from >= 0 && fill_hole(j, from, pcm, n))
            return VB_PLACE_NEXT;
        j->late++;
        return p.kind;
    }
    if (p.kind == VB_PLACE_EPOCH) {
        j->epochs++;
        vb_transport_restart(&j->transport);
    }
    int64_t from = j->end + p.gap;
    make_room(j, from + n);
    if (p.gap) {
        j->gaps++;
        if (j->n_holes == VB_JITTER_HOLES) { /* too many to keep: what lies between the last two is missing too */
            j->hole[j->n_holes - 1].to = from;
        } else if (from > j->end) {
            j->hole[j->n_holes].from = j->end;
            j->hole[j->n_holes++].to = from;
        }
        drop_holes(j, j->pos);
    }
    if (from < j->pos) { /* longer than what is kept */
        const uint32_t skip = (uint32_t)(j->pos - from);
        pcm += skip;
        n -= skip;
        from = j->pos;
    }
    const double begun_ms = j->place.due_ms - n * 1000.0 / j->rate_hz;
    if (stamp_ms != NULL &&
        (j->n_epochs == 0 || p.kind == VB_PLACE_EPOCH || fabs(begun_ms - vb_jitter_stamp(j, from)) > DISAGREE_MS))
        map_stamp(j, from, begun_ms);
    note_arrival(j, arrival_ms, from);
    note_phase(j, from);
    store(j, from, pcm, n);
    j->end = from + n;
    return p.kind;
}
