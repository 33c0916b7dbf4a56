/*
 * vb_denoise_state.h - what a suppressor remembers, and the constants of its two rates and two latencies. Private.
 *
 *     history    |<- window - hop ->|            the samples before the hop that comes
 *     pending                        |<- hop ->| the hop that comes, as far as it is there
 *     overlap    |<- window - hop ->|            sums of the frames that are not finished
 */
#ifndef VB_DENOISE_STATE_H
#define VB_DENOISE_STATE_H

#include <stdint.h>

enum {
    VB_DENOISE_MAX_HOP = 160,
    VB_DENOISE_MAX_WINDOW = 480,
    VB_DENOISE_LANES = 16,     /* sums over bins run in this many lanes at every instruction set */
    VB_DENOISE_LOW = 10,       /* bins of hum: up to 190 Hz */
    VB_DENOISE_MAX_BINS = 400, /* 768 / 2 + 1, rounded up to lanes */
    VB_DENOISE_ROUGH = 160,    /* second differences kept, at 8 kHz */
    VB_BANDS_FIRST = 8,        /* bin where the bands begin, */
    VB_BANDS_WIDTH = 16,       /* bins in each but the last, which takes the rest too, */
    VB_BANDS_MOST = 24,        /* and how many fit */
    VB_BANDS_BLOCKS = 8        /* their least levels are kept for so many tenths of a second */
};

/* Fixed for a rate and a latency. */
typedef struct {
    int rate_hz, low_latency;
    int hop, window, points; /* samples: hop, window, transform */
    const float *shape;      /* window samples, for analysis and synthesis */
} vb_denoise_form;

struct vb_denoise {
    uint32_t magic; /* tells the version and the byte order of a saved state */
    int32_t rate_hz, low_latency;
    int32_t n_pending;      /* samples in pending */
    int32_t n_start;        /* frames that the noise estimate has averaged so far, up to VB_HOP_START */
    int32_t n_zero, n_loud; /* hops of exact zeros, and of more than idle codes, in a row; up to a window of them */
    int32_t n_pause;        /* frames to come that show the last pause, up to VB_HOP_PAUSE */
    double level;
    float floor_log2;                                    /* log2 of the least gain */
    float noise_power, speech_power, speech_probability; /* as of the last hop */
    float loud;                                          /* the loudest hop's sum of squares, which fades */
    float pending[VB_DENOISE_MAX_HOP];
    float rough[2 * VB_DENOISE_ROUGH]; /* second differences before those that the next hop judges, for clicks */
    float history[VB_DENOISE_MAX_WINDOW];
    float overlap[VB_DENOISE_MAX_WINDOW];
    float noise[VB_DENOISE_MAX_BINS];   /* noise power */
    float absence[VB_DENOISE_MAX_BINS]; /* the tracker's absence of speech, smoothed; at the start mean log2 power */
    float held[VB_DENOISE_MAX_BINS];    /* hops for which that has been small, up to VB_NOISE_LONG */
    float recent[VB_DENOISE_MAX_BINS];  /* at the start, the mean of the last few log2 powers, ... */
    float least[VB_DENOISE_MAX_BINS];   /* ... and the least of that over time, 27 bins taken together */
    float low[VB_DENOISE_LOW];          /* power of the lowest bins, smoothed, for the tracker */
    float base[VB_DENOISE_LOW];         /* their minimum, which rises slowly */
    float stood[VB_DENOISE_LOW];        /* hops for which that has not been met, up to VB_NOISE_STAND */
    float speech[VB_DENOISE_MAX_BINS];  /* last estimate of the speech power */
    float prior[VB_DENOISE_MAX_BINS];   /* a-priori SNR, smoothed over time */
    int32_t n_run;                      /* hops of sure speech in a row, up to VB_CALL_RUN */
    float heard;                        /* of such as are speech, less what has been forgotten, up to VB_CALL_MOST */
    float call_speech, call_noise;      /* mean powers of the call's speech and noise */
    float call_ratio;                   /* log2 of the first over the second */
    int32_t n_swell;                    /* hops that the bands have been followed, modulo blocks once they are full */
    float fallen[VB_BANDS_MOST];        /* power over noise of each band, smoothed */
    float swell[VB_BANDS_MOST];         /* mean log2 power of each band, smoothed, ... */
    float trough[VB_BANDS_BLOCKS][VB_BANDS_MOST]; /* ... and its least in each tenth of a second, newest last */
};

#endif
