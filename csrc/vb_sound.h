/*
 * vb_sound.h - does a stream sound like what it is said to be, and if not, what is wrong with it?
 *
 * Method:   frames of 20 ms are measured while a window is open: 200 frames that sound, louder than -50 dBov. Bytes:
 *           how many bits each codec and byte order needs to describe the same bytes (a fixed predictor of order 0 to
 *           2, Laplacian residual, the codec's own step sizes); the right one needs the fewest. Waveform: counts of
 *           full-scale samples, jumps, gaps, repetitions and clicks. Voice: a small network looks at the mel spectrum,
 *           the pitch and the change of every third frame and tells at how many times its rate a voice runs.
 *           Then the ear closes, unless clicks make it likely that frames are missing: it waits for more of those, up
 *           to 500 frames. It opens again for such a window a minute later.
 * Source:   P. Elias, "Predictive coding", IRE Trans. IT 1(1), 1955; J. Rissanen, "Modeling by shortest data
 *           description", Automatica 14, 1978; ITU-T G.711 (11/88); D. Snyder et al., "X-vectors", ICASSP 2018.
 * Units:    samples of int16; levels in dBov: 0 dBov is the power of a square of full scale, 32768^2.
 * Threads:  vb_sound_select() once, before use; the caller owns the struct.
 * Memory:   the caller's, no allocation: a small block, and a large one for the time that the ear is open. Bits:
 * integers, and floats in a fixed order, on every instruction set.
 */
#ifndef VB_SOUND_H
#define VB_SOUND_H

#include <stddef.h>
#include <stdint.h>

#include "vb_cpu.h"

/* What the bytes are taken for. */
typedef enum {
    VB_SOUND_ULAW = 0,
    VB_SOUND_ALAW = 1,
    VB_SOUND_LITTLE = 2, /* 16-bit samples, least significant byte first */
    VB_SOUND_BIG = 3,
    VB_SOUND_FLOAT = 4 /* float32 in the machine's byte order, full scale 1.0 */
} vb_sound_code;

typedef enum {
    VB_SOUND_WRONG_CODEC = 0, /* detail: the vb_sound_code it is; value: bits a byte that it saves */
    VB_SOUND_SWAPPED_BYTES,   /* value: bits a byte that the other order saves */
    VB_SOUND_FLOAT_SAMPLES,   /* detail: bytes a float, 4 or 8, or 0 for floats in the scale of int16; value: share, or
                               * the largest sample */
    VB_SOUND_FILE_BYTES,      /* detail: vb_sound_file; value: where in the stream its mark was, in bytes */
    VB_SOUND_ENCODED_TWICE,   /* detail: vb_sound_text; value: ms of nothing but text */
    VB_SOUND_ZERO_SILENCE,    /* value: ms of zero bytes at a stretch */
    VB_SOUND_CLIPPED,         /* value: share of samples in runs at full scale */
    VB_SOUND_WRAPPED,         /* value: wraps a second */
    VB_SOUND_DC_OFFSET,       /* value: mean, in full scale */
    VB_SOUND_WRONG_RATE,      /* value: true rate over the stated one */
    VB_SOUND_STEREO,          /* detail: 2 when both channels are the same, 1 when one is silent, 0 otherwise */
    VB_SOUND_HOLES,           /* value: ms between them; more: how long they are, in ms */
    VB_SOUND_REPEATED_FRAMES, /* value: ms after which audio comes again; more: share of it that does */
    VB_SOUND_MISSING_FRAMES,  /* detail: 1 when the places are silent, 0 when spliced; value: share, or clicks' score */
    VB_SOUND_TOO_QUIET,       /* value: level of the speech in dBov */
    VB_SOUND_NO_SPEECH,       /* value: level of the noise in dBov */
    VB_SOUND_KINDS
} vb_sound_kind;

typedef enum { VB_FILE_WAV = 0, VB_FILE_MP3, VB_FILE_OGG, VB_FILE_FLAC, VB_FILE_ADTS, VB_FILE_OTHER } vb_sound_file;
typedef enum { VB_TEXT_BASE64 = 0, VB_TEXT_HEX, VB_TEXT_OTHER } vb_sound_text;

typedef struct {
    int32_t kind;
    int32_t detail;
    double value;
    double more;
    int64_t at; /* samples since the beginning, when it was found */
} vb_sound_finding;

enum {
    VB_SOUND_MIN_HZ = 8000,
    VB_SOUND_MAX_HZ = 48000,
    VB_SOUND_MAX_FRAME = VB_SOUND_MAX_HZ / 50,
    VB_SOUND_WINDOW = 200,  /* frames that sound, 4 s, before the ear closes */
    VB_SOUND_LONGEST = 500, /* likewise, 10 s, where frames may be missing */
    VB_SOUND_PAUSE = 3000,  /* frames until it opens again: a minute */
    VB_SOUND_TRUST = 40,    /* frames that tell what the bytes are, before they are believed */
    VB_SOUND_BANDS = 24,    /* of the mel spectrum */
    VB_SOUND_LAGS = 24,     /* of the pitch */
    VB_SOUND_HIDDEN = 32,   /* pooled by the network */
    VB_SOUND_POINTS = 384,  /* of the transform */
    VB_SOUND_CELLS = 80,    /* quarters of a millisecond in a frame */
    VB_SOUND_HALF = 32,     /* of them are looked at on each side */
    VB_SOUND_CHAINS = 4,
    VB_SOUND_ANCHORS = 256,
    VB_SOUND_LEVELS = 32
};

#include "vb_sound_state.h"

/* Use the functions compiled for `level` from now on. Same bits at all levels. */
void vb_sound_select(vb_simd level);

/* Begin. VB_ERR_ARGUMENT unless VB_SOUND_MIN_HZ <= rate_hz <= VB_SOUND_MAX_HZ. */
vb_status vb_sound_init(vb_sound *s, vb_sound_code code, uint32_t rate_hz);

/* How large the block at `w` is, and whether to listen to n bytes needs it: one of zeros, unless it is there already.
 */
size_t vb_sound_window_size(const vb_sound *s);
int vb_sound_needs_window(const vb_sound *s, size_t n);

/*
 * Listen to n bytes. Any split of a stream gives the same findings, each kind once; up to VB_SOUND_KINDS are written to
 * `found`, and *n_found says how many. VB_ERR_NOT_FINITE, and nothing is taken, for a float that is not finite.
 */
vb_status vb_sound_push(vb_sound *s, const void *data, size_t n, vb_sound_finding *found, size_t *n_found);

/* 1 while the ear is closed: what is at `w` is not needed any more. */
int vb_sound_done(const vb_sound *s);

/* Open the ear now, for another window. What was found is not found again. */
void vb_sound_listen(vb_sound *s);

int vb_sound_valid(const vb_sound *s);

#endif
