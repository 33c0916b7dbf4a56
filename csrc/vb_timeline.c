#include "vb_timeline.h"

#include <math.h>
#include <string.h>

#define APART_MS 1000.0 /* timestamps further off than this belong to another epoch */
#define GAP_MS 10000.0  /* a longer hole, even if both numbers agree on it, is a new epoch */
#define SNAP_MS 5.0     /* timestamps are this good; messages are multiples of 10 ms */
#define MESSAGE_LEAST_MS 5.0
#define MESSAGE_MOST_MS 200.0
enum { RESTART = 500, /* so many chunks back is a restart */ STALE_RUN = 3, SEEN = 64, WRAP_NEAR = 1000 };

void vb_timeline_init(vb_timeline *t, uint32_t rate_hz, uint32_t frame) {
    memset(t, 0, sizeof *t);
    t->rate_hz = rate_hz;
    t->frame = t->last_n = frame;
}

int vb_timeline_valid(const vb_timeline *t) {
    return t->rate_hz >= 1000 && t->frame > 0 && t->chunk > -((int64_t)1 << 62) && t->chunk < (int64_t)1 << 62;
}

static uint32_t samples_of(const vb_timeline *t, double ms) {
    return (uint32_t)(ms * t->rate_hz / 1000.0 + 0.5);
}

/* Steps from the last chunk to this one: 1 for the next; across a wrap of 16 or 32 bits if that makes it small. */
static int64_t steps_to(const vb_timeline *t, int64_t chunk) {
    static const int64_t moduli[] = {(int64_t)1 << 16, (int64_t)1 << 32};
    const int64_t step = chunk - t->chunk;
    for (int i = 0; i < 2; i++) {
        const int64_t m = moduli[i], forward = step + m, backward = step - m;
        if (chunk < 0 || t->chunk < 0 || chunk >= m || t->chunk >= m)
            continue;
        if (step < 0 && forward <= WRAP_NEAR)
            return forward;
        if (step > 0 && -backward <= SEEN)
            return backward;
    }
    return step;
}

static vb_place next_after(uint32_t gap) {
    const vb_place p = {VB_PLACE_NEXT, gap, 0};
    return p;
}

static vb_place epoch(void) {
    const vb_place p = {VB_PLACE_EPOCH, 0, 0};
    return p;
}

static vb_place stale(vb_timeline *t, int duplicate, double back_ms) {
    if (++t->n_stale >= STALE_RUN)
        return epoch();
    const vb_place p = {duplicate ? VB_PLACE_DUPLICATE : VB_PLACE_LATE, 0, samples_of(t, back_ms)};
    return p;
}

/* By the timestamp alone; hole_ms is what it leaves between the last message and this one. */
static vb_place by_stamp(vb_timeline *t, double hole_ms, double frame_ms, double step_ms) {
    if (fabs(hole_ms) < 0.5 * frame_ms)
        return next_after(0);
    if (hole_ms > 0.0) {
        const double frames = floor(hole_ms / frame_ms + 0.5);
        if (hole_ms > APART_MS)
            return epoch();
        /* Timestamps are whole ms at best: a hole of nearly whole messages is one of whole messages. */
        return next_after(fabs(hole_ms - frames * frame_ms) <= 2.0 ? (uint32_t)frames * t->last_n
                                                                   : samples_of(t, hole_ms));
    }
    if (step_ms < -2.0 * APART_MS)
        return epoch();
    return stale(t, step_ms == 0.0, frame_ms - step_ms);
}

/* Some chunks are missing; hole_ms is NAN without timestamps. */
static vb_place over_gap(const vb_timeline *t, int64_t missing, double hole_ms, double frame_ms) {
    const double counted_ms = (double)missing * frame_ms;
    if (isnan(hole_ms))
        return counted_ms > APART_MS ? epoch() : next_after((uint32_t)missing * t->last_n);
    if (fabs(hole_ms - counted_ms) < SNAP_MS)
        return counted_ms > GAP_MS ? epoch() : next_after((uint32_t)missing * t->last_n);
    if (hole_ms >= MESSAGE_LEAST_MS * (double)missing && hole_ms <= MESSAGE_MOST_MS * (double)missing &&
        hole_ms <= GAP_MS) /* messages of another length are missing */
        return next_after(samples_of(t, hole_ms));
    if (fabs(hole_ms) < 0.5 * frame_ms) /* the numbers jumped, the audio did not */
        return missing > RESTART ? epoch() : next_after(0);
    if (fabs(hole_ms) > APART_MS || counted_ms > APART_MS)
        return epoch();
    return next_after((uint32_t)missing * t->last_n);
}

/* The chunk is one seen before, or one passed over; step <= 0. */
static vb_place from_behind(vb_timeline *t, int64_t chunk, int64_t step, double hole_ms, double step_ms,
                            double frame_ms) {
    const int seen = -step < SEEN && (t->seen >> -step & 1);
    if (!isnan(hole_ms)) {
        if (step == 0 && hole_ms > -0.5 * frame_ms) /* a stuck counter: the timestamp decides */
            return by_stamp(t, hole_ms, frame_ms, step_ms);
        if (fabs(step_ms - (double)step * frame_ms) > APART_MS || (step < -1 && step_ms > 0.0))
            return epoch();
    }
    if (step < -RESTART || (step < -SEEN && chunk >= 0 && chunk <= 1))
        return epoch();
    const double back_ms = isnan(step_ms) || step_ms > 0.0 ? (double)(1 - step) * frame_ms : frame_ms - step_ms;
    return stale(t, seen, back_ms);
}

static vb_place judge(vb_timeline *t, const int64_t *chunk, const double *stamp_ms, int64_t *step) {
    const double frame_ms = t->last_n * 1000.0 / t->rate_hz;
    const int timed = stamp_ms != NULL && t->has_stamp;
    const double step_ms = timed ? *stamp_ms - t->stamp_ms : (double)NAN, hole_ms = step_ms - frame_ms;
    *step = 1;
    if (chunk != NULL && t->has_chunk) {
        *step = steps_to(t, *chunk);
        if (*step == 1)
            return timed && fabs(hole_ms) > APART_MS ? epoch() : next_after(0);
        if (*step > 1)
            return over_gap(t, *step - 1, hole_ms, frame_ms);
        return from_behind(t, *chunk, *step, hole_ms, step_ms, frame_ms);
    }
    return timed ? by_stamp(t, hole_ms, frame_ms, step_ms) : next_after(0);
}

vb_place vb_timeline_place(vb_timeline *t, const int64_t *chunk, const double *stamp_ms, uint32_t n) {
    int64_t step = 1;
    vb_place p = next_after(0);
    if (t->started)
        p = judge(t, chunk, stamp_ms, &step);
    if (p.kind == VB_PLACE_DUPLICATE || p.kind == VB_PLACE_LATE) {
        if (p.kind == VB_PLACE_LATE && chunk != NULL && step <= 0 && -step < SEEN)
            t->seen |= (uint64_t)1 << -step;
        return p;
    }
    const int fresh = !t->started || p.kind == VB_PLACE_EPOCH;
    /* What a message does not say is taken to have gone on. */
    if (chunk != NULL) {
        t->seen = !fresh && step > 0 && step < SEEN ? (t->seen << step) | 1 : 1;
        t->chunk = *chunk;
        t->has_chunk = 1;
    } else if (t->has_chunk) {
        if (fresh)
            t->has_chunk = 0;
        else
            t->chunk++;
        t->seen = (t->seen << 1) | 1;
    }
    if (stamp_ms != NULL) {
        t->stamp_ms = *stamp_ms;
        t->has_stamp = 1;
    } else if (fresh) {
        t->has_stamp = 0;
    } else if (t->has_stamp) {
        t->stamp_ms += (t->last_n + p.gap) * 1000.0 / t->rate_hz;
    }
    t->started = 1;
    t->n_stale = 0;
    if (n > 0)
        t->last_n = n;
    return p;
}
