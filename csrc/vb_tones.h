/*
 * vb_tones.h - names the tones of a telephone line: keys, call progress, fax, and the beep of an answering machine.
 *
 * Method:   each 10 ms, or 30 ms while no tone is in sight, the spectrum of the last 48 ms is looked at for one or two
 *           lumps, as narrow as the window, that hold nearly all power. Their frequencies are interpolated between the
 * bins of a Hann window; what lies too close for that (440 + 480 Hz) is told by the centre and the spread of a whole
 * burst. Power in blocks of 5 ms says when a tone began and ended. The rest are rules: pairs and lengths for keys, the
 * order and length of bursts for call progress. Source:   ITU-T Q.23, Q.24 (keys), E.180/Q.35 and its Supplement 2
 * (call progress, special information tone), T.30 (fax), V.25 (answering tone); M. Gasior, J. Gonzalez, "Improving FFT
 * frequency measurement resolution by parabolic and Gaussian spectrum interpolation", AIP Conf. Proc. 732, 2004, of
 * which the Hann window's exact three-bin form is used. Units:    samples of int16's scale; times in ms since the first
 * sample, in steps of 5. Threads:  vb_tones_select() once, before use; the caller owns the struct. Memory:   one flat
 * block, no allocation. Bits: floats in a fixed order, the same on every instruction set.
 */
#ifndef VB_TONES_H
#define VB_TONES_H

#include <stddef.h>
#include <stdint.h>

#include "vb_cpu.h"

typedef enum {
    VB_TONE_NONE = 0,
    VB_TONE_DTMF, /* key */
    VB_TONE_DIAL,
    VB_TONE_RINGBACK,
    VB_TONE_BUSY,
    VB_TONE_CONGESTION,
    VB_TONE_SIT,
    VB_TONE_CNG,
    VB_TONE_CED,
    VB_TONE_BEEP, /* low_hz, and high_hz of two */
    VB_TONE_KINDS
} vb_tone_kind;

typedef struct {
    int32_t kind;
    int32_t key; /* a character, 0 for other kinds */
    int32_t low_hz, high_hz;
    int64_t start_ms;
    int64_t end_ms; /* -1 while it lasts */
} vb_tone;

enum {
    VB_TONES_WINDOW = 384, /* samples at 8 kHz */
    VB_TONES_HOP = 80,
    VB_TONES_PAST = VB_TONES_WINDOW + 10 * VB_TONES_HOP, /* room to move on without copying */
    VB_TONES_BLOCKS = 64,                                /* the latest blocks of 5 ms are remembered */
    VB_TONES_BURSTS = 4,                                 /* ... and the latest bursts */
    VB_TONES_PER_HOP = 24,                               /* the most that one hop can tell: three windows' */
    VB_TONES_HALF_TAPS = 15
};

#include "vb_tones_state.h"

/* Use the functions compiled for `level` from now on. Same bits at all levels. */
void vb_tones_select(vb_simd level);

/* Begin. VB_ERR_ARGUMENT unless rate_hz is 8000 or 16000. */
vb_status vb_tones_init(vb_tones *t, uint32_t rate_hz);

/* VB_ERR_NOT_FINITE if one of n floats, of any alignment, is not finite. */
vb_status vb_tones_check(const void *src, size_t n);

/*
 * Listen to n samples at src, floats of full scale 1.0 (checked before) if is_float, else int16. Writes up to `cap`
 * tones, at least VB_TONES_PER_HOP; returns how many samples were taken: fewer than n when the room is used up. Any
 * split of a stream tells the same tones.
 */
size_t vb_tones_process(vb_tones *t, const void *src, size_t n, int is_float, vb_tone *tones, size_t cap,
                        size_t *n_tones);

/* Whether a state from outside can be used. */
int vb_tones_valid(const vb_tones *t);

#endif
