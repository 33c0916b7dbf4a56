/*
 * vb_sound_verdicts.h - what the files that judge a window of vb_sound.h ask of each other.
 */
#ifndef VB_SOUND_VERDICTS_H
#define VB_SOUND_VERDICTS_H

#include "vb_sound_parts.h"

/* Standard deviations of the level, in 1/256 of 3 dB. */
enum {
    VB_SOUND_SPOKEN = 128, /* 1.5 dB: the level of speech varies more */
    VB_SOUND_LIVELY = 200, /* 2.4 dB: so does that of speech in most noise */
};

/* What is found while a window is judged. */
typedef struct {
    vb_sound *s;
    vb_sound_finding *found;
    size_t n;
    int doubt; /* more sound would tell */
} vb_sound_verdicts;

/* Write down a finding, unless its kind has been named before. */
void vb_sound_say(vb_sound_verdicts *v, vb_sound_kind kind, int32_t detail, double value, double more);

/* Standard deviation of the sounding frames' powers, in 1/256 of 3 dB. */
double vb_sound_level_spread(const vb_sound_window *w);

/* Whether the window may hold a voice: no tone, and not much of music either. Its level varies by `least` or more. */
int vb_sound_could_be_voice(const vb_sound_window *w, double least);

void vb_sound_judge_quiet(vb_sound_verdicts *v);
void vb_sound_judge_noise(vb_sound_verdicts *v);
void vb_sound_judge_rate(vb_sound_verdicts *v);

#endif
