#include "vb_timeline.h"

#include <math.h>
#include <string.h>

#include "vb_cast.h"

#define APART_MS 1000.0 /* timestamps further off than this belong to another epoch */
#define GAP_MS 10000.0  /* a longer hole, even if both numbers agree on it, is a new epoch */
#define SNAP_MS 5.0     /* a shorter hole is none */
#define SHORTEST_MS 9.0 /* nearly the shortest message there is */
#define SAME_MS 1.0     /* timestamps this close are the same */
#define MESSAGE_LEAST_MS 5.0
#define MESSAGE_MOST_MS 200.0
#define TICKS 16.0 /* of remembered timestamps, to the ms */
/* The sender's clock, as its timestamps tell it: how far they scatter about it, and how fast it is followed. */
#define SCATTER_MS 6.4 /* until it is known: +-8 ms from message to message is no hole */
#define SCATTER_MOST_MS 20.0
#define SCATTER_REACH 2.5 /* times the mean: what lies beyond is no scatter */
#define FOLLOW_PPM 800e-6 /* of the audio's length: more than any clock is off, less than any hole */
#define WRAP_MS 4294967296.0
#define CHUNK_MOST ((int64_t)1 << 62)
enum {
    RESTART = 500 /* so many chunks on is a restart */,
    OTHER_RUN = 3,
    RECENT = VB_TIMELINE_RECENT,
    WRAP_NEAR = 1000,
    SETTLED = 16 /* so many timestamps are averaged before the clock is only followed */,
    MIXED = 64 /* so long after a change of their size messages are not taken to be all of one size */
};

/* A message, and how it lies to the last one in order. */
typedef struct {
    const int64_t *chunk;
    const double *stamp_ms;
    double frame_ms; /* of the last one */
    double step_ms;  /* between their timestamps; NAN if one has none */
    double hole_ms;  /* between the end of the audio, by the sender's clock, and this one */
    int64_t step;    /* between their chunks; 1 if one has none */
    uint32_t audio;
} message;

void vb_timeline_init(vb_timeline *t, uint32_t rate_hz, uint32_t frame) {
    memset(t, 0, sizeof *t);
    t->rate_hz = rate_hz;
    t->frame = t->last_n = frame;
    t->scatter_ms = SCATTER_MS;
}

int vb_timeline_valid(const vb_timeline *t) {
    return t->rate_hz >= 1000 && t->frame > 0 && t->chunk > -CHUNK_MOST && t->chunk < CHUNK_MOST &&
           t->old_chunk > -CHUNK_MOST && t->old_chunk < CHUNK_MOST && t->head < RECENT && t->depth <= RECENT &&
           isfinite(t->stamp_ms) && isfinite(t->due_ms) && isfinite(t->lean_ms) && isfinite(t->scatter_ms);
}

static double ms_of(const vb_timeline *t, uint32_t n) {
    return n * 1000.0 / t->rate_hz;
}

static uint32_t samples_of(const vb_timeline *t, double ms) {
    return vb_to_u32(ms * t->rate_hz / 1000.0 + 0.5);
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
        if (step > 0 && -backward < RECENT)
            return backward;
    }
    return step;
}

/* What tells one message's audio from another's: the length and 16 samples. */
static uint32_t hash_of(const int16_t *pcm, uint32_t n) {
    uint64_t hash = n, four;
    for (uint32_t i = 0; i < 4 && n >= 4; i++) {
        memcpy(&four, pcm + (n - 4) * i / 3, sizeof four);
        hash = (hash ^ four) * 0x9e3779b97f4a7c15U;
    }
    return (uint32_t)(hash >> 32);
}

static uint32_t ticks_of(double stamp_ms) {
    return (uint32_t)(uint64_t)vb_to_i64(floor(stamp_ms * TICKS));
}

static int is_received(const vb_timeline *t, uint32_t slot) {
    return (int)(t->received[slot / 64] >> slot % 64 & 1);
}

static void remember(vb_timeline *t, uint32_t slot, double stamp_ms, uint32_t audio) {
    t->received[slot / 64] |= (uint64_t)1 << slot % 64;
    t->stamps[slot] = ticks_of(stamp_ms);
    t->audio[slot] = audio;
}

static void forget_all(vb_timeline *t) {
    memset(t->received, 0, sizeof t->received);
    t->depth = 0;
}

/* Let `steps` slots become the newest, none of them received yet. */
static void move_on(vb_timeline *t, int64_t steps) {
    if (steps >= RECENT)
        forget_all(t);
    for (int64_t i = 0; i < steps && i < RECENT; i++) {
        t->head = (t->head + 1) % RECENT;
        t->received[t->head / 64] &= ~((uint64_t)1 << t->head % 64);
    }
    t->depth = (int64_t)t->depth + steps < RECENT ? t->depth + (uint32_t)steps : RECENT;
}

/* How far a remembered timestamp is from another, in ms. */
static double off_by(const vb_timeline *t, uint32_t slot, double stamp_ms) {
    return (double)(int32_t)(ticks_of(stamp_ms) - t->stamps[slot]) / TICKS;
}

static vb_place next_after(uint32_t gap) {
    const vb_place p = {VB_PLACE_NEXT, gap, 0};
    return p;
}

static vb_place epoch(void) {
    const vb_place p = {VB_PLACE_EPOCH, 0, 0};
    return p;
}

static vb_place duplicate(void) {
    const vb_place p = {VB_PLACE_DUPLICATE, 0, 0};
    return p;
}

static vb_place late(const vb_timeline *t, const message *m) {
    /* A timestamp that goes on, or lies beyond the end, is no measure of how far back it is. */
    const int counted = (m->step < 0 && t->mixed == 0) || isnan(m->step_ms) || m->step_ms > 0.0 || m->hole_ms > 0.0;
    const double back_ms = counted ? (double)(1 - m->step) * m->frame_ms : -m->hole_ms;
    const vb_place p = {VB_PLACE_LATE, 0, samples_of(t, back_ms)};
    return p;
}

static int at_start(const message *m) {
    return m->chunk != NULL && *m->chunk >= 0 && *m->chunk <= 1;
}

static double back_of(const message *m) {
    return isnan(m->step_ms) ? -(double)m->step * m->frame_ms : -m->step_ms;
}

/* Its numbers are those of a received one. With the same audio it is that one again, with other audio it is likely not.
 */
static vb_place repeated(vb_timeline *t, const message *m, uint32_t slot) {
    if (t->audio[slot] != m->audio) {
        if ((at_start(m) && back_of(m) > APART_MS) || ++t->n_other >= OTHER_RUN)
            return epoch();
    }
    return duplicate();
}

/* It lies over a received one, but not in its place. */
static vb_place overlapping(vb_timeline *t, const message *m) {
    return at_start(m) || ++t->n_other >= OTHER_RUN ? epoch() : late(t, m);
}

/* Behind the last one by the timestamp alone. */
static vb_place behind_by_stamp(vb_timeline *t, const message *m) {
    double least = (double)INFINITY;
    uint32_t nearest = 0;
    int within = 0;
    for (uint32_t i = 0; i < t->depth; i++) {
        const uint32_t slot = (t->head - i) % RECENT;
        if (!is_received(t, slot))
            continue;
        const double off = off_by(t, slot, *m->stamp_ms);
        within |= off >= 0.0;
        if (fabs(off) < least) {
            least = fabs(off);
            nearest = slot;
        }
    }
    if (m->step_ms < -GAP_MS * RECENT) /* too far for what is remembered of a timestamp */
        return epoch();
    if (least <= SAME_MS)
        return repeated(t, m, nearest);
    if (least < SNAP_MS)
        return overlapping(t, m);
    return !within && -m->step_ms > APART_MS ? epoch() : late(t, m);
}

/* How far a timestamp may be off the sender's clock without telling of a hole. */
static double tolerance(const vb_timeline *t) {
    const double reach = SCATTER_REACH * t->scatter_ms;
    return reach > SNAP_MS ? reach : SNAP_MS;
}

/* Messages of one size leave holes of whole ones, whatever the timestamps add to that. */
static uint32_t whole_messages(const vb_timeline *t, const message *m, double hole_ms) {
    const double frames = floor(hole_ms / m->frame_ms + 0.5), off = fabs(hole_ms - frames * m->frame_ms);
    return frames > 0.0 && off <= (t->mixed ? 2.0 : tolerance(t)) ? vb_to_u32(frames) * t->last_n
                                                                  : samples_of(t, hole_ms);
}

static vb_place by_stamp(vb_timeline *t, const message *m) {
    const double hole_ms = m->hole_ms, whole = t->mixed ? 0.0 : fmin(0.45 * m->frame_ms, SHORTEST_MS);
    const double least = fmax(tolerance(t), whole);
    if (m->step_ms == 0.0 && m->audio == t->last_audio)
        return duplicate();
    if (m->step_ms < 0.0 && hole_ms <= -least)
        return behind_by_stamp(t, m);
    if (hole_ms > APART_MS || hole_ms < -APART_MS)
        return epoch();
    if (hole_ms > least)
        return next_after(whole_messages(t, m, hole_ms));
    /* Holes too short to tell from scatter add up to one that is not. */
    const double sure = fmax(fmax(t->scatter_ms, SNAP_MS), whole);
    return next_after(hole_ms > 0.0 && t->lean_ms > sure ? whole_messages(t, m, t->lean_ms) : 0);
}

/* How far a timestamp may be off the count of messages that are missing, and agree with it. */
static double agreement(const vb_timeline *t, const message *m) {
    if (t->mixed)
        return SNAP_MS;
    const double most = SCATTER_REACH * SCATTER_MS, share = 0.8 * m->frame_ms, least = share < most ? share : most;
    return least > tolerance(t) ? least : tolerance(t);
}

/* Some chunks are missing. */
static vb_place over_gap(const vb_timeline *t, const message *m) {
    const int64_t missing = m->step - 1;
    const double counted_ms = (double)missing * m->frame_ms, hole_ms = m->hole_ms;
    if (isnan(hole_ms))
        return counted_ms > APART_MS ? epoch() : next_after((uint32_t)missing * t->last_n);
    if (t->has_old && *m->chunk == t->old_chunk + 1 && (counted_ms > APART_MS || t->depth == 1))
        return epoch(); /* back to where it left off: what was taken for a restart was none */
    if (fabs(hole_ms - counted_ms) < agreement(t, m))
        return counted_ms > GAP_MS ? epoch() : next_after((uint32_t)missing * t->last_n);
    if (hole_ms >= MESSAGE_LEAST_MS * (double)missing && hole_ms <= MESSAGE_MOST_MS * (double)missing &&
        hole_ms <= GAP_MS) /* messages of another length are missing */
        return next_after(samples_of(t, hole_ms));
    if (fabs(hole_ms) < 0.5 * m->frame_ms) /* the numbers jumped, the audio did not */
        return missing > RESTART ? epoch() : next_after(0);
    if (fabs(hole_ms) > APART_MS || counted_ms > APART_MS)
        return epoch();
    return next_after((uint32_t)missing * t->last_n);
}

/* The chunk is one received before, or one passed over; step <= 0. */
static vb_place from_behind(vb_timeline *t, const message *m) {
    const int timed = !isnan(m->step_ms), known = -m->step < (int64_t)t->depth;
    const uint32_t slot = (t->head - (uint32_t)-m->step) % RECENT;
    const int received = known && is_received(t, slot);
    if (timed && m->step == 0 && m->step_ms != 0.0) /* a stuck counter: the timestamp decides */
        return by_stamp(t, m);
    if (m->step == 0 && m->audio != t->last_audio) /* both are stuck */
        return next_after(0);
    if (m->step == -1 && m->step_ms > 0.5 * m->frame_ms) /* one of the two counted wrong: the timestamp goes on */
        return by_stamp(t, m);
    if (received && (!timed || fabs(off_by(t, slot, *m->stamp_ms)) <= SAME_MS))
        return repeated(t, m, slot);
    if (timed && (fabs(m->step_ms - (double)m->step * m->frame_ms) > APART_MS || (m->step < -1 && m->step_ms > 0.0)))
        return epoch();
    if (received)
        return overlapping(t, m);
    return !known && back_of(m) > APART_MS ? epoch() : late(t, m);
}

static vb_place judge(vb_timeline *t, const message *m) {
    if (m->chunk == NULL || !t->has_chunk)
        return isnan(m->step_ms) ? next_after(0) : by_stamp(t, m);
    if (m->step == 1)
        return fabs(m->hole_ms) > APART_MS ? epoch() : next_after(0);
    return m->step > 1 ? over_gap(t, m) : from_behind(t, m);
}

static void remember_late(vb_timeline *t, const message *m) {
    if (!t->has_chunk && m->stamp_ms != NULL) { /* found by its timestamp, wherever it is */
        move_on(t, 1);
        remember(t, t->head, *m->stamp_ms, m->audio);
    } else if (m->step < 0 && -m->step < RECENT) { /* in its slot, which may be before the epoch's first */
        const uint32_t back = (uint32_t)-m->step;
        t->depth = back < t->depth ? t->depth : back + 1;
        remember(t, (t->head - back) % RECENT, m->stamp_ms != NULL ? *m->stamp_ms : t->stamp_ms, m->audio);
    }
}

/* The sender's clock at the end of the audio: `off_ms` is what a timestamp says beyond that. */
static void follow(vb_timeline *t, double off_ms, int contiguous, double length_ms) {
    const double off = fabs(off_ms), seen = off < SCATTER_MOST_MS ? off : SCATTER_MOST_MS;
    t->lean_ms += (off_ms - t->lean_ms) / SETTLED;
    if (contiguous && off > 2.0 * tolerance(t)) { /* nothing is missing: the clock was set */
        t->due_ms += off_ms;
        t->lean_ms = 0.0;
    } else if (t->settled < SETTLED) {
        t->due_ms += off_ms / (++t->settled + 1.0);
    } else {
        const double most = FOLLOW_PPM * length_ms, step = t->lean_ms / SETTLED;
        t->due_ms += step > most ? most : step < -most ? -most : step;
    }
    t->scatter_ms += (seen - t->scatter_ms) * (seen > t->scatter_ms ? 0.125 : 0.0625);
}

/* The epoch's first message: what is not said is not known. */
static void begin(vb_timeline *t, const message *m) {
    t->old_chunk = t->chunk;
    t->has_old = t->has_chunk;
    t->has_chunk = m->chunk != NULL;
    t->has_stamp = m->stamp_ms != NULL;
    t->started = 1;
    t->settled = 0;
    t->lean_ms = 0.0;
    forget_all(t);
}

/* From one timestamp to a later one, across a wrap at 2^32 if that makes it small. */
static double stamps_apart(double from_ms, double to_ms) {
    const double step = to_ms - from_ms, turned = step < 0.0 ? step + WRAP_MS : step - WRAP_MS;
    const int in_range = from_ms >= 0.0 && to_ms >= 0.0 && from_ms < 1.5 * WRAP_MS && to_ms < WRAP_MS;
    return in_range && fabs(turned) <= GAP_MS ? turned : step;
}

vb_place vb_timeline_place(vb_timeline *t, const int64_t *chunk, const double *stamp_ms, const int16_t *pcm,
                           uint32_t n) {
    message m = {chunk, stamp_ms, ms_of(t, t->last_n), (double)NAN, (double)NAN, 1, hash_of(pcm, n)};
    if (stamp_ms != NULL && t->has_stamp) {
        m.step_ms = stamps_apart(t->stamp_ms, *stamp_ms);
        m.hole_ms = stamps_apart(t->due_ms, *stamp_ms);
    }
    if (chunk != NULL && t->has_chunk)
        m.step = steps_to(t, *chunk);
    const vb_place p = t->started ? judge(t, &m) : next_after(0);
    if (p.kind == VB_PLACE_LATE)
        remember_late(t, &m);
    if (p.kind == VB_PLACE_DUPLICATE || p.kind == VB_PLACE_LATE)
        return p;
    const int counted = chunk != NULL && t->has_chunk && m.step == 1;
    if (!t->started || p.kind == VB_PLACE_EPOCH) {
        begin(t, &m);
        m.step = 1;
        m.hole_ms = (double)NAN;
    }
    if (stamp_ms != NULL && !t->has_stamp)
        forget_all(t); /* what came before it had timestamps cannot be compared */
    const double gap_ms = ms_of(t, p.gap), length_ms = gap_ms + ms_of(t, n);
    t->lean_ms = t->lean_ms > gap_ms ? t->lean_ms - gap_ms : t->lean_ms < 0.0 || p.gap == 0 ? t->lean_ms : 0.0;
    if (stamp_ms != NULL && isnan(m.hole_ms)) {
        t->due_ms = *stamp_ms;
    } else if (stamp_ms != NULL) {
        t->due_ms = *stamp_ms - m.hole_ms; /* on the timestamp's side of a wrap */
        follow(t, m.hole_ms - gap_ms, counted, length_ms);
    }
    t->due_ms += isnan(m.hole_ms) ? ms_of(t, n) : length_ms;
    /* What a message does not say is taken to have gone on. */
    t->chunk = chunk != NULL ? *chunk : t->chunk + (t->has_chunk && t->chunk < CHUNK_MOST - 1);
    t->stamp_ms = stamp_ms != NULL ? *stamp_ms : t->due_ms - ms_of(t, n);
    t->has_chunk |= chunk != NULL;
    t->has_stamp |= stamp_ms != NULL;
    move_on(t, m.step > 0 ? m.step : 1);
    remember(t, t->head, t->stamp_ms, m.audio);
    t->last_audio = m.audio;
    t->n_other = 0;
    if (n > 0) {
        t->mixed = n != t->last_n && t->sized ? MIXED : t->mixed ? t->mixed - 1 : 0;
        t->sized = 1;
        t->last_n = n;
    }
    return p;
}

int vb_timeline_goes_on(const vb_timeline *t, int64_t chunk, double stamp_ms) {
    return t->started && t->has_chunk && t->has_stamp && steps_to(t, chunk) == 1 &&
           fabs(stamps_apart(t->due_ms, stamp_ms)) <= APART_MS;
}
