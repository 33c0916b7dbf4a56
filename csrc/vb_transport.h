/*
 * vb_transport.h - how late messages come: delay over the least of the last 30 s, its spread, and the clocks' drift.
 *
 * Method:   the reference is the least (arrival - media time) of a sliding 30 s, kept as 60 minima of half a second;
 *           it follows a drifting clock (6 ms behind at 200 ppm) and a changed route. Drift is the median slope
 *           (Theil-Sen) through the minima of the last 64 windows of 10 s.
 * Units:    ms as double; media time is the caller's position in the audio.
 * Threads:  the caller owns the struct. Memory: one flat block, no allocation.
 */
#ifndef VB_TRANSPORT_H
#define VB_TRANSPORT_H

#include <stddef.h>
#include <stdint.h>

enum {
    VB_TRANSPORT_BUCKETS = 60,
    VB_TRANSPORT_BINS = 128,
    VB_TRANSPORT_WINDOWS = 64,
    VB_TRANSPORT_MIN_WINDOWS = 6 /* a minute: no figure before */
};

typedef struct {
    double least; /* the reference; meaningful once `known` */
    double newest_ms;
    double window_start_ms, window_at_ms, window_least;
    double most_ms; /* the greatest delay seen */
    int64_t bucket_now;
    uint64_t n_noted;
    uint32_t known;
    uint32_t window_open;
    uint32_t n_windows, next_window;
    uint32_t bins[VB_TRANSPORT_BINS];
    double bucket[VB_TRANSPORT_BUCKETS];
    double at_ms[VB_TRANSPORT_WINDOWS], low_ms[VB_TRANSPORT_WINDOWS];
} vb_transport;

void vb_transport_init(vb_transport *t);

/* The media clock jumped (a new epoch): forget the reference and the drift, keep the spread. */
void vb_transport_restart(vb_transport *t);

/*
 * A message with this media time arrived. Returns its delay over the reference. An arrival before the last one counts
 * as at the same time.
 */
double vb_transport_note(vb_transport *t, double arrival_ms, double media_ms);

/* The delay that a share (0..1) of the messages stayed within; 0 when there were none. */
double vb_transport_quantile(const vb_transport *t, double share);

/* 1 and *ppm, the growth of (arrival - media time) in parts per million, or 0 while too little is known. */
int vb_transport_drift(const vb_transport *t, double *ppm);

int vb_transport_valid(const vb_transport *t);

#endif
