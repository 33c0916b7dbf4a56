#include <math.h>
#include <string.h>

#include "vb_cast.h"
#include "vb_jitter.h"
#include "vb_stretch.h"

#define REFRESH_MS 500.0
#define HANG_MS 100.0F /* so long a pause must be before it is a place to cut and hold */
#define START_MS 40.0  /* what the first message waits at most */
#define CLEAN_MS 5.0   /* so little delay is not worth giving back */
#define EPS_MS 0.5     /* a smaller error is none */
#define CUT_MOST 2.0F  /* a pause runs at up to three times its speed */
#define REST_MS 60.0F  /* after looking for a period in vain: looking is dear, and voices change no faster */
#define LOOK_PER_DB                                                                                                    \
    25.0F /* the front is kept so much later by each dB that the background varies by: a weak beginning */
#define LOOK_MOST_MS 40.0F /* of a word is known by what follows it */
#define SPAN_MS 35
#define STOPPED_MS 400 /* when nothing has come for so long, the sender is taken to have stopped */

static uint32_t samples(const vb_jitter *j, uint32_t ms) {
    return j->rate_hz / 1000 * ms;
}

static double ms_of(const vb_jitter *j, int64_t n) {
    return (double)n * 1000.0 / j->rate_hz;
}

static int voiced_at(const vb_jitter *j, int64_t at) {
    return j->voiced[at / (j->rate_hz / 100) % VB_JITTER_HOPS];
}

/* Samples from `at` on, up to `to`, before speech begins. */
static uint32_t quiet_run(const vb_jitter *j, int64_t at, int64_t to) {
    const int64_t hop = j->rate_hz / 100;
    int64_t i = at;
    while (i < to && !voiced_at(j, i))
        i = (i / hop + 1) * hop;
    return (uint32_t)((i < to ? i : to) - at);
}

/* Where the epoch that a position lies in began. */
static int64_t seam_before(const vb_jitter *j, int64_t at) {
    int64_t from = 0;
    for (uint32_t i = 0; i < j->n_epochs && j->epoch[i].from <= at; i++)
        from = j->epoch[i].from;
    return from;
}

/* Where the next epoch begins, or `to` if that comes first. */
static int64_t seam_after(const vb_jitter *j, int64_t at, int64_t to) {
    for (uint32_t i = 0; i < j->n_epochs; i++)
        if (j->epoch[i].from > at)
            return j->epoch[i].from < to ? j->epoch[i].from : to;
    return to;
}

static void add_run(vb_jitter *j, vb_run_kind kind, uint32_t n, int64_t from, int64_t to) {
    vb_run *last = j->n_runs ? &j->run[j->n_runs - 1] : NULL;
    j->kinds[kind] += n;
    if (last && last->kind == (int32_t)kind &&
        (kind == VB_RUN_CONCEAL || kind == VB_RUN_WAIT ||
         (kind == VB_RUN_NORMAL && last->to == from && seam_before(j, from) != from))) {
        last->n += n;
        last->to = to;
    } else if (j->n_runs < VB_JITTER_RUNS) {
        j->run[j->n_runs++] = (vb_run){(int32_t)kind, n, from, to, {0.0, 0.0}};
    } else { /* too many to tell apart: the last one takes it in, as media at another pace */
        last->n += n;
        if (from <= to) {
            last->from = last->from <= last->to && last->from >= seam_before(j, from) ? last->from : from;
            last->to = to;
        }
        if (last->from <= last->to)
            last->kind = last->to - last->from > (int64_t)last->n ? VB_RUN_FAST : VB_RUN_SLOW;
    }
}

/* Background or extrapolation, where there is nothing to play or a pause is held. */
static void made_up(vb_jitter *j, vb_run_kind kind, int16_t *dst, uint32_t n) {
    const int in_pause = j->hang_ms >= HANG_MS;
    if (!j->conceal.live) {
        float rms, rho;
        vb_pause_background(&j->pause, &rms, &rho);
        vb_conceal_background(&j->conceal, rms, rho, vb_pause_floor(&j->pause));
        j->stalls += kind == VB_RUN_CONCEAL && !in_pause;
        vb_conceal_open(&j->conceal, in_pause ? VB_CONCEAL_PITCH : VB_CONCEAL_AR);
    }
    vb_conceal_lost(&j->conceal, dst, n);
    add_run(j, kind, n, 1, 0);
}

/* Nothing is at hand. In a pause there is nothing to conceal; nor when it lasts so long that the sender has stopped. */
static void dry(vb_jitter *j, int16_t *dst, uint32_t n) {
    const uint32_t most = samples(j, STOPPED_MS);
    const uint32_t rest = j->hang_ms >= HANG_MS || j->waited >= most ? 0 : most - j->waited;
    const uint32_t concealed = rest < n ? rest : n;
    if (concealed > 0)
        made_up(j, VB_RUN_CONCEAL, dst, concealed);
    if (concealed < n)
        made_up(j, VB_RUN_WAIT, dst + concealed, n - concealed);
    j->waited = j->waited < UINT32_MAX - n ? j->waited + n : UINT32_MAX;
}

/* Media returns after an extrapolation: where, up to a pitch period back, does it fit on best? */
static int64_t aligned(vb_jitter *j, uint32_t available) {
    enum { MOST = 128 + 240 };
    const uint32_t reach = samples(j, 15), window = samples(j, 8);
    int64_t back = reach;
    const int64_t known = j->known > seam_before(j, j->pos) ? j->known : seam_before(j, j->pos);
    back = back < j->pos - known ? back : j->pos - known;
    const int64_t room = samples(j, VB_JITTER_BUFFER_MS) - (j->end - j->pos);
    back = back < room ? back : room;
    if (j->conceal.age >= samples(j, 70) || j->hang_ms >= HANG_MS || available < window || j->cut || back <= 0)
        return j->pos;
    float y[128];
    int16_t x[MOST], want[128];
    vb_conceal_peek(&j->conceal, y, window);
    for (uint32_t i = 0; i < window; i++)
        want[i] = vb_to_i16(y[i]);
    vb_jitter_fetch(j, j->pos - back, (size_t)back + window, x);
    float best = 0.3F; /* worse than this is no likeness */
    int64_t at = j->pos;
    for (int64_t b = 0; b <= back; b++) {
        const float match = vb_stretch_match(want, x + (back - b), window);
        if (match > best + 0.01F) {
            best = match;
            at = j->pos - b;
        }
    }
    return at;
}

/* Media as it is. Ends an extrapolation by a cross-fade. */
static void plain(vb_jitter *j, int16_t *dst, uint32_t n) {
    vb_jitter_fetch(j, j->pos, n, dst);
    if (j->cut && !j->conceal.live)
        vb_conceal_open(&j->conceal, VB_CONCEAL_PITCH);
    j->cut = 0;
    if (j->conceal.live)
        vb_conceal_good(&j->conceal, dst, dst, n);
    else
        vb_conceal_heard(&j->conceal, dst, n);
    add_run(j, VB_RUN_NORMAL, n, j->pos, j->pos + n);
    j->pos += n;
}

/* Leave out `skip` samples of media while n are played. */
static void leave_out(vb_jitter *j, int16_t *dst, uint32_t n, uint32_t skip, uint32_t overlap) {
    int16_t from[1600], to[1600];
    vb_jitter_fetch(j, j->pos, overlap < n ? overlap : n, from);
    vb_jitter_fetch(j, j->pos + skip, n, to);
    vb_stretch_splice(from, to, overlap, dst, n);
    vb_conceal_heard(&j->conceal, dst, n);
    add_run(j, VB_RUN_FAST, n, j->pos, j->pos + n + skip);
    j->pos += n + skip;
}

/* Play `again` samples of media a second time among the n that are played. */
static void repeat(vb_jitter *j, int16_t *dst, uint32_t n, uint32_t again) {
    int16_t from[1600], to[1600];
    vb_jitter_fetch(j, j->pos, n, from);
    vb_jitter_fetch(j, j->pos - again, n, to);
    vb_stretch_splice(from, to, again, dst, n);
    vb_conceal_heard(&j->conceal, dst, n);
    add_run(j, VB_RUN_SLOW, n, j->pos, j->pos + n - again);
    j->pos += (int64_t)n - again;
}

/* The pitch period at the next n samples, if speech may be spliced by it now; 0 if not. */
static uint32_t period_here(const vb_jitter *j, uint32_t n) {
    int16_t x[VB_STRETCH_MAX_SPAN];
    const uint32_t span = samples(j, SPAN_MS);
    if (n > span || j->pos + n < j->known + span)
        return 0;
    vb_jitter_fetch(j, j->pos + n - span, span, x);
    return (uint32_t)vb_stretch_period(x + span - n, n, j->rate_hz);
}

/* Bend speech (or a short pause) by one period towards the delay that is wanted. Returns 0 if that cannot be now. */
static int bend(vb_jitter *j, double over_ms, int quiet, uint32_t available, int16_t *dst, uint32_t n) {
    const float least = (float)samples(j, 5);
    const double over = fabs(over_ms) * j->rate_hz / 1000.0;
    if (j->rest_ms > 0.0F || j->credit < least || over < (over_ms > 0.0 ? (double)least : 0.5 * (double)least) ||
        n < samples(j, 8))
        return 0;
    const uint32_t p = period_here(j, n);
    j->rest_ms = REST_MS; /* until it is bent */
    if (p == 0 || (float)p > j->credit || (over_ms > 0.0 ? (double)p > over + 8.0 : 0.5 * (double)p > over))
        return 0;
    if (over_ms > 0.0) {
        if (available < n + p || (!quiet && available < n + p + samples(j, 1)))
            return 0;
        leave_out(j, dst, n, p, p);
    } else {
        if (n <= p)
            return 0;
        repeat(j, dst, n, p);
    }
    j->credit -= (float)p;
    j->rest_ms = 0.0F;
    return 1;
}

/* A hole whose right side is here: bridge it in the ring, and play it from there. */
static void bridge(vb_jitter *j, int64_t to, int64_t right_to) {
    const size_t cap = vb_jitter_ring_size(j->rate_hz);
    int16_t next[VB_STRETCH_MAX_SPAN];
    const uint32_t span = samples(j, SPAN_MS);
    const uint32_t known = right_to - to < span ? (uint32_t)(right_to - to) : span;
    float rms, rho;
    vb_pause_background(&j->pause, &rms, &rho);
    vb_conceal_background(&j->conceal, rms, rho, vb_pause_floor(&j->pause));
    vb_jitter_fetch(j, to, known, next);
    vb_conceal_bridge_ring(&j->conceal, j->ring, cap, (size_t)(j->pos % (int64_t)cap), (size_t)(to - j->pos), next,
                           known);
    j->fill_to = to;
}

/* How far ahead of (positive) or behind the wanted delay the play-out may go, in ms. */
static double surplus(const vb_jitter *j, double now_ms, double hold_ms, double tick_ms) {
    const double grid_ms = ms_of(j, j->grid);
    const double steps = floor((now_ms - j->transport.least - hold_ms - grid_ms) / tick_ms + 1e-6);
    return grid_ms + steps * tick_ms - ms_of(j, j->pos);
}

/* How much media is to be at hand in a pause, so that a word's beginning is found before it is heard. */
static double look_ms(const vb_jitter *j) {
    const float look = LOOK_PER_DB * vb_vad_unrest(&j->vad);
    return (double)(look < LOOK_MOST_MS ? look : LOOK_MOST_MS);
}

static int begin(vb_jitter *j, double now_ms, uint32_t n) {
    const double tick_ms = ms_of(j, n);
    const double waited = now_ms - j->transport.least - ms_of(j, j->pos);
    const double target = j->target.target_ms < START_MS ? j->target.target_ms : START_MS;
    if (j->end == j->pos || waited < (j->fixed ? (double)j->delay_ms - EPS_MS : target - tick_ms))
        return 0;
    j->playing = 1;
    j->tick = n;
    j->n_phases = 0;
    j->grid = j->known = j->pos;
    return 1;
}

static void skip_holes(vb_jitter *j) {
    while (j->n_holes && j->hole[0].to <= j->pos) {
        j->n_holes--;
        memmove(j->hole, j->hole + 1, j->n_holes * sizeof *j->hole);
    }
}

/* The media at pos, up to a hole or a new epoch, for up to `left` samples of output. Returns how many were made. */
static uint32_t play(vb_jitter *j, double over_ms, double *short_ms, int16_t *dst, uint32_t left) {
    const int64_t to = seam_after(j, j->pos, j->n_holes ? j->hole[0].from : j->end);
    const int filled = j->pos < j->fill_to;
    const int64_t until = filled ? j->fill_to : to;
    uint32_t n = left < (uint64_t)(until - j->pos) ? left : (uint32_t)(until - j->pos);
    if (filled) { /* already in the concealer's memory */
        vb_jitter_fetch(j, j->pos, n, dst);
        add_run(j, VB_RUN_CONCEAL, n, 1, 0);
        j->pos += n;
        return n;
    }
    const int voiced = voiced_at(j, j->pos), in_pause = j->hang_ms >= HANG_MS;
    if (voiced && in_pause && !j->fixed && *short_ms > EPS_MS) {
        const double hold = ceil(*short_ms * j->rate_hz / 1000.0);
        n = hold < left ? vb_to_u32(hold) : left;
        made_up(j, VB_RUN_WAIT, dst, n);
        *short_ms -= ms_of(j, n);
        return n;
    }
    const uint32_t available = (uint32_t)(to - j->pos);
    j->waited = 0;
    if (j->conceal.live || j->cut) {
        j->pos = j->conceal.live && voiced ? aligned(j, available) : j->pos;
        plain(j, dst, n);
    } else if (!voiced && over_ms > EPS_MS && available > left) {
        /* Cut the pause, but keep the 20 ms before speech begins: they may hold its first breath. */
        const uint32_t quiet = quiet_run(j, j->pos, to), guard = j->pos + quiet < to ? samples(j, 20) : 0;
        const double most = fmin(over_ms * j->rate_hz / 1000.0, (double)CUT_MOST * left);
        uint32_t skip = vb_to_u32(most);
        skip = skip < available - left ? skip : available - left;
        skip = skip < quiet - (quiet > guard ? guard : quiet) ? skip : quiet - (quiet > guard ? guard : quiet);
        if (skip > samples(j, 1)) {
            const uint32_t overlap = samples(j, 5) < left ? samples(j, 5) : left;
            n = left;
            leave_out(j, dst, n, skip, overlap);
            *short_ms += ms_of(j, skip);
        } else {
            plain(j, dst, n);
        }
    } else if (fabs(over_ms) <= EPS_MS || n < left || !bend(j, over_ms, !voiced, available, dst, n)) {
        if (!voiced && in_pause && *short_ms > EPS_MS &&
            !j->fixed) /* stop where speech begins: the pause may be held there */
            n = quiet_run(j, j->pos, j->pos + n);
        plain(j, dst, n);
    }
    j->hang_ms = voiced ? 0.0F : j->hang_ms + (float)ms_of(j, n);
    return n;
}

void vb_jitter_pull(vb_jitter *j, double now_ms, int16_t *dst, uint32_t n) {
    const double tick_ms = ms_of(j, n);
    j->n_runs = 0;
    if (!j->pulled)
        j->refreshed_ms = now_ms;
    if (now_ms - j->refreshed_ms >= REFRESH_MS) {
        vb_target_refresh(&j->target, now_ms);
        j->refreshed_ms = now_ms;
    }
    j->now_ms = now_ms;
    j->pulled = 1;
    if (!j->playing && !begin(j, now_ms, n)) {
        memset(dst, 0, n * sizeof *dst);
        add_run(j, VB_RUN_WAIT, n, 1, 0);
        return;
    }
    skip_holes(j);
    const double reach = j->fixed ? 0.0 : vb_jitter_reach(j);
    const double hold = j->fixed ? (double)j->delay_ms : vb_target_hold(&j->target, now_ms) + reach;
    j->shown_hold_ms = hold;
    j->shown_delay_ms = now_ms - j->transport.least - ms_of(j, j->pos);
    double over = surplus(j, now_ms, hold, tick_ms), short_ms = -over;
    /* The first media ahead, beyond a hole if need be. */
    const int64_t ahead = j->n_holes && j->hole[0].from <= j->pos ? j->hole[0].to : j->pos;
    if (!j->fixed && hold - reach > CLEAN_MS && ahead < j->end && !voiced_at(j, ahead) && j->hang_ms >= HANG_MS)
        over = surplus(j, now_ms, reach + fmin(look_ms(j), hold - reach),
                       tick_ms); /* nothing to protect: run at the front */
    const float most = (float)samples(j, 15), earned = j->credit + j->stretch * (float)n;
    j->credit = earned < most ? earned : most;
    j->rest_ms = j->rest_ms > (float)tick_ms ? j->rest_ms - (float)tick_ms : 0.0F;
    uint32_t left = n;
    while (left > 0) {
        skip_holes(j);
        if (j->pos == j->end) {
            dry(j, dst, left);
            break;
        }
        if (j->n_holes && j->hole[0].from <= j->pos && j->pos >= j->fill_to) {
            const int64_t rest = j->hole[0].to - j->pos;
            const int64_t done = (int64_t)j->waited < rest ? (int64_t)j->waited : rest;
            j->waited = 0;
            if (done > 0) { /* its time was filled while waiting */
                j->pos += done;
                j->known = j->pos;
                continue;
            }
            bridge(j, j->hole[0].to, j->n_holes > 1 ? j->hole[1].from : j->end);
            continue;
        }
        const uint32_t made = play(j, over, &short_ms, dst, left);
        dst += made;
        left -= made;
    }
    for (uint32_t i = 0; i < j->n_runs; i++) {
        if (j->run[i].from > j->run[i].to)
            continue;
        j->run[i].media_ms[0] = vb_jitter_stamp(j, j->run[i].from);
        j->run[i].media_ms[1] = j->run[i].media_ms[0] + ms_of(j, j->run[i].to - j->run[i].from);
    }
}
