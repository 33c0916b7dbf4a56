/*
 * vb_sound_parts.h - what the files of vb_sound.h ask of each other. Every function takes one frame of 20 ms: its
 * bytes, and the samples that they are taken for.
 */
#ifndef VB_SOUND_PARTS_H
#define VB_SOUND_PARTS_H

#include <string.h>

#include "vb_sound.h"

enum { VB_SOUND_TOP = 31000 }; /* of full scale, 32768: from here on a flat run is clipped */

/* Sums over a frame that several parts need. */
typedef struct {
    int64_t energy; /* of the samples less their mean; to 1/256 of the peak */
    int64_t sum;
    uint32_t magnitude; /* sum of |x| */
    uint32_t peak;
    uint32_t step;      /* largest |x[i] - x[i - 1]| within the frame; 0 where none can be near the whole range */
    uint32_t near_zero; /* samples of at most 8 */
    uint32_t top;       /* samples of at least VB_SOUND_TOP */
    uint32_t sounds;    /* louder than -50 dBov */
} vb_sound_sums;

/* log2(v) in 1/256, of v >= 1, to about 1/100. */
static inline int32_t vb_sound_log2(uint64_t v) {
    const float f = (float)v;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    const int32_t linear = (int32_t)(bits >> 15) - (127 << 8), m = (int32_t)((bits >> 15) & 255);
    return linear + ((m * (256 - m) * 88) >> 16);
}

void vb_sound_bytes_frame(vb_sound *s, const uint8_t *raw, const int16_t *x, const vb_sound_sums *m);
void vb_sound_files_frame(vb_sound *s, const uint8_t *raw);
void vb_sound_wave_frame(vb_sound *s, const int16_t *x, const vb_sound_sums *m);
void vb_sound_voice_frame(vb_sound *s, const int16_t *x, const vb_sound_sums *m);
void vb_sound_bytes_select(vb_simd level);
void vb_sound_files_select(vb_simd level);
void vb_sound_wave_select(vb_simd level);
void vb_sound_voice_select(vb_simd level);

/* How many times the stated rate the voice's true rate is, as log2, and how sure that is. */
void vb_sound_voice_rates(const vb_sound_voice *v, float *score);

/* Look at what the window holds. Returns how many findings were written to `found`. */
size_t vb_sound_judge(vb_sound *s, vb_sound_finding *found);

/* A mark of a file was found `offset` bytes into the stream: judge as soon as the frame is over. */
void vb_sound_mark(vb_sound *s, vb_sound_file file, int64_t offset);

#endif
