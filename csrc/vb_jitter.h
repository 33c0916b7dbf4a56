/*
 * vb_jitter.h - the jitter buffer of the listening path: a steady clock out of messages that stall and burst.
 *
 * Method:   delay is spent in speech and given back in pauses. In a pause (after 100 ms of it) the buffer runs at the
 *           front: surplus silence is cut. When the next talk spurt is at hand, the pause is held until the spurt has
 *           the delay that the path needs (vb_target.h). In speech the delay is corrected by leaving out or repeating
 *           single pitch periods, at most `stretch` of the time. Nothing received is thrown away in speech: when the
 *           buffer runs dry the media waits while an extrapolation is heard (vb_conceal.h), and is joined in phase.
 *           Missing messages are bridged from both sides.
 *
 *               ring, by position in the media (samples since the first message)
 *               |..history 60 ms..|pos ....media.... [hole] ....media.... |end     free      |
 *
 * Units:    times in ms as double, lengths and positions in samples.
 * Threads:  the caller owns the struct; one stream, one thread.
 * Memory:   the struct has one pointer, to the caller's ring of vb_jitter_ring_size() samples. No allocation.
 */
#ifndef VB_JITTER_H
#define VB_JITTER_H

#include <stddef.h>
#include <stdint.h>

#include "vb_conceal.h"
#include "vb_pause.h"
#include "vb_target.h"
#include "vb_timeline.h"
#include "vb_transport.h"
#include "vb_vad.h"

enum {
    VB_JITTER_BUFFER_MS = 2000,
    VB_JITTER_HISTORY_MS = 60,
    VB_JITTER_HOP_MS = 10, /* the speech detector's block */
    VB_JITTER_HOPS = (VB_JITTER_BUFFER_MS + VB_JITTER_HISTORY_MS) / VB_JITTER_HOP_MS,
    VB_JITTER_HOLES = 32,
    VB_JITTER_EPOCHS = 4,
    VB_JITTER_RUNS = 16
};

typedef enum {
    VB_RUN_NORMAL = 0,
    VB_RUN_FAST = 1,
    VB_RUN_SLOW = 2,
    VB_RUN_CONCEAL = 3,
    VB_RUN_WAIT = 4,
    VB_RUN_KINDS = 5
} vb_run_kind;

typedef struct {
    int32_t kind;
    uint32_t n;         /* samples of output */
    int64_t from, to;   /* the media it renders; from > to: none */
    double media_ms[2]; /* the same as the sender's timestamps */
} vb_run;

typedef struct {
    int64_t from, to;
} vb_hole;

typedef struct {
    int64_t from; /* where the epoch begins */
    double stamp_ms;
} vb_epoch;

typedef struct {
    int16_t *ring;
    /* Knobs. */
    uint32_t rate_hz;
    uint32_t fixed;
    float stretch;  /* share of the time that speech may be bent by, 0 to 0.15 */
    float delay_ms; /* of the fixed mode */
    float max_ms;
    /* Parts. */
    vb_timeline place;
    vb_transport transport;
    vb_target target;
    vb_vad vad;
    vb_pause pause;  /* what a pause sounds like */
    int64_t judging; /* which block of 10 ms the detector has begun */
    vb_conceal conceal;
    /* The media. */
    int64_t pos, end; /* next to be played; end of what is known */
    int64_t fill_to;  /* up to here the ring holds a bridge */
    int64_t grid;     /* where playing began */
    int64_t known;    /* from here to pos the ring holds what was heard or bridged */
    vb_hole hole[VB_JITTER_HOLES];
    vb_epoch epoch[VB_JITTER_EPOCHS];
    uint32_t n_holes, n_epochs;
    uint32_t playing;
    uint32_t pulled; /* now_ms is a time */
    uint8_t voiced[VB_JITTER_HOPS];
    /* Play-out. */
    /* Where in a tick messages begin: in the last so many, and in those before. */
    uint32_t tick, n_phases, phase_least, phase_most[2];
    double refreshed_ms, now_ms, shown_delay_ms, shown_hold_ms;
    float hang_ms;   /* how long a pause has been heard */
    float credit;    /* samples that speech may be bent by now */
    float rest_ms;   /* so long no period is looked for: there was none to bend by just now */
    uint32_t waited; /* samples since the media ran out */
    uint32_t cut;    /* the next media does not follow what was heard */
    uint32_t n_runs;
    vb_run run[VB_JITTER_RUNS];
    /* Counts. */
    uint64_t messages, duplicates, late, epochs, gaps, overflows, stalls, jumped;
    uint64_t kinds[VB_RUN_KINDS]; /* samples */
} vb_jitter;

/* Samples that the ring must hold. */
size_t vb_jitter_ring_size(uint32_t rate_hz);

/*
 * rate_hz is 8000 or 16000; frame is the usual message in samples; stalls_per_min > 0; 20 <= max_ms <= 1500; stretch in
 * [0, 0.15]; fixed_ms < 0 for the adaptive mode, else the delay of the fixed one, at most 1500. The ring is cleared.
 */
void vb_jitter_init(vb_jitter *j, int16_t *ring, uint32_t rate_hz, uint32_t frame, float stalls_per_min, float max_ms,
                    float stretch, float fixed_ms);

/* Put a message (vb_timeline_place) of n samples that arrived at arrival_ms. Returns what became of it. */
vb_place_kind vb_jitter_push(vb_jitter *j, const int64_t *chunk, const double *stamp_ms, const int16_t *pcm, uint32_t n,
                             double arrival_ms);

/*
 * Render n samples (1 ms to 100 ms of them) for the tick at now_ms, which must not be before the last, into dst;
 * j->run[0..n_runs) says what they are. A run's media lies within one epoch.
 */
void vb_jitter_pull(vb_jitter *j, double now_ms, int16_t *dst, uint32_t n);

/* 1 if the struct can be used: what a saved state is checked by. The ring pointer is not looked at. */
int vb_jitter_valid(const vb_jitter *j);

/* Copy the media from..from + n out of the ring. */
void vb_jitter_fetch(const vb_jitter *j, int64_t from, size_t n, int16_t *dst);

/*
 * What a tick needs beyond the delay of the messages it begins in, in ms: it reaches into the next ones. 0 where every
 * message begins a tick.
 */
double vb_jitter_reach(const vb_jitter *j);

/* The sender's timestamp of a position. */
double vb_jitter_stamp(const vb_jitter *j, int64_t at);

#endif
