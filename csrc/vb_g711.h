/*
 * vb_g711.h - G.711 companding, 8-bit codes of mu-law or A-law <-> 16-bit linear PCM.
 *
 * Source:   ITU-T G.711 (11/88) tables 1 and 2; encoders take negatives in one's complement, as ITU-T G.191 does.
 * Units:    mu-law: 14-bit values left-justified in int16, so codes reach +/-32124 of full scale 32768.
 *           A-law: 13-bit values likewise, up to +/-32256.
 * Threads:  vb_g711_select() once, before use; the rest keeps no state and is callable from any thread, without the
 *           GIL.
 * Memory:   allocates nothing. The PCM side may be at any address, aligned or not. src and dst must not overlap.
 */
#ifndef VB_G711_H
#define VB_G711_H

#include <stddef.h>
#include <stdint.h>

#include "vb_cpu.h"

/* Use the functions compiled for `level` from now on. Without a call the scalar ones are used. */
void vb_g711_select(vb_simd level);

/* Expand n codes from src into n samples at dst. All 256 codes are valid. */
void vb_ulaw_decode(const uint8_t *restrict src, int16_t *restrict dst, size_t n);
void vb_alaw_decode(const uint8_t *restrict src, int16_t *restrict dst, size_t n);

/* Compress n samples from src into n codes at dst. All 65536 values are valid. */
void vb_ulaw_encode(const int16_t *restrict src, uint8_t *restrict dst, size_t n);
void vb_alaw_encode(const int16_t *restrict src, uint8_t *restrict dst, size_t n);

#endif
