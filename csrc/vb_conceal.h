/*
 * vb_conceal.h - fill what is missing: extrapolation into a stall, and bridging of a hole whose right side is known.
 *
 * Method:   linear prediction (vb_ar.h) fitted to the 60 ms before the hole and run on; full level for 30 ms, then
 *           faded over 40 ms into noise of the background's level. Where the past is steady noise the predictor is
 *           driven by noise, too: what it makes keeps its level. A bridge runs a second predictor backwards from the
 *           20 ms after the hole, each of the two fitted to the other side as well, at a tenth of the weight. Their
 *           time is bent by up to 3 % of the hole so that they meet in phase, and they are cross-faded with a raised
 *           cosine, with the level made up where they disagree. The cheap way repeats the last pitch period instead of
 *           predicting. VB_CONCEAL_AUTO predicts, but repeats what repeats itself on both sides as no voice does, and
 *           bridges holes of over 30 ms in all but tones by the pitch; there the two sides teach each other only where
 *           one's predictor explains the other.
 * Source:   Kauppinen, Roth, "Audio signal extrapolation - theory and applications", DAFx 2002; ITU-T G.711 App. I for
 *           the pitch repetition and the fade.
 * Units:    int16 samples at 8 or 16 kHz; counts in samples.
 * Threads:  the caller owns the struct; one stream, one thread.
 * Memory:   vb_conceal is one flat block without pointers: copy it to save it. Nothing is allocated.
 */
#ifndef VB_CONCEAL_H
#define VB_CONCEAL_H

#include <stddef.h>
#include <stdint.h>

#include "vb_ar.h"

enum { VB_CONCEAL_MAX_CYCLE = 240 };

typedef enum { VB_CONCEAL_AUTO = 0, VB_CONCEAL_AR = 1, VB_CONCEAL_PITCH = 2 } vb_conceal_method;

typedef struct {
    uint32_t rate_hz;
    uint32_t method;
    uint32_t live;   /* a hole is open: the extrapolation below is running */
    uint32_t source; /* what runs: VB_CONCEAL_AR or VB_CONCEAL_PITCH; VB_CONCEAL_AUTO for nothing but noise */
    uint32_t joined; /* samples of the overlap after a hole already done */
    uint32_t joining;
    uint32_t period;
    uint32_t phase;
    uint32_t random, drive;
    float noisy;  /* 0..1: how much of the past is noise */
    float driven; /* the level of what drives the predictor */
    float noise_rms, noise_rho, noise_last, floor_rms;
    float most;       /* no prediction goes beyond it */
    uint32_t past_at; /* where in `past` the history begins: at 8 kHz there is room to move on without copying it all */
    uint64_t age;     /* samples since the hole began */
    int16_t past[VB_AR_MAX_HISTORY]; /* what was heard last, newest last */
    float coef[VB_AR_MAX_ORDER];
    float line[VB_AR_MAX_ORDER]; /* the last samples of the extrapolation, at full level */
    float cycle[VB_CONCEAL_MAX_CYCLE];
} vb_conceal;

/* How much of a vb_conceal must be kept between holes if each is filled by one vb_conceal_bridge: bytes, and words. */
enum { VB_CONCEAL_KEPT = offsetof(vb_conceal, coef), VB_CONCEAL_KEPT_WORDS = (VB_CONCEAL_KEPT + 7) / 8 };

/* rate_hz is 8000 or 16000. */
void vb_conceal_init(vb_conceal *c, uint32_t rate_hz, vb_conceal_method method);

/* 1 if a block of memory is a state that the functions below can be given. */
int vb_conceal_valid(const vb_conceal *c);

/* The background noise that a fade ends in (vb_pause_background), and the faintest that was heard (vb_pause_floor). */
void vb_conceal_background(vb_conceal *c, float rms, float rho, float floor_rms);

/* n samples were heard as they are; an open hole is closed without overlap. */
void vb_conceal_heard(vb_conceal *c, const int16_t *src, size_t n);

/* The n <= rate / 50 samples that were heard last. */
const int16_t *vb_conceal_last(const vb_conceal *c, size_t n);

/* n samples at src arrived: dst (which may be src) gets them, the first 5 ms after a hole cross-faded with the
 * extrapolation. */
void vb_conceal_good(vb_conceal *c, const int16_t *src, int16_t *dst, size_t n);

/* Extrapolate n samples into dst. */
void vb_conceal_lost(vb_conceal *c, int16_t *dst, size_t n);

/*
 * Fill the n samples between what was heard and the n_next samples at next, of which the first 20 ms are read. The
 * hole is closed: what follows is heard as it is. Extrapolation that has been heard already is gone on with.
 */
void vb_conceal_bridge(vb_conceal *c, int16_t *dst, size_t n, const int16_t *next, size_t n_next);

/* The same into a ring of cap samples, from index at < cap on; n <= cap. */
void vb_conceal_bridge_ring(vb_conceal *c, int16_t *ring, size_t cap, size_t at, size_t n, const int16_t *next,
                            size_t n_next);

/* Begin a hole, unless one is open, by a method of the caller's choice. */
void vb_conceal_open(vb_conceal *c, vb_conceal_method method);

/* What an extrapolation of n <= rate / 50 samples would sound like next, with no change of state but the fit. */
void vb_conceal_peek(vb_conceal *c, float *dst, size_t n);

#endif
