/*
 * vb_stretch.h - play speech faster or slower by leaving out or repeating one pitch period.
 *
 * Method:   pitch-synchronous overlap-add: the signal at two places one period apart is cross-faded over up to a
 *           period; only where the two match.
 * Source:   W. Verhelst and M. Roelands, "An overlap-add technique based on waveform similarity (WSOLA)", ICASSP 1993.
 * Units:    int16 samples.
 * Threads:  no state.
 */
#ifndef VB_STRETCH_H
#define VB_STRETCH_H

#include <stddef.h>
#include <stdint.h>

enum { VB_STRETCH_MAX_SPAN = 560 };

/*
 * The period at `here`, where 35 ms - n samples before it and n after it are known, in samples of 5 to 15 ms; 0 if
 * there is none that may be spliced by.
 */
size_t vb_stretch_period(const int16_t *here, size_t n, uint32_t rate_hz);

/* How alike are the n samples at a and at b: their normalised correlation; 1 when both are next to silent. */
float vb_stretch_match(const int16_t *a, const int16_t *b, size_t n);

/* dst = from, turning into `to` over the first `overlap` samples with a raised cosine, and `to` up to n. */
void vb_stretch_splice(const int16_t *from, const int16_t *to, size_t overlap, int16_t *dst, size_t n);

#endif
