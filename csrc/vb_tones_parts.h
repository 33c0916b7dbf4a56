/*
 * vb_tones_parts.h - what the files of vb_tones.h share: constants, and who does what. Private.
 */
#ifndef VB_TONES_PARTS_H
#define VB_TONES_PARTS_H

#include "vb_tones.h"

static const float VB_TONES_QUIET = 10737.0f; /* -50 dBov: below, nothing is looked for */

enum { MS = 5 }; /* of a block */

static inline float vb_tones_magnitude(float x) {
    return x < 0.0f ? -x : x;
}

static inline int vb_tones_near(float x, float y, float most) {
    return vb_tones_magnitude(x - y) <= most;
}

static inline float vb_tones_centre(const vb_tones_burst *b) {
    return b->centre / b->weight;
}

static inline int64_t vb_tones_length(const vb_tones_burst *b) {
    return b->end - b->start;
}

static inline int vb_tones_is_pair(const vb_tones_burst *b) {
    return b->pair > 0.5f * b->weight;
}

/* Where the tones of a hop go. */
typedef struct {
    vb_tone *to;
    size_t n;
} vb_tones_out;

static inline void vb_tones_tell(vb_tones_out *out, const vb_tone *tone) {
    out->to[out->n++] = *tone;
}

/* The power of a block that is still remembered. */
static inline float vb_tones_block(const vb_tones *t, int64_t i) {
    return t->block[(uint64_t)i % VB_TONES_BLOCKS];
}

/* The first block that is still remembered, also when a window is judged that was left out. */
static inline int64_t vb_tones_oldest(const vb_tones *t) {
    return t->n_block > VB_TONES_BLOCKS - 4 ? t->n_block - (VB_TONES_BLOCKS - 4) : 0;
}

/*
 * From block `at` leftwards (step -1) or rightwards (step 1), the last block of at least `level` that is reached within
 * `reach` blocks over gaps of up to `gap` blocks; `at` itself if there is none.
 */
int64_t vb_tones_edge(const vb_tones *t, int64_t at, int step, int reach, int gap, float level);

/* vb_tones_keys.c: what a window says about keys. Returns whether it shows one. */
int vb_tones_keys(vb_tones *t, const vb_tones_look *look, int64_t centre, vb_tones_out *out);

/* vb_tones_bursts.c: what it says about everything else; `taken` if it belongs to a key. */
void vb_tones_bursts(vb_tones *t, const vb_tones_look *look, int64_t centre, int taken, vb_tones_out *out);

/*
 * vb_tones_beep.c: whether a burst has a beep's frequencies, and is as steady as a machine's, as a voice that holds a
 * vowel is not; and which frequencies these are.
 */
int vb_tones_is_beep(const vb_tones *t, const vb_tones_burst *b);
void vb_tones_name_beep(const vb_tones *t, const vb_tones_burst *b, vb_tone *tone);

#endif
