#include "vb_denoise.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "simd/denoise_hop.h"
#include "vb_denoise_state.h"

static const uint32_t MAGIC = 0x56424e37; /* "VBN7" */

static const vb_denoise_form FORMS[] = {
    {8000, 0, 80, 240, 384, vb_denoise_window_normal_8k},
    {8000, 1, 80, 160, 384, vb_denoise_window_low_8k},
    {16000, 0, 160, 480, 768, vb_denoise_window_normal_16k},
    {16000, 1, 160, 320, 768, vb_denoise_window_low_16k},
};

typedef void hop_fn(struct vb_denoise *d, const vb_denoise_form *form, float *restrict dst);

/* Lengths are constants in each call, so that every loop is compiled for them. */
VB_INLINE void hop_any(struct vb_denoise *d, const vb_denoise_form *form, float *restrict dst) {
    if (form->rate_hz == 8000)
        vb_hop_body(d, form->shape, 80, form->window, 384, dst);
    else
        vb_hop_body(d, form->shape, 160, form->window, 768, dst);
}

static void hop_scalar(struct vb_denoise *d, const vb_denoise_form *form, float *restrict dst) {
    hop_any(d, form, dst);
}

#if VB_X86_CLONES
VB_TARGET_AVX2 static void hop_avx2(struct vb_denoise *d, const vb_denoise_form *form, float *restrict dst) {
    hop_any(d, form, dst);
}

VB_TARGET_AVX512 static void hop_avx512(struct vb_denoise *d, const vb_denoise_form *form, float *restrict dst) {
    hop_any(d, form, dst);
}

static hop_fn *const hops[] = {hop_scalar, hop_avx2, hop_avx512};
#else
static hop_fn *const hops[] = {hop_scalar, hop_scalar, hop_scalar};
#endif

static hop_fn *one_hop = hop_scalar;

void vb_denoise_select(vb_simd level) {
    one_hop = hops[level];
    vb_fft_select(level);
}

static const vb_denoise_form *find_form(int rate_hz, int low_latency) {
    for (size_t i = 0; i < sizeof FORMS / sizeof *FORMS; i++)
        if (FORMS[i].rate_hz == rate_hz && FORMS[i].low_latency == low_latency)
            return &FORMS[i];
    return NULL;
}

static const vb_denoise_form *form_of(const vb_denoise *d) {
    return find_form(d->rate_hz, d->low_latency);
}

/* Least gain in dB: linear between the corners of the table. */
static double floor_db(double level) {
    static const double corner[] = {60.0, 70.0, 85.0, 100.0}, db[] = {6.5, 11.0, 22.5, 30.0};
    int i = level < corner[1] ? 0 : level < corner[2] ? 1 : 2;
    return db[i] + (db[i + 1] - db[i]) * (level - corner[i]) / (corner[i + 1] - corner[i]);
}

vb_status vb_denoise_create(int rate_hz, int low_latency, double level, vb_denoise **out) {
    *out = NULL;
    if (find_form(rate_hz, low_latency) == NULL || !(level >= 60.0 && level <= 100.0))
        return VB_ERR_ARGUMENT;
    vb_denoise *d = calloc(1, sizeof *d);
    if (d == NULL)
        return VB_ERR_MEMORY;
    d->magic = MAGIC;
    d->rate_hz = rate_hz;
    d->low_latency = low_latency;
    vb_denoise_set_level(d, level);
    *out = d;
    return VB_OK;
}

void vb_denoise_destroy(vb_denoise *d) {
    free(d);
}

void vb_denoise_reset(vb_denoise *d) {
    const struct vb_denoise old = *d;
    memset(d, 0, sizeof *d);
    d->magic = MAGIC;
    d->rate_hz = old.rate_hz;
    d->low_latency = old.low_latency;
    d->level = old.level;
    d->floor_log2 = old.floor_log2;
}

vb_status vb_denoise_set_level(vb_denoise *d, double level) {
    if (!(level >= 60.0 && level <= 100.0))
        return VB_ERR_ARGUMENT;
    d->level = level;
    d->floor_log2 = (float)(-floor_db(level) / 6.020599913279624);
    return VB_OK;
}

double vb_denoise_level(const vb_denoise *d) {
    return d->level;
}

size_t vb_denoise_hop(const vb_denoise *d) {
    return (size_t)form_of(d)->hop;
}

size_t vb_denoise_latency(const vb_denoise *d) {
    const vb_denoise_form *form = form_of(d);
    return (size_t)(form->window - form->hop);
}

size_t vb_denoise_pending(const vb_denoise *d) {
    return (size_t)d->n_pending;
}

size_t vb_denoise_max_out(const vb_denoise *d, size_t n) {
    const size_t hop = vb_denoise_hop(d), left = n % hop;
    return n - left + (left + (size_t)d->n_pending >= hop ? hop : 0);
}

/* Samples to and from the inside. Float: what is too small to square is zero, what is too large is cut. */
static void load_i16(const char *restrict src, float *restrict dst, size_t n) {
    for (size_t i = 0; i < n; i++) {
        int16_t x;
        memcpy(&x, src + 2 * i, sizeof x);
        dst[i] = (float)x * (1.0f / 32768.0f);
    }
}

static void load_f32(const char *restrict src, float *restrict dst, size_t n) {
    for (size_t i = 0; i < n; i++) {
        float x;
        memcpy(&x, src + 4 * i, sizeof x);
        x = vb_min(vb_max(x, -65536.0f), 65536.0f);
        dst[i] = x > 1e-15f || x < -1e-15f ? x : 0.0f;
    }
}

static void store_i16(const float *restrict src, char *restrict dst, size_t n) {
    const float magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer, half to even */
    for (size_t i = 0; i < n; i++) {
        const float x = vb_min(vb_max(src[i] * 32768.0f, -32768.0f), 32767.0f);
        const int16_t y = (int16_t)((x + magic) - magic);
        memcpy(dst + 2 * i, &y, sizeof y);
    }
}

static void store_f32(const float *restrict src, char *restrict dst, size_t n) {
    memcpy(dst, src, n * sizeof *src);
}

static int all_finite(const char *src, size_t n) {
    uint32_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, src + 4 * i, sizeof bits);
        bad |= (uint32_t)((bits & 0x7f800000u) == 0x7f800000u);
    }
    return bad == 0;
}

typedef void load_fn(const char *restrict src, float *restrict dst, size_t n);
typedef void store_fn(const float *restrict src, char *restrict dst, size_t n);

static size_t push(vb_denoise *d, const char *src, size_t n, char *dst, size_t item, load_fn *load, store_fn *store) {
    const vb_denoise_form *form = form_of(d);
    const size_t hop = (size_t)form->hop;
    size_t n_out = 0;
    float done[VB_DENOISE_MAX_HOP];
    while (n > 0) {
        const size_t room = hop - (size_t)d->n_pending, take = n < room ? n : room;
        load(src, d->pending + d->n_pending, take);
        src += item * take;
        n -= take;
        d->n_pending += (int32_t)take;
        if (take == room) {
            one_hop(d, form, done);
            store(done, dst, hop);
            dst += item * hop;
            n_out += hop;
            d->n_pending = 0;
        }
    }
    return n_out;
}

vb_status vb_denoise_process_i16(vb_denoise *d, const int16_t *src, size_t n, int16_t *dst, size_t dst_cap,
                                 size_t *n_out) {
    *n_out = 0;
    if (vb_denoise_max_out(d, n) > dst_cap)
        return VB_ERR_ROOM;
    *n_out = push(d, (const char *)src, n, (char *)dst, sizeof *src, load_i16, store_i16);
    return VB_OK;
}

vb_status vb_denoise_process_f32(vb_denoise *d, const float *src, size_t n, float *dst, size_t dst_cap, size_t *n_out) {
    *n_out = 0;
    if (vb_denoise_max_out(d, n) > dst_cap)
        return VB_ERR_ROOM;
    if (!all_finite((const char *)src, n))
        return VB_ERR_NOT_FINITE;
    *n_out = push(d, (const char *)src, n, (char *)dst, sizeof *src, load_f32, store_f32);
    return VB_OK;
}

void vb_denoise_get_info(const vb_denoise *d, vb_denoise_info *info) {
    info->noise_power = d->noise_power;
    info->speech_power = d->speech_power;
    info->speech_probability = d->speech_probability;
}

size_t vb_denoise_state_size(const vb_denoise *d) {
    return sizeof *d;
}

void vb_denoise_save(const vb_denoise *d, void *bytes) {
    memcpy(bytes, d, sizeof *d);
}

/* All of x finite, not below `low` and not above `high`. */
static int within(const float *x, size_t n, float low, float high) {
    for (size_t i = 0; i < n; i++)
        if (!(x[i] >= low && x[i] <= high))
            return 0;
    return 1;
}

vb_status vb_denoise_restore(vb_denoise *d, const void *bytes, size_t size) {
    struct vb_denoise s;
    if (size != sizeof s)
        return VB_ERR_DATA;
    memcpy(&s, bytes, sizeof s);
    const vb_denoise_form *form = form_of(d);
    const int32_t most = form->window / form->hop;
    const float loud = 65536.0f, power = 1e20f;
    /* A stream that has begun has a noise power in every bin, at least the least that vb_exp2() gives. */
    const int started = s.n_start == VB_HOP_START;
    const float least = s.n_start > 0 ? FLT_MIN : 0.0f;
    if (s.magic != MAGIC || s.rate_hz != d->rate_hz || s.low_latency != d->low_latency || s.n_pending < 0 ||
        s.n_pending >= form->hop || s.n_start < 0 || s.n_start > VB_HOP_START || s.n_zero < 0 || s.n_zero > most ||
        s.n_loud < 0 || s.n_loud > most || s.n_pause < 0 || s.n_pause > VB_HOP_PAUSE ||
        !within(&s.loud, 1, 0.0f, power) || !(s.level >= 60.0 && s.level <= 100.0) ||
        !within(&s.floor_log2, 1, -10.0f, 0.0f) || !within(&s.noise_power, 1, 0.0f, power) ||
        !within(&s.speech_power, 1, 0.0f, power) || !within(&s.speech_probability, 1, 0.0f, 1.0f) ||
        !within(s.pending, VB_DENOISE_MAX_HOP, -loud, loud) || !within(s.history, VB_DENOISE_MAX_WINDOW, -loud, loud) ||
        !within(s.rough, 2 * VB_DENOISE_ROUGH, 0.0f, 4.0f * loud) ||
        !within(s.overlap, VB_DENOISE_MAX_WINDOW, -16.0f * loud, 16.0f * loud) ||
        !within(s.noise, (size_t)form->points / 2 + 1, least, power) ||
        !within(s.noise, VB_DENOISE_MAX_BINS, 0.0f, power) ||
        !within(s.absence, VB_DENOISE_MAX_BINS, started ? 0.0f : -126.0f, started ? 1.0f : 126.0f) ||
        !within(s.held, VB_DENOISE_MAX_BINS, 0.0f, VB_NOISE_LONG) ||
        !within(s.recent, VB_DENOISE_MAX_BINS, -126.0f, 126.0f) ||
        !within(s.least, VB_DENOISE_MAX_BINS, -126.0f, 126.0f) || !within(s.low, VB_DENOISE_LOW, 0.0f, power) ||
        !within(s.base, VB_DENOISE_LOW, 0.0f, power) || !within(s.stood, VB_DENOISE_LOW, 0.0f, VB_NOISE_STAND) ||
        !within(s.speech, VB_DENOISE_MAX_BINS, 0.0f, power) ||
        !within(s.prior, VB_DENOISE_MAX_BINS, 0.0f, 1e10f * power) || s.n_run < 0 || s.n_run > VB_CALL_RUN ||
        !within(&s.heard, 1, 0.0f, (float)VB_CALL_MOST) || !within(&s.call_speech, 1, 0.0f, power) ||
        !within(&s.call_noise, 1, started ? FLT_MIN : 0.0f, power) || !within(&s.call_ratio, 1, -256.0f, 256.0f) ||
        s.n_swell < 0 || s.n_swell >= (VB_BANDS_BLOCKS + 1) * VB_BANDS_BLOCK ||
        !within(s.fallen, VB_BANDS_MOST, 0.0f, 1e10f * power) || !within(s.swell, VB_BANDS_MOST, -126.0f, 126.0f) ||
        !within(s.trough[0], VB_BANDS_BLOCKS * VB_BANDS_MOST, -126.0f, 126.0f))
        return VB_ERR_DATA;
    *d = s;
    return VB_OK;
}
