/*
 * vb_vad.h - voice activity: is this block of 10 ms speech, or background as it was before?
 *
 * Method:   the levels of five bands and of the whole, each against the mean and the spread that it has in pauses. A
 *           block is speech where one of them exceeds the mean by a margin that grows with the spread: a steady hiss
 *           is told from a weak fricative 3 dB above it, while the rise and fall of a crowd stays background. The bands
 *           are sums of autocorrelations, which are integers, so any split of a block gives the same bits. The
 *           statistics learn from pauses and, slowly, from rises too short for speech; a background that has risen
 *           for good is found by the least of the last 3 s. Louder than -44 dBFS on average is never background, so a
 *           steady tone or music does not become a pause.
 * Source:   minimum statistics after R. Martin, "Noise power spectral density estimation ...", IEEE Trans. SAP 9(5),
 *           2001; bands by a lag window (Bartlett), Blackman and Tukey, 1958.
 * Units:    samples of int16; levels in dB over an RMS of one.
 * Threads:  none of its own; the caller owns the struct. Memory: one flat block, no allocation.
 */
#ifndef VB_VAD_H
#define VB_VAD_H

#include <stddef.h>
#include <stdint.h>

enum {
    VB_VAD_LAGS = 8,
    VB_VAD_LEVELS = 8,  /* five bands, the whole, and two that stay empty to fill a vector */
    VB_VAD_WHOLE = 5,   /* which level is that of all bands */
    VB_VAD_BEFORE = 14, /* samples that vb_vad_add reads ahead of a block */
    VB_VAD_WINDOWS = 6
};

typedef struct {
    /* The block so far. */
    int64_t energy, next;     /* sums of x[i]^2 and of x[i] x[i - 1] (vb_pause_sums) */
    int64_t lag[VB_VAD_LAGS]; /* lag[0] is not used: see energy */
    uint32_t n;
    uint32_t step; /* samples at 8 kHz spacing */
    /* What background is like. */
    float power[VB_VAD_LEVELS]; /* smoothed over some 20 ms */
    float mean[VB_VAD_LEVELS], spread[VB_VAD_LEVELS];
    float slow[VB_VAD_LEVELS];
    float least[VB_VAD_WINDOWS][VB_VAD_LEVELS];      /* of `slow`, per half second, newest last */
    float rise[VB_VAD_LEVELS], swing[VB_VAD_LEVELS]; /* sums over the excursion going on */
    uint32_t in_window;
    uint32_t seen;  /* blocks, up to as many as matter */
    uint32_t run;   /* blocks of speech in the excursion going on */
    uint32_t quiet; /* blocks since the last one of speech */
    uint32_t voiced;
} vb_vad;

/* rate_hz is 8000 or 16000. */
void vb_vad_init(vb_vad *v, uint32_t rate_hz);

/* Add n samples, at most 10 ms, to the block; x[-VB_VAD_BEFORE..-1] are read, too. */
void vb_vad_add(vb_vad *v, const int16_t *x, size_t n);

/* Forget the samples of an unfinished block. */
void vb_vad_drop(vb_vad *v);

/* Judge the block, of at least one sample, and begin the next. Returns 1 for speech, 0 for background. */
int vb_vad_judge(vb_vad *v);

/* By how many dB the background's level varies (mean deviation over 20 ms), as far as it is loud enough to hide speech.
 */
float vb_vad_unrest(const vb_vad *v);

int vb_vad_valid(const vb_vad *v);

#endif
