/*
 * vb_tones_state.h - the state of vb_tones.h, and what its files share. Included by vb_tones.h only.
 */
#ifndef VB_TONES_STATE_H
#define VB_TONES_STATE_H

/* What one window holds. */
typedef struct {
    float power;       /* mean square of the window, as if it sounded all through it */
    float share;       /* of that, in the lumps */
    int32_t n;         /* lumps: 0, 1 or 2 */
    float hz[2];       /* of the lumps, the stronger first */
    float strength[2]; /* their power, in the unit of the bins */
    float centre;      /* centre of gravity of the lumps, Hz */
    float variance;    /* around it, without the window's own, Hz^2 */
} vb_tones_look;

/* A key that may be one, or is one. */
typedef struct {
    int32_t key;  /* 0: none */
    int32_t seen; /* windows in a row that show it */
    int32_t missed;
    int32_t told;
    int64_t start; /* blocks */
    int64_t last;  /* centre of the last window that showed it, blocks */
    float level;   /* power of a block */
} vb_tones_key;

/* Something steady that begins and ends. */
typedef struct {
    int64_t start, end; /* blocks; the end is that of the last window that fits, until the burst is over */
    float weight;       /* power of the windows so far; the sums are weighted with it */
    float centre, variance, low, high, strong;
    float pair;          /* weight of the windows in which two lumps were resolved */
    float first;         /* frequency of the first window's strongest lump, from which the next two are measured */
    float share;         /* of the power that is in the lumps */
    float drift, wander; /* of the strongest lump: the sum of its distance, and of the square of that */
    float level;         /* power of a block */
    int32_t windows, misfits;
    int32_t used; /* it is part of what was told */
} vb_tones_burst;

/* A tone that was told, and lasts; its cadence, if it has one. */
typedef struct {
    vb_tone tone;
    int64_t last_end; /* of its last burst, blocks */
} vb_tones_open;

typedef struct {
    uint32_t rate_hz;
    uint32_t n_hop;                        /* samples of the hop that comes */
    uint32_t end;                          /* of the samples in `past` */
    uint32_t skipped;                      /* latest windows that were not looked at */
    uint32_t keen;                         /* a tone lasts, or may begin: every window counts */
    uint32_t is_on;                        /* a burst lasts: burst[0] */
    int64_t n_block;                       /* blocks so far */
    float line[VB_TONES_HALF_TAPS - 1];    /* at 16 kHz, the samples before the hop */
    float past[VB_TONES_PAST];             /* at 8 kHz; what comes next is at `end` */
    float hop[2 * VB_TONES_HOP];           /* at 16 kHz */
    float block[VB_TONES_BLOCKS];          /* mean squares, a ring */
    vb_tones_key key, before;              /* the key, and the one before, which has ended */
    vb_tones_burst burst[VB_TONES_BURSTS]; /* the latest first */
    vb_tones_open open;
    float recent[3];     /* powers of the latest windows */
    float talk_power;    /* of what sounded and was no tone: the loudest lately */
    int32_t talk, noisy; /* windows of it lately; in a row, now */
    int64_t talked;      /* when, blocks */
} vb_tones;

#endif
