/*
 * vb_target.h - how much delay a path needs, from how late its messages come.
 *
 * Method:   a stall is one event, whatever the number of messages it delays: its peak counts. The target is the least
 *           delay that lets at most `stalls_per_min` such events through, each weighing 2^(-age / 20 s). Besides, an
 *           envelope stays at the height of a spell that is still going on: held for 300 ms, then gone with a time
 *           constant of 500 ms.
 * Units:    ms as double.
 * Threads:  the caller owns the struct. Memory: one flat block, no allocation.
 */
#ifndef VB_TARGET_H
#define VB_TARGET_H

#include <stdint.h>

enum { VB_TARGET_PEAKS = 256 };

typedef struct {
    double first_ms; /* of arrivals; meaningful once `started` */
    double target_ms;
    double env_ms, env_at_ms, held_ms;
    double peak_ms, peak_at_ms;    /* the event going on */
    float height[VB_TARGET_PEAKS]; /* greatest first */
    double at_ms[VB_TARGET_PEAKS];
    float stalls_per_min;
    float max_ms;
    uint32_t n_peaks;
    uint32_t started;
} vb_target;

void vb_target_init(vb_target *t, float stalls_per_min, float max_ms);

/* A message came late by rel_ms over the reference. */
void vb_target_note(vb_target *t, double arrival_ms, double rel_ms);

/* Let the past fade: twice a second is enough. */
void vb_target_refresh(vb_target *t, double now_ms);

/* The delay to hold now: the target, or the envelope where that is higher. */
double vb_target_hold(vb_target *t, double now_ms);

int vb_target_valid(const vb_target *t);

#endif
