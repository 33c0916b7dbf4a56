/*
 * vb_timeline.h - where in the audio does a message belong?
 *
 * Method:   a message carries a chunk number (per track, one up each) and a timestamp in ms; either may be missing,
 *           stuck, wrapped (at 2^16 or 2^32), restarted or garbage. Only differences are used: of chunks to
 *           the message before, of timestamps to the sender's clock at the end of the audio, which is their smoothed
 *           course. Consecutive chunks are contiguous audio; a step in both says how much is missing; where they
 * contradict each other by more than a second, or either starts anew, a new epoch begins right where the audio stands.
 *           The last 256 messages are remembered: what comes from behind is dropped as a repeat of one of them or as
 *           one that was passed over, however many there are. It is a restart if it is over a second older than
 *           all that is remembered, or if its numbers were used before, but for other audio: at once where the
 *           counter is back at 0 or 1, and the third time anywhere else.
 * Units:    positions and lengths in samples, timestamps in ms.
 * Threads:  the caller owns the struct. Memory: one flat block, no allocation.
 */
#ifndef VB_TIMELINE_H
#define VB_TIMELINE_H

#include <stddef.h>
#include <stdint.h>

typedef enum {
    VB_PLACE_NEXT = 0,      /* it follows, after `gap` missing samples */
    VB_PLACE_EPOCH = 1,     /* it follows, but its numbers have nothing to do with those before */
    VB_PLACE_DUPLICATE = 2, /* it was here before */
    VB_PLACE_LATE = 3       /* it belongs `back` samples before the end of what is known */
} vb_place_kind;

typedef struct {
    vb_place_kind kind;
    uint32_t gap;
    uint32_t back; /* for VB_PLACE_LATE: from the end back to where it begins */
} vb_place;

enum { VB_TIMELINE_RECENT = 256 };

typedef struct {
    double stamp_ms;   /* of the last message in order */
    double due_ms;     /* the sender's clock at the end of the audio: its timestamps, smoothed */
    double lean_ms;    /* what the recent timestamps say beyond that, in the mean */
    double scatter_ms; /* and how much they scatter */
    int64_t chunk;
    int64_t old_chunk; /* the last before this epoch */
    uint32_t rate_hz;
    uint32_t frame;      /* samples of a usual message */
    uint32_t last_n;     /* of the last message in order */
    uint32_t last_audio; /* the same as in `audio` */
    uint32_t started;
    uint32_t has_chunk, has_stamp, has_old;
    uint32_t settled;      /* timestamps that due_ms is the mean of, at first */
    uint32_t sized, mixed; /* a length is known; messages to come till lengths count as equal again */
    uint32_t n_other;      /* messages since the last in order that used numbers again for other audio */
    /* The recent messages of this epoch, with those that were passed over: a ring. */
    uint32_t head;  /* slot of the last message in order */
    uint32_t depth; /* so many slots, up to and with head, are in use */
    uint64_t received[VB_TIMELINE_RECENT / 64];
    uint32_t stamps[VB_TIMELINE_RECENT]; /* in 1/16 ms */
    uint32_t audio[VB_TIMELINE_RECENT];  /* a hash of some of the samples */
} vb_timeline;

void vb_timeline_init(vb_timeline *t, uint32_t rate_hz, uint32_t frame);

/*
 * Place a message of n samples at pcm. chunk and stamp_ms may be NULL; stamp_ms must be finite and |stamp_ms| < 2^53,
 * |chunk| < 2^62. NEXT and EPOCH move the end on by gap + n.
 */
vb_place vb_timeline_place(vb_timeline *t, const int64_t *chunk, const double *stamp_ms, const int16_t *pcm,
                           uint32_t n);

/* 1 if a message with these numbers simply goes on where the last one ended: NEXT, without a gap. */
int vb_timeline_goes_on(const vb_timeline *t, int64_t chunk, double stamp_ms);

int vb_timeline_valid(const vb_timeline *t);

#endif
