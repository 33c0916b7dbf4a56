/*
 * vb_echo.h - is what comes from a caller their own voice, or the far end's coming back?
 *
 * Method:   every 10 ms the powers of both signals in 16 bands from 250 to 3400 Hz. Correlating how the bands of the
 *           near end rise and fall with those of the far end, at every lag up to 1.1 s, finds the lag of the echo;
 *           quantiles of near over far at that lag, in each band, find its loss. What the near end has above the
 *           echo that lag, loss and decay predict, and above its own noise, is the caller's. Where the near end
 *           still rises and falls with the far end, it is echo that became louder, and the loss follows.
 *           A pause of the far end may move the lag by as much as its clock is off: the prediction is then the most
 *           that any lag within the bound gives, until a part of the new stretch has shown which it is.
 * Source:   D. L. Duttweiler, "A twelve-channel digital echo canceler", IEEE Trans. COM 26(5), 1978, for the detector
 *           of levels; T. Gaensler et al., "A double-talk detector based on coherence", IEEE Trans. COM 44(11), 1996.
 * Units:    samples of int16 full scale, or float of full scale 1.0, at 8 or 16 kHz; powers of int16 samples; lags and
 *           times in hops of 10 ms.
 * Threads:  vb_echo_select() once, before use; the caller owns the struct; one stream, one thread.
 * Memory:   vb_echo is one flat block without pointers: copy it to save it. Nothing is allocated. Bits: the same on
 *           every instruction set.
 */
#ifndef VB_ECHO_H
#define VB_ECHO_H

#include <stddef.h>
#include <stdint.h>

#include "vb_cpu.h"
#include "vb_status.h"

typedef enum { VB_ECHO_SILENCE = 0, VB_ECHO_ECHO = 1, VB_ECHO_SPEECH = 2, VB_ECHO_BOTH = 3 } vb_echo_kind;

enum {
    VB_ECHO_HOP = 80,     /* samples at 8 kHz */
    VB_ECHO_WINDOW = 192, /* of a transform */
    VB_ECHO_BEFORE = VB_ECHO_WINDOW - VB_ECHO_HOP,
    VB_ECHO_BANDS = 16,
    VB_ECHO_PAIRS = 8,   /* bands that are correlated */
    VB_ECHO_LAGS = 112,  /* hops: how late an echo may be */
    VB_ECHO_PAST = 224,  /* hops that the rows of the past hold: room to move on without copying */
    VB_ECHO_TAPS = 16,   /* from 16 to 8 kHz */
    VB_ECHO_MAX_STEP = 2 /* samples at the stream's rate to one at 8 kHz */
};

typedef struct {
    uint32_t magic, rate_hz;
    uint32_t at;      /* where in the rows of the past the newest hop is; older ones follow */
    uint32_t quiet;   /* hops for which the far end has been silent */
    uint32_t since;   /* hops since the far end's stretch began */
    uint32_t learned; /* hops of this stretch that have shown its lag */
    uint32_t locked;  /* whether the lag of the call is known */
    uint32_t doubt;   /* hops for which another lag has looked better */
    uint32_t kind;
    int32_t lag;              /* of the call */
    int32_t here, width;      /* of the stretch that is heard now, and how far it may be off */
    float centre;             /* of the lags that stretches have shown */
    uint32_t shown;           /* hops that have shown that */
    float likeness;           /* of the ends over the last 200 ms */
    float bound;              /* of the clock, in hops */
    float score, belief;      /* what was given last; evidence for the caller, summed */
    float level, level_floor; /* power of the near end while the far end is silent, and its least */
    float near_square, near_square_short;
    float line[2][VB_ECHO_TAPS];   /* near and far at 16 kHz: what the next samples' filter needs */
    float past[2][VB_ECHO_BEFORE]; /* near and far at 8 kHz */
    float noise[VB_ECHO_BANDS];    /* least power of the near end */
    float smooth[VB_ECHO_BANDS];   /* its power, smoothed for that */
    float tail[VB_ECHO_BANDS];     /* the far end's power as the room lets it die away */
    float loss[VB_ECHO_BANDS];     /* log2 of the echo's power over the far end's */
    float near_mean[VB_ECHO_PAIRS], far_mean[VB_ECHO_PAIRS];
    float power[VB_ECHO_PAST][VB_ECHO_BANDS]; /* of the far end */
    float rise[VB_ECHO_PAIRS][VB_ECHO_PAST];  /* how its bands rise and fall */
    float square[VB_ECHO_PAST];               /* of that, over the pairs */
    float product[VB_ECHO_LAGS];              /* near by far, over a second or two */
    float far_square[VB_ECHO_LAGS];
    float product_short[VB_ECHO_LAGS]; /* and over a fifth of a second */
    float far_square_short[VB_ECHO_LAGS];
} vb_echo;

/* Use the functions compiled for `level` from now on. Same bits at all levels. */
void vb_echo_select(vb_simd level);

/* rate_hz is 8000 or 16000; anything else is VB_ERR_ARGUMENT. */
vb_status vb_echo_init(vb_echo *e, uint32_t rate_hz);

/*
 * Hear n samples of both ends, n whole frames of 20 ms. bound_ms says how far the far end's clock may be off. After it
 * `score` and `kind` are those of the last frame. Floats that are not finite are VB_ERR_NOT_FINITE, and a part of a
 * frame VB_ERR_ARGUMENT; the state is then as it was.
 */
vb_status vb_echo_process_i16(vb_echo *e, const int16_t *near, const int16_t *far, size_t n, double bound_ms);
vb_status vb_echo_process_f32(vb_echo *e, const float *near, const float *far, size_t n, double bound_ms);

/* How much of the far end's power an echo loses at its loudest, in dB: the mean over the bands. */
float vb_echo_loss_db(const vb_echo *e);

/* 1 if a block of memory is a state that the functions above can be given. */
int vb_echo_valid(const vb_echo *e);

#endif
