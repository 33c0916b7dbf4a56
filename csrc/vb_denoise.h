/*
 * vb_denoise.h - single-channel noise suppressor for telephone audio at 8000 and 16000 Hz.
 *
 * Method:   short-time spectral attenuation. Each 10 ms a root-Hann window of 30 ms (low latency: 20 ms) is
 *           transformed; a tracker keeps the noise power of every bin; a gain between the floor and one multiplies
 *           the spectrum; the frames are added up again (docs/denoise.md has the equations).
 * Sources:  Gerkmann and Hendriks, Unbiased MMSE-based noise power estimation, IEEE TASLP 20 (2012); Ephraim and
 *           Malah, log-spectral amplitude estimator, IEEE TASSP 33 (1985); Cohen, OM-LSA, Signal Processing 81 (2001).
 * Units:    int16 has full scale 32768, float full scale 1.0. Level 60 .. 100 sets the floor, 6.5 .. 30 dB.
 * Latency:  vb_denoise_latency(): window minus hop, whole hops, constant. Output k is whole hop k of the input, late.
 * Threads:  vb_denoise_select() once, before use; one state, one thread at a time; states are independent.
 * Memory:   one block per state, allocated by create only. Nothing depends on how the input is cut into pieces.
 */
#ifndef VB_DENOISE_H
#define VB_DENOISE_H

#include <stddef.h>
#include <stdint.h>

#include "vb_cpu.h"

typedef struct vb_denoise vb_denoise;

/* What is known about the stream as of the last whole hop. All zero before it. */
typedef struct {
    float noise_power;        /* mean square, full scale 1.0 */
    float speech_power;       /* likewise */
    float speech_probability; /* 0 .. 1 */
} vb_denoise_info;

/* Use the functions compiled for `level` from now on, here and in vb_fft. Without a call the scalar ones are used. */
void vb_denoise_select(vb_simd level);

/*
 * Make a state. rate_hz is 8000 or 16000, low_latency 0 or 1, level in [60, 100]; VB_ERR_ARGUMENT otherwise.
 * VB_ERR_MEMORY when there is none. *out is NULL after an error.
 */
vb_status vb_denoise_create(int rate_hz, int low_latency, double level, vb_denoise **out);

/* Free a state; NULL is allowed. */
void vb_denoise_destroy(vb_denoise *d);

/* Back to a fresh stream; the level stays. */
void vb_denoise_reset(vb_denoise *d);

/* Set the level from the next hop on. VB_ERR_ARGUMENT, and no change, outside [60, 100]. */
vb_status vb_denoise_set_level(vb_denoise *d, double level);

double vb_denoise_level(const vb_denoise *d);

/* Samples in a hop (10 ms), by which output comes after input, and at hand from an unfinished hop. */
size_t vb_denoise_hop(const vb_denoise *d);
size_t vb_denoise_latency(const vb_denoise *d);
size_t vb_denoise_pending(const vb_denoise *d);

/* How many samples a push of n returns: the whole hops in pending + n. */
size_t vb_denoise_max_out(const vb_denoise *d, size_t n);

/*
 * Push n samples; *n_out = vb_denoise_max_out() samples are written to dst. VB_ERR_ROOM when dst_cap is less, and
 * VB_ERR_NOT_FINITE for a NaN or an infinity: then nothing has happened and *n_out is 0. Float samples beyond
 * +/-65536 are taken as that. src and dst may be at any address, and must not overlap.
 */
vb_status vb_denoise_process_i16(vb_denoise *d, const int16_t *src, size_t n, int16_t *dst, size_t dst_cap,
                                 size_t *n_out);
vb_status vb_denoise_process_f32(vb_denoise *d, const float *src, size_t n, float *dst, size_t dst_cap, size_t *n_out);

void vb_denoise_get_info(const vb_denoise *d, vb_denoise_info *info);

/*
 * The state as bytes, and back: save() writes vb_denoise_state_size() bytes; restore() takes what save() of the same
 * version and byte order wrote into a state made for the same rate and latency, VB_ERR_DATA (and no change) otherwise.
 */
size_t vb_denoise_state_size(const vb_denoise *d);
void vb_denoise_save(const vb_denoise *d, void *bytes);
vb_status vb_denoise_restore(vb_denoise *d, const void *bytes, size_t size);

#endif
