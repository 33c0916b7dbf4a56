/*
 * vb_sound_state.h - the state of vb_sound.h, and what its files share. Included by vb_sound.h only.
 */
#ifndef VB_SOUND_STATE_H
#define VB_SOUND_STATE_H

/* Whether the bytes are another codec, another order, floats, text or zeros. */
typedef struct {
    int64_t gain[4];  /* bits a byte that each vb_sound_code saves, 1/256, summed over the frames that say something */
    int64_t cost[4];  /* bits a byte, 1/256, likewise */
    uint32_t judged;  /* such frames */
    uint32_t looked;  /* those, and others */
    uint32_t trusted; /* the bytes are what they are taken for */
    uint32_t floats[2]; /* frames that are floats of 4 and of 8 bytes */
    uint32_t text, not_text;
    uint32_t text_class;
    uint32_t zero_run, zero_longest; /* bytes */
    uint32_t zero_frames;
    uint32_t scaled; /* float samples far beyond full scale */
    float largest;
} vb_sound_bytes;

/* A chain of frames of a compressed file: where the next should begin. */
typedef struct {
    int64_t next;
    uint32_t head; /* the bits that stay the same from frame to frame */
    uint32_t links;
    uint32_t file;
} vb_sound_chain;

typedef struct {
    vb_sound_chain chain[VB_SOUND_CHAINS];
    uint32_t turn;
    uint8_t tail[24]; /* the last bytes of the frame before */
    uint32_t n_tail;
    uint32_t marked; /* a mark was found: which, and where */
    uint32_t mark_file;
    int64_t mark_at;
} vb_sound_files;

/* What the waveform does. */
typedef struct {
    int64_t mean_sum, mean_square;                                    /* of the frames' means */
    int64_t level_sum_of_means, level_square_of_means, mean_by_level; /* and of their levels, without the mean */
    int64_t samples, sounding;
    int64_t top; /* samples in flat runs near full scale */
    uint32_t top_run;
    uint32_t wraps, swings;                       /* jumps of nearly the whole range, and of two thirds of it */
    uint32_t pairs, halves, mirrors, varied, low; /* frames that look like two channels, and how many could */
    int16_t last[3];                              /* samples before this frame */
    int64_t last_energy;
    /* gaps */
    int64_t gap_start, last_gap, gap_length, gap_period, segment_sum;
    uint32_t gap, segment, gap_chain, gaps_even, gaps_cut, cut_frames;
    int32_t gap_edge, edge_sum;
    int64_t level_sum, level_square, cut_phase;
    /* repeats */
    uint32_t anchors, seen;
    uint32_t first, chained; /* of those seen: for the first time, and for the fourth or a later one */
    uint32_t soon;           /* after 1.25 s at most */
    uint32_t lag[8], votes[8];
    uint8_t anchor_again[VB_SOUND_ANCHORS]; /* how often it was seen again */
    uint32_t anchor_hash[VB_SOUND_ANCHORS];
    int64_t anchor_at[VB_SOUND_ANCHORS];
    /* clicks at the frames' edges */
    uint16_t cell[VB_SOUND_HALF];
    uint32_t click[5]; /* frames in which the first cell is larger than all around, and so at four other places */
    uint32_t click_frames;
    int64_t went_on; /* energy of the frame before, if it sounded */
} vb_sound_wave;

/* What the voice does. */
typedef struct {
    float past[VB_SOUND_POINTS]; /* at 8 kHz, newest last */
    float latest;
    int16_t line[48];       /* what the low-pass remembers */
    uint32_t skip, between; /* where the next samples at 8 kHz are */
    uint32_t turn, has_band;
    float band[VB_SOUND_BANDS];    /* of the last frame that was measured */
    uint32_t sounded, was_audible; /* the frame before */
    uint32_t n;                    /* frames that went through the network */
    float sum[VB_SOUND_HIDDEN], square[VB_SOUND_HIDDEN];
    float long_term[VB_SOUND_BANDS]; /* of those frames: their bands, summed */
    uint32_t soft_seen, soft_voiced;
    uint32_t grained;
    float likeness_sum, grain_sum, bands, bands_sum, bands_square;
    int64_t level_sum, level_square;  /* log2 of the powers of sounding frames, 1/256 */
    uint32_t levels[VB_SOUND_LEVELS]; /* frames by power, 3 dB each */
    double level_energy[VB_SOUND_LEVELS];
} vb_sound_voice;

typedef struct {
    uint32_t elapsed; /* frames since the first that sounded */
    uint32_t heard;   /* those that sounded */
    uint32_t soft;    /* those that did not, but were not silent */
    uint32_t longer;  /* in doubt after VB_SOUND_WINDOW */
    uint32_t over;    /* nothing more to hear in this one */
    vb_sound_bytes bytes;
    vb_sound_files files;
    vb_sound_wave wave;
    vb_sound_voice voice;
    uint8_t held[]; /* an unfinished frame */
} vb_sound_window;

typedef struct {
    uint32_t code, rate_hz;
    uint32_t frame;       /* samples in 20 ms */
    uint32_t sample_size; /* bytes */
    uint32_t held_bytes;  /* of an unfinished frame */
    uint32_t said;        /* a bit for each kind that was found */
    int64_t pause;        /* bytes to let pass before the ear opens again */
    int64_t frames;       /* that were taken, or passed */
    vb_sound_window *w;   /* the owner's; needed only while the ear is open */
} vb_sound;

#endif
