#include "vb_resample.h"

#include <stdlib.h>
#include <string.h>

#include "simd/resample_io.h"
#include "vb_resample_simd.h"

/* What a stream remembers besides the planes; saved and restored as it is. */
typedef struct {
    uint32_t magic;  /* of the layout, the format and the ratio */
    uint32_t filled; /* inputs of the current period */
    uint64_t skip;
    uint64_t clipped;
    uint32_t fade_in, fade_in_done;
    uint32_t fade_out, fade_out_done;
    float fade_from; /* the sample that fades out */
    float last;      /* the last sample that was written */
} header;

/*
 * Between calls a stream keeps the first `keep` floats of each plane, and nothing else: thousands of streams take
 * turns, and what each has to fetch from memory costs more than the filter. A call works in a block of
 *
 *   planes: n_planes * stride floats | results: one a float | quads: four floats a result, dot kernel only
 *
 *   a plane:  [ history | current period | the block's other periods | room for rounding ]
 *               0         history
 *
 * on the stack, which all streams share; ratios that need more than fits there have one of their own behind `kept`.
 */
struct vb_resample {
    const vb_resample_design *design;
    header h;
    vb_resample_format format;
    uint32_t n_planes;
    uint32_t own_work;
    float kept[]; /* n_planes * keep */
};

enum { STACK_FLOATS = 8192 };

static const vb_resample_kernel *kernel = &vb_resample_kernels[VB_SIMD_SCALAR];

void vb_resample_select(vb_simd level) {
    kernel = &vb_resample_kernels[level];
}

static size_t n_plane_floats(const vb_resample_design *d) {
    return (size_t)(d->across ? d->down : 1) * d->stride;
}

static size_t n_results(const vb_resample_design *d) {
    return (size_t)d->up * d->periods + VB_RESAMPLE_LANES;
}

static size_t n_work_floats(const vb_resample_design *d) {
    return n_plane_floats(d) + (d->across ? 1 : 5) * n_results(d);
}

static size_t n_kept_floats(const vb_resample *s) {
    return (size_t)s->n_planes * s->design->keep;
}

static uint32_t magic_of(const vb_resample *s) {
    const vb_resample_design *d = s->design;
    return ((d->up * 1009u + d->down) * 1009u + d->half) * 8u + (uint32_t)s->format * 2u + 1u;
}

vb_status vb_resample_create(const vb_resample_design *design, vb_resample_format format, vb_resample **stream) {
    const uint32_t n_planes = design->across ? design->down : 1, own_work = n_work_floats(design) > STACK_FLOATS;
    const size_t floats = (size_t)n_planes * design->keep + (own_work ? n_work_floats(design) : 0);
    vb_resample *s = calloc(1, sizeof *s + floats * sizeof(float));
    *stream = s;
    if (s == NULL)
        return VB_ERR_MEMORY;
    s->design = design;
    s->format = format;
    s->n_planes = n_planes;
    s->own_work = own_work;
    s->h.magic = magic_of(s);
    return VB_OK;
}

void vb_resample_destroy(vb_resample *stream) {
    free(stream);
}

void vb_resample_reset(vb_resample *stream, uint32_t fade_in, uint32_t fade_out) {
    header *h = &stream->h;
    memset(stream->kept, 0, n_kept_floats(stream) * sizeof(float));
    h->filled = 0;
    h->skip = 0;
    h->fade_in = fade_in;
    h->fade_out = fade_out;
    h->fade_in_done = 0;
    h->fade_out_done = 0;
    h->fade_from = h->last;
}

void vb_resample_skip(vb_resample *stream, size_t n) {
    stream->h.skip = n;
}

/* Outputs that are due after `filled + n` inputs and were not after `filled`. */
static size_t due(const vb_resample *s, size_t n) {
    const vb_resample_design *d = s->design;
    return (s->h.filled + n) * d->up / d->down - (size_t)s->h.filled * d->up / d->down;
}

static size_t less_skipped(const vb_resample *s, size_t n) {
    return n > s->h.skip ? n - (size_t)s->h.skip : 0;
}

size_t vb_resample_output_len(const vb_resample *stream, size_t n) {
    return less_skipped(stream, due(stream, n));
}

/* Outputs from here to the end of the tail. */
static size_t tail(const vb_resample *s) {
    const vb_resample_design *d = s->design;
    const size_t filled = (size_t)s->h.filled * d->up;
    return (filled + d->down - 1) / d->down - filled / d->down + d->delay;
}

size_t vb_resample_flush_len(const vb_resample *stream) {
    return less_skipped(stream, tail(stream));
}

/* Rises from 0 to 1 while i goes from 0 to n + 1; the steepest step is 1.5 / (n + 1). */
static float ramp(uint32_t i, uint32_t n) {
    const float u = (float)i / ((float)n + 1.0f);
    return u * u * (3.0f - 2.0f * u);
}

static void fade_inputs(vb_resample *s, float *planes, size_t n) {
    header *h = &s->h;
    const vb_resample_design *d = s->design;
    const uint32_t down = d->across ? d->down : 1;
    for (size_t i = 0; i < n && h->fade_in_done < h->fade_in; i++)
        planes[(h->filled + i) % down * d->stride + d->history + (h->filled + i) / down] *=
            ramp(++h->fade_in_done, h->fade_in);
}

/* results[k % up * stride + k / up] holds output k of the block. */
static void fade_outputs(vb_resample *s, float *results, size_t stride, uint32_t up, size_t first, size_t last) {
    header *h = &s->h;
    for (size_t k = first; k < last && h->fade_out_done < h->fade_out; k++) {
        h->fade_out_done++;
        results[k % up * stride + k / up] += h->fade_from * (1.0f - ramp(h->fade_out_done, h->fade_out));
    }
}

/* Bring what the next inputs need to the front of each plane. */
static void advance(vb_resample *s, float *planes, size_t n) {
    const vb_resample_design *d = s->design;
    const size_t total = s->h.filled + n;
    const size_t periods = total / d->down;
    s->h.filled = (uint32_t)(total % d->down);
    if (periods == 0)
        return;
    if (d->across) {
        const size_t keep = d->history + (s->h.filled > 0);
        for (uint32_t q = 0; q < d->down; q++)
            memmove(planes + q * d->stride, planes + q * d->stride + periods, keep * sizeof(float));
    } else {
        memmove(planes, planes + periods * d->down, (d->history + s->h.filled) * sizeof(float));
    }
}

/* One block: n inputs that fit into the planes; at most `limit` outputs. Returns how many were written. */
static size_t block(vb_resample *s, float *planes, const void *src, size_t n, void *dst, size_t limit) {
    const vb_resample_design *d = s->design;
    header *h = &s->h;
    const int is_float = s->format == VB_RESAMPLE_FLOAT32;
    float *results = planes + n_plane_floats(d);
    size_t first = (size_t)h->filled * d->up / d->down;
    size_t last = (h->filled + n) * d->up / d->down;
    last = last - first > limit ? first + limit : last;
    const size_t skip = last - first < h->skip ? last - first : (size_t)h->skip;
    h->skip -= skip;
    first += skip;
    kernel->load(planes, d, h->filled, src, n, is_float);
    if (h->fade_in_done < h->fade_in)
        fade_inputs(s, planes, n);
    if (d->across) {
        kernel->across(d, planes, results, (uint32_t)((last + d->up - 1) / d->up));
        if (h->fade_out_done < h->fade_out)
            fade_outputs(s, results, d->periods, d->up, first, last);
        h->clipped += kernel->store(dst, results, d->periods, d->up, first, last, is_float);
    } else {
        kernel->dot(d, planes, results + n_results(d), results, (uint32_t)first, (uint32_t)last);
        if (h->fade_out_done < h->fade_out)
            fade_outputs(s, results, 0, 1, 0, last - first);
        h->clipped += kernel->store(dst, results, 0, 1, 0, last - first, is_float);
    }
    advance(s, planes, n);
    return last - first;
}

/* Copy what is kept between calls to the planes, and clear what the first block would find beyond its n inputs. */
static void begin(const vb_resample *s, float *planes, size_t n) {
    const vb_resample_design *d = s->design;
    const size_t given = (s->h.filled + n) / d->down, whole = given < d->periods ? given : d->periods;
    const size_t from = d->history + (whole > 0 ? whole : 1);
    for (uint32_t q = 0; q < s->n_planes; q++, planes += d->stride) {
        memcpy(planes, s->kept + (size_t)q * d->keep, d->keep * sizeof(float));
        if (d->across) /* whose last step reads on, and whose last period may be begun in some planes only */
            memset(planes + from, 0,
                   (VB_RESAMPLE_LANES < d->stride - from ? VB_RESAMPLE_LANES : d->stride - from) * sizeof(float));
    }
}

static void end(vb_resample *s, const float *planes) {
    const vb_resample_design *d = s->design;
    for (uint32_t q = 0; q < s->n_planes; q++)
        memcpy(s->kept + (size_t)q * d->keep, planes + q * d->stride, d->keep * sizeof(float));
}

/* Feed n inputs, or n zeros when src is NULL, and write what they give, `limit` samples at most, skipped ones included.
 */
static void run(vb_resample *s, const void *src, size_t n, void *dst, size_t limit) {
    const vb_resample_design *d = s->design;
    const size_t item = s->format == VB_RESAMPLE_FLOAT32 ? sizeof(float) : sizeof(int16_t);
    const char *from = src;
    char *to = dst;
    size_t written = 0;
    float stack[STACK_FLOATS];
    float *planes = s->own_work ? s->kept + n_kept_floats(s) : stack;
    begin(s, planes, n);
    while (n > 0) {
        const size_t room = (size_t)d->periods * d->down - s->h.filled;
        const size_t take = n < room ? n : room;
        const size_t skipping = (size_t)s->h.skip;
        const size_t got = block(s, planes, from, take, to, limit);
        limit -= got + (skipping - (size_t)s->h.skip);
        written += got;
        to += got * item;
        from = from == NULL ? NULL : from + take * item;
        n -= take;
    }
    end(s, planes);
    if (written > 0) {
        s->h.last = vb_resample_get(dst, written - 1, s->format == VB_RESAMPLE_FLOAT32);
        if (!kernel->finite(&s->h.last, 1)) /* finite inputs near the end of float32's range can overflow */
            s->h.last = 0.0f;
    }
}

vb_status vb_resample_process(vb_resample *stream, const void *src, size_t n, void *dst, size_t dst_cap,
                              size_t *n_out) {
    *n_out = 0;
    const size_t all = due(stream, n);
    if (less_skipped(stream, all) > dst_cap)
        return VB_ERR_ROOM;
    if (stream->format == VB_RESAMPLE_FLOAT32 && !kernel->finite(src, n))
        return VB_ERR_NOT_FINITE;
    *n_out = less_skipped(stream, all);
    run(stream, src, n, dst, all);
    return VB_OK;
}

vb_status vb_resample_flush(vb_resample *stream, void *dst, size_t dst_cap, size_t *n_out) {
    const vb_resample_design *d = stream->design;
    *n_out = 0;
    const size_t wanted = vb_resample_flush_len(stream), all = tail(stream);
    if (wanted > dst_cap)
        return VB_ERR_ROOM;
    const size_t last = (size_t)stream->h.filled * d->up / d->down + all;
    run(stream, NULL, (last * d->down + d->up - 1) / d->up - stream->h.filled, dst, all);
    vb_resample_reset(stream, 0, 0);
    *n_out = wanted;
    return VB_OK;
}

uint64_t vb_resample_clipped(const vb_resample *stream) {
    return stream->h.clipped;
}

size_t vb_resample_state_size(const vb_resample *stream) {
    return sizeof stream->h + n_kept_floats(stream) * sizeof(float);
}

void vb_resample_save(const vb_resample *stream, void *dst) {
    memcpy(dst, &stream->h, sizeof stream->h);
    memcpy((char *)dst + sizeof stream->h, stream->kept, n_kept_floats(stream) * sizeof(float));
}

vb_status vb_resample_load(vb_resample *stream, const void *src, size_t n) {
    header h;
    if (n != vb_resample_state_size(stream))
        return VB_ERR_DATA;
    memcpy(&h, src, sizeof h);
    const char *from = (const char *)src + sizeof h;
    if (h.magic != stream->h.magic || h.filled >= stream->design->down || h.skip != 0 || h.fade_in_done > h.fade_in ||
        h.fade_out_done > h.fade_out || !kernel->finite(&h.fade_from, 1) || !kernel->finite(&h.last, 1) ||
        !kernel->finite(from, (n - sizeof h) / 4))
        return VB_ERR_DATA;
    stream->h = h;
    memcpy(stream->kept, from, n - sizeof h);
    return VB_OK;
}
