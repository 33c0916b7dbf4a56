/*
 * denoise_call.h - how far the call's speech is above its noise, and what follows from it.
 *
 * Where speech is hardly louder than the noise, a tracker that expects speech 15 dB above it takes the weaker parts of
 * words into the noise, and a deep floor hides what is left of them from a listener or a voice detector.
 */
#ifndef VB_SIMD_DENOISE_CALL_H
#define VB_SIMD_DENOISE_CALL_H

#include "bins.h"
#include "denoise_gain.h"
#include "fastmath.h"

#define VB_CALL_SURE 0.5f         /* certainty of a hop from which it is speech */
#define VB_CALL_RISE 0.05f        /* share of such a hop in the level of speech, when louder ... */
#define VB_CALL_FALL 0.01f        /* ... and when not */
#define VB_CALL_NOISE 0.02f       /* share of any hop in that of the noise */
#define VB_CALL_FORGET 0.125f     /* of the hops of speech heard, in any other: noise alone has some now and then */
#define VB_CALL_PRIOR_LEAST 10.0f /* the prior SNR of the tracker, as a power ratio, up to ... */
#define VB_CALL_PRIOR_FROM 10.0f  /* ... so many dB, */
#define VB_CALL_PRIOR_SPAN 6.0f   /* and how many more until it is what it is in a clean call */
#define VB_CALL_FLOOR_LEAST 0.7f  /* likewise, the share of the floor's dB */
#define VB_CALL_FLOOR_FROM 6.0f
#define VB_CALL_FLOOR_SPAN 6.0f

enum {
    VB_CALL_RUN = 50,  /* sure hops in a row from which on it is no speech, but hum or a tone: speech has pauses */
    VB_CALL_HOPS = 80, /* hops of speech from which on their level is trusted */
    VB_CALL_MOST = 320 /* and how many of them are counted */
};

/* 0 where the call's speech is up to `from` dB above its noise, 1 from `span` more on, and until that is known. */
VB_INLINE float vb_call_clean(const struct vb_denoise *d, float from, float span) {
    return d->heard < (float)VB_CALL_HOPS ? 1.0f : vb_gain_map(d->call_ratio, from, span);
}

/* Note a hop: the power of speech and noise in it. */
VB_INLINE void vb_call_follow(struct vb_denoise *d, float certain, float speech, float noise) {
    d->n_run = certain <= VB_CALL_SURE ? 0 : d->n_run < VB_CALL_RUN ? d->n_run + 1 : VB_CALL_RUN;
    if (d->n_run > 0 && d->n_run < VB_CALL_RUN) {
        const float share = d->call_speech <= 0.0f ? 1.0f : speech > d->call_speech ? VB_CALL_RISE : VB_CALL_FALL;
        d->call_speech += share * (speech - d->call_speech);
        d->heard = vb_min(d->heard + 1.0f, (float)VB_CALL_MOST);
    } else {
        d->heard = vb_max(d->heard - VB_CALL_FORGET, 0.0f);
    }
    d->call_noise += (d->call_noise > 0.0f ? VB_CALL_NOISE : 1.0f) * (noise - d->call_noise);
    d->call_ratio = vb_log2(vb_max(d->call_speech, 1e-20f) / d->call_noise);
}

#endif
