#include "vb_sound.h"

#include <string.h>

#include "simd/sound_sums.h"
#include "vb_g711.h"
#include "vb_l16.h"
#include "vb_sound_parts.h"

static const int64_t AUDIBLE = 10737; /* -50 dBov, in squares of samples */

vb_status vb_sound_init(vb_sound *s, vb_sound_code code, uint32_t rate_hz) {
    if (rate_hz < VB_SOUND_MIN_HZ || rate_hz > VB_SOUND_MAX_HZ || (uint32_t)code > VB_SOUND_FLOAT)
        return VB_ERR_ARGUMENT;
    memset(s, 0, sizeof *s);
    s->code = (uint32_t)code;
    s->rate_hz = rate_hz;
    s->frame = rate_hz / 50;
    s->sample_size = code == VB_SOUND_FLOAT ? 4 : code >= VB_SOUND_LITTLE ? 2 : 1;
    return VB_OK;
}

size_t vb_sound_window_size(const vb_sound *s) {
    return sizeof *s->w + (size_t)s->frame * s->sample_size;
}

int vb_sound_needs_window(const vb_sound *s, size_t n) {
    return n > 0 && (int64_t)n >= s->pause;
}

int vb_sound_valid(const vb_sound *s) {
    static const uint32_t size[] = {1, 1, 2, 2, 4};
    return s->code <= VB_SOUND_FLOAT && s->rate_hz >= VB_SOUND_MIN_HZ && s->rate_hz <= VB_SOUND_MAX_HZ &&
           s->frame == s->rate_hz / 50 && s->sample_size == size[s->code] &&
           s->held_bytes < s->frame * s->sample_size && s->pause >= 0 && s->frames >= 0 &&
           s->frames < INT64_MAX / 4096 && (s->w == NULL || s->w->files.n_tail <= sizeof s->w->files.tail);
}

int vb_sound_done(const vb_sound *s) {
    return s->pause > 0;
}

/* Let n frames pass. */
static void close_ear(vb_sound *s, int64_t n) {
    s->pause = n * s->frame * s->sample_size;
    s->frames += n;
}

void vb_sound_listen(vb_sound *s) {
    const int64_t size = (int64_t)s->frame * s->sample_size, whole = s->pause / size;
    s->pause -= whole * size; /* what is left of a frame still passes */
    s->frames -= whole;
    if (s->pause == 0 && s->w != NULL)
        memset(s->w, 0, sizeof *s->w);
}

/* The samples of a frame, as they are taken for, at `room` or where they are. */
static const int16_t *samples_of(vb_sound *s, const uint8_t *raw, int16_t *room) {
    const uint16_t one = 1;
    uint8_t little;
    memcpy(&little, &one, 1);
    switch (s->code) {
    case VB_SOUND_ULAW:
        vb_ulaw_decode(raw, room, s->frame);
        break;
    case VB_SOUND_ALAW:
        vb_alaw_decode(raw, room, s->frame);
        break;
    case VB_SOUND_FLOAT: {
        vb_sound_bytes *b = &s->w->bytes;
        for (size_t i = 0; i < s->frame; i++) {
            float f;
            memcpy(&f, raw + 4 * i, sizeof f);
            f = f < 0 ? -f : f;
            b->scaled += f > 8.0f;
            b->largest = f > b->largest ? f : b->largest;
        }
        vb_l16_to_int16((const float *)(const void *)raw, room, s->frame);
        break;
    }
    default:
        if ((s->code == VB_SOUND_LITTLE) == (little != 0))
            memcpy(room, raw, 2 * s->frame);
        else
            vb_l16_swap(raw, room, s->frame);
    }
    return room;
}

typedef void sums_fn(const int16_t *restrict x, size_t n, vb_sound_sums *restrict m);

static void sums_scalar(const int16_t *restrict x, size_t n, vb_sound_sums *restrict m) {
    vb_sound_sums_body(x, n, m);
}

#if VB_X86_CLONES
VB_TARGET_AVX2 static void sums_avx2(const int16_t *restrict x, size_t n, vb_sound_sums *restrict m) {
    vb_sound_sums_body(x, n, m);
}
#define SUMS_AVX2 sums_avx2
#else
#define SUMS_AVX2 sums_scalar
#endif

static sums_fn *sums_of = sums_scalar;

void vb_sound_select(vb_simd level) {
    sums_of = level >= VB_SIMD_AVX2 ? SUMS_AVX2 : sums_scalar;
    vb_g711_select(level);
    vb_l16_select(level);
    vb_sound_bytes_select(level);
    vb_sound_files_select(level);
    vb_sound_wave_select(level);
    vb_sound_voice_select(level);
}

/* One frame of 20 ms. Returns how many findings it brought. */
static size_t listen(vb_sound *s, const uint8_t *raw, vb_sound_finding *found) {
    int16_t room[VB_SOUND_MAX_FRAME];
    vb_sound_window *w = s->w;
    const int16_t *x = samples_of(s, raw, room);
    vb_sound_sums m;
    sums_of(x, s->frame, &m);
    m.sounds = m.energy >= AUDIBLE * (int64_t)s->frame;
    w->elapsed += w->elapsed > 0 || m.sounds || w->soft > 0;
    w->heard += m.sounds;
    if (s->code != VB_SOUND_FLOAT) {
        if (!w->bytes.trusted)
            vb_sound_files_frame(s, raw);
        vb_sound_bytes_frame(s, raw, x, &m);
    }
    vb_sound_wave_frame(s, x, &m);
    vb_sound_voice_frame(s, x, &m);
    s->frames++;
    const size_t n_found = vb_sound_judge(s, found);
    if (w->over)
        close_ear(s, VB_SOUND_PAUSE);
    return n_found;
}

vb_status vb_sound_push(vb_sound *s, const void *data, size_t n, vb_sound_finding *found, size_t *n_found) {
    const uint8_t *p = data;
    const size_t size = (size_t)s->frame * s->sample_size;
    *n_found = 0;
    if (s->code == VB_SOUND_FLOAT)
        for (size_t i = 0; i + 4 <= n; i += 4) {
            uint32_t bits;
            memcpy(&bits, p + i, sizeof bits);
            if ((bits & 0x7f800000u) == 0x7f800000u)
                return VB_ERR_NOT_FINITE;
        }
    while (n > 0) {
        if (s->pause > 0) {
            const size_t some = (int64_t)n < s->pause ? n : (size_t)s->pause;
            s->pause -= (int64_t)some;
            p += some, n -= some;
            if (s->pause == 0)
                memset(s->w, 0, sizeof *s->w);
            continue;
        }
        size_t some = size - s->held_bytes;
        if (s->held_bytes == 0 && n >= size) {
            *n_found += listen(s, p, found + *n_found);
            some = size;
        } else {
            some = some < n ? some : n;
            memcpy(s->w->held + s->held_bytes, p, some);
            s->held_bytes += (uint32_t)some;
            if (s->held_bytes == size) {
                s->held_bytes = 0;
                *n_found += listen(s, s->w->held, found + *n_found);
            }
        }
        p += some, n -= some;
    }
    return VB_OK;
}
