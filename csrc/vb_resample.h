/*
 * vb_resample.h - streaming sample-rate conversion with exact sizes.
 *
 * Method:   the polyphase filter of a vb_resample_design (see there for the filter and its sources), float32 inside.
 * Sizes:    after n inputs, floor(n * up / down) outputs have been written, however the inputs were split; a push of
 *           whole periods (`down` samples) gives exactly its share of `up` each, from the first push on.
 * Bits:     the outputs depend on the inputs only: neither on the split nor on the instruction set.
 * Latency:  design->delay output samples, exactly.
 * Units:    int16, full scale 32768, rounded half to even and saturated; or float32, full scale 1.0, finite.
 * Threads:  vb_resample_select() once, before use; one stream is for one thread at a time, streams are independent.
 * Memory:   create allocates one flat block; nothing else does. Sample buffers may be at any address.
 */
#ifndef VB_RESAMPLE_H
#define VB_RESAMPLE_H

#include <stddef.h>
#include <stdint.h>

#include "vb_cpu.h"
#include "vb_resample_design.h"

typedef enum { VB_RESAMPLE_INT16 = 0, VB_RESAMPLE_FLOAT32 = 1 } vb_resample_format;

typedef struct vb_resample vb_resample;

/* Use the functions compiled for `level` from now on. Without a call the scalar ones are used. */
void vb_resample_select(vb_simd level);

/* A stream at its beginning, owned by the caller; the design must outlive it. VB_ERR_MEMORY, and *stream = NULL. */
vb_status vb_resample_create(const vb_resample_design *design, vb_resample_format format, vb_resample **stream);

/* Free a stream; NULL is allowed. */
void vb_resample_destroy(vb_resample *stream);

/*
 * Forget the past: the next input is the first. With fade_in > 0 that many inputs rise smoothly from zero, and the last
 * sample that was written falls to zero over the next fade_out outputs, so that no step is heard.
 */
void vb_resample_reset(vb_resample *stream, uint32_t fade_in, uint32_t fade_out);

/* Leave out the next n outputs. */
void vb_resample_skip(vb_resample *stream, size_t n);

/* How many samples the next n inputs give. n must be below 2^48. */
size_t vb_resample_output_len(const vb_resample *stream, size_t n);

/* How many samples vb_resample_flush gives now. */
size_t vb_resample_flush_len(const vb_resample *stream);

/*
 * Convert n samples at src; *n_out samples are written to dst, which has room for dst_cap and must not overlap src.
 * VB_ERR_ROOM when that is too few, VB_ERR_NOT_FINITE for a NaN or an infinity at src: the stream is as before then.
 */
vb_status vb_resample_process(vb_resample *stream, const void *src, size_t n, void *dst, size_t dst_cap, size_t *n_out);

/*
 * Write the tail: what is still in the filter, so that the stream's total is ceil(n * up / down) + delay. The stream is
 * at its beginning afterwards. VB_ERR_ROOM when dst_cap is too few, and the stream is as before.
 */
vb_status vb_resample_flush(vb_resample *stream, void *dst, size_t dst_cap, size_t *n_out);

/* Outputs that int16 could not hold, since create. */
uint64_t vb_resample_clipped(const vb_resample *stream);

/* The stream's state as bytes, in the machine's byte order: to continue elsewhere with the same design and format. */
size_t vb_resample_state_size(const vb_resample *stream);
void vb_resample_save(const vb_resample *stream, void *dst);

/* Take over a saved state of n bytes. VB_ERR_DATA when it is none of this design and format; nothing changes then. */
vb_status vb_resample_load(vb_resample *stream, const void *src, size_t n);

#endif
