#include "vb_tones.h"

#include <math.h>
#include <string.h>

#include "simd/tones_look.h"
#include "vb_fft.h"
#include "vb_tones_parts.h"

enum { SKIPPED = 2 };             /* windows in a row that are left out while there is no tone */
static const float LIKELY = 0.6f; /* share of the power in lumps, from which on a window may be part of a tone */

typedef struct {
    void (*widen)(const char *restrict src, float *restrict dst, size_t n);
    void (*blocks)(const float *restrict x, float *restrict blocks);
    void (*bins)(const float *restrict x, float *restrict p, float *restrict total, float *restrict most);
    void (*halve)(const float *restrict x, float *restrict y);
} loops;

#define LOOPS(level, target)                                                                                           \
    target static void widen_##level(const char *restrict src, float *restrict dst, size_t n) {                        \
        vb_tones_widen_body(src, dst, n);                                                                              \
    }                                                                                                                  \
    target static void blocks_##level(const float *restrict x, float *restrict blocks) {                               \
        vb_tones_blocks_body(x, blocks);                                                                               \
    }                                                                                                                  \
    target static void bins_##level(const float *restrict x, float *restrict p, float *restrict total,                 \
                                    float *restrict most) {                                                            \
        vb_tones_bins_body(x, p, total, most);                                                                         \
    }                                                                                                                  \
    target static void halve_##level(const float *restrict x, float *restrict y) {                                     \
        vb_tones_halve_body(x, y);                                                                                     \
    }                                                                                                                  \
    static const loops at_##level = {widen_##level, blocks_##level, bins_##level, halve_##level};

VB_LEVELS(LOOPS)

void vb_tones_select(vb_simd level) {
    run = levels[level];
    vb_fft_select(level);
}

vb_status vb_tones_init(vb_tones *t, uint32_t rate_hz) {
    if (rate_hz != 8000 && rate_hz != 16000)
        return VB_ERR_ARGUMENT;
    memset(t, 0, sizeof *t);
    t->rate_hz = rate_hz;
    t->end = VB_TONES_WINDOW + (SKIPPED - 1) * VB_TONES_HOP;
    return VB_OK;
}

static uint32_t samples_a_hop(const vb_tones *t) {
    return t->rate_hz / 100;
}

int64_t vb_tones_edge(const vb_tones *t, int64_t at, int step, int reach, int gap, float level) {
    const int64_t first = vb_tones_oldest(t);
    int64_t edge = at;
    int low = 0;
    for (int i = 0; i <= reach && low <= gap; i++) {
        const int64_t b = at + (int64_t)step * i;
        if (b < first || b >= t->n_block)
            break;
        if (vb_tones_block(t, b) >= level) {
            edge = b;
            low = 0;
        } else {
            low++;
        }
    }
    return edge;
}

/* The lump around bin k: its power; the frequency of its peak, in bins from the first that is counted. */
static float lump(const float *p, int k, float *peak) {
    const float a = sqrtf(p[k - 1]), b = sqrtf(p[k]), c = sqrtf(p[k + 1]);
    *peak = (float)k + 2.0f * (c - a) / (a + 2.0f * b + c);
    float sum = 0.0f;
    for (int i = -VB_LOOK_WIDTH; i <= VB_LOOK_WIDTH; i++)
        sum += p[k + i];
    return sum;
}

static int bin_of(const float *p, int first, int end, float value) {
    while (first < end && p[first] != value)
        first++;
    return first;
}

/* Look at a window. */
static void look_at(const float *window, vb_tones_look *look) {
    static const float HZ = 8000.0f / VB_TONES_WINDOW;
    float p[VB_LOOK_BINS + 8], total, most;
    run->bins(window, p, &total, &most);
    look->n = 0;
    look->share = 0.0f;
    /* The window's mean square is 3/8; the bins, taken twice their height, are half of the spectrum. */
    look->power = total * (4.0f / 3.0f / ((float)VB_TONES_WINDOW * VB_TONES_WINDOW));
    /* One tone between two bins has a third of its power in its highest bin; of two, the stronger half of that. */
    if (most < 0.12f * total)
        return;
    const int first = bin_of(p, 0, VB_LOOK_BINS, most);
    if (first < VB_LOOK_LOW || first > VB_LOOK_HIGH)
        return;
    float peak[2];
    look->strength[0] = lump(p, first, &peak[0]);
    /* The second, outside of the first. */
    int second = -1;
    float best = 0.0f;
    for (int k = VB_LOOK_LOW; k <= VB_LOOK_HIGH; k++) {
        const int far = k < first - VB_LOOK_WIDTH || k > first + VB_LOOK_WIDTH;
        if (far && p[k] > best) {
            best = p[k];
            second = k;
        }
    }
    look->n = 1;
    int from = first - VB_LOOK_WIDTH, to = first + VB_LOOK_WIDTH;
    float sum = look->strength[0], moment = 0.0f, square = 0.0f;
    for (int k = from; k <= to; k++) {
        const float d = (float)(k - first);
        moment += d * p[k];
        square += d * d * p[k];
    }
    if (second >= 0 && best >= 0.02f * most) {
        lump(p, second, &peak[1]);
        float part = 0.0f;
        for (int k = second - VB_LOOK_WIDTH; k <= second + VB_LOOK_WIDTH; k++)
            if (k < from || k > to) {
                const float d = (float)(k - first);
                part += p[k];
                moment += d * p[k];
                square += d * d * p[k];
            }
        look->strength[1] = part;
        sum += part;
        look->n = 2;
    }
    const float mean = moment / sum;
    look->share = sum / total;
    look->centre = ((float)(first + VB_LOOK_FIRST) + mean) * HZ;
    look->variance = (square / sum - mean * mean - 1.0f / 3.0f) * (HZ * HZ);
    for (int i = 0; i < look->n; i++)
        look->hz[i] = (peak[i] + (float)VB_LOOK_FIRST) * HZ;
}

/* About the power of the latest window, from its blocks. */
static float power_of(const vb_tones *t) {
    static const float hann_square[] = {0.0113f, 0.0667f, 0.1681f, 0.2538f, 0.2538f, 0.1681f, 0.0667f, 0.0113f};
    float sum = 0.0f;
    for (int i = t->n_block < 9 ? 9 - (int)t->n_block : 0; i < 8; i++)
        sum += hann_square[i] * vb_tones_block(t, t->n_block - 9 + i);
    return sum;
}

/* Tell what a window says. */
static void judge(vb_tones *t, const vb_tones_look *look, vb_tones_out *out) {
    const int64_t centre = t->n_block > 5 ? t->n_block - 5 : 0;
    const int taken = vb_tones_keys(t, look, centre, out);
    vb_tones_bursts(t, look, centre, taken, out);
}

/*
 * Take a hop that is full. While there is no tone two of three windows are left out, and looked at only if the one
 * after them holds what may be one.
 */
static void listen(vb_tones *t, vb_tones_out *out) {
    float blocks[2], loudest = 0.0f;
    run->blocks(t->past + t->end, blocks);
    t->end += VB_TONES_HOP;
    for (int b = 0; b < 2; b++, t->n_block++)
        t->block[(uint64_t)t->n_block % VB_TONES_BLOCKS] = blocks[b];
    for (int64_t b = t->n_block - 10; b < t->n_block; b++)
        loudest = b >= 0 && vb_tones_block(t, b) > loudest ? vb_tones_block(t, b) : loudest;
    const int sounds = loudest >= VB_TONES_QUIET;
    if (sounds && !t->keen && t->skipped < SKIPPED) {
        t->skipped++;
        return;
    }
    const float *window = t->past + t->end - VB_TONES_WINDOW;
    vb_tones_look look = {0};
    if (sounds)
        look_at(window, &look);
    const int likely = look.n > 0 && look.share >= LIKELY;
    for (; t->skipped > 0; t->skipped--) {
        vb_tones_look before = {0};
        t->n_block -= 2 * t->skipped;
        if (likely)
            look_at(window - t->skipped * VB_TONES_HOP, &before);
        else
            before.power = power_of(t);
        judge(t, &before, out);
        t->n_block += 2 * t->skipped;
    }
    judge(t, &look, out);
    t->keen = likely || t->is_on || t->key.told || t->key.seen;
}

vb_status vb_tones_check(const void *src, size_t n) {
    const char *p = src;
    uint32_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, p + 4 * i, sizeof bits);
        bad |= (uint32_t)((bits & 0x7f800000u) == 0x7f800000u);
    }
    return bad ? VB_ERR_NOT_FINITE : VB_OK;
}

/* Samples into the scale of int16. Float: what is too small to square is zero, what is far too large is cut. */
static void load(const char *restrict src, float *restrict dst, size_t n, int is_float) {
    if (!is_float) {
        run->widen(src, dst, n);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        float x;
        memcpy(&x, src + 4 * i, sizeof x);
        x = x < -64.0f ? -64.0f : x > 64.0f ? 64.0f : x;
        dst[i] = x > 1e-9f || x < -1e-9f ? x * 32768.0f : 0.0f;
    }
}

/* Make room for a hop behind the past, of which the windows that may still be looked at are kept. */
static void move_on(vb_tones *t) {
    const uint32_t kept = VB_TONES_WINDOW + (SKIPPED - 1) * VB_TONES_HOP;
    if (t->end + VB_TONES_HOP > VB_TONES_PAST) {
        memmove(t->past, t->past + t->end - kept, kept * sizeof *t->past);
        t->end = kept;
    }
}

/* Bring a hop at 16 kHz to 8 kHz. */
static void halve(vb_tones *t) {
    float x[VB_TONES_HALF_TAPS - 1 + 2 * VB_TONES_HOP];
    memcpy(x, t->line, sizeof t->line);
    memcpy(x + VB_TONES_HALF_TAPS - 1, t->hop, sizeof t->hop);
    run->halve(x, t->past + t->end);
    memcpy(t->line, x + 2 * VB_TONES_HOP, sizeof t->line);
}

size_t vb_tones_process(vb_tones *t, const void *src, size_t n, int is_float, vb_tone *tones, size_t cap,
                        size_t *n_tones) {
    const uint32_t hop = samples_a_hop(t);
    const char *p = src;
    vb_tones_out out = {tones, 0};
    size_t done = 0;
    while (done < n && out.n + VB_TONES_PER_HOP <= cap) {
        const size_t room = hop - t->n_hop, some = n - done < room ? n - done : room;
        load(p + done * (is_float ? 4 : 2), (hop == VB_TONES_HOP ? t->past + t->end : t->hop) + t->n_hop, some,
             is_float);
        t->n_hop += (uint32_t)some;
        done += some;
        if (t->n_hop == hop) {
            if (hop != VB_TONES_HOP)
                halve(t);
            t->n_hop = 0;
            listen(t, &out);
            move_on(t);
        }
    }
    *n_tones = out.n;
    return done;
}

/* All of x finite and of a magnitude that cannot overflow. */
static int sane(const float *x, size_t n, float most) {
    for (size_t i = 0; i < n; i++)
        if (!(x[i] >= -most && x[i] <= most))
            return 0;
    return 1;
}

int vb_tones_valid(const vb_tones *t) {
    const int64_t far = INT64_MAX / 64;
    const float loud = 64.0f * 32768.0f * 4.0f;
    if ((t->rate_hz != 8000 && t->rate_hz != 16000) || t->n_hop >= samples_a_hop(t) || t->is_on > 1 ||
        t->end < VB_TONES_WINDOW + (SKIPPED - 1) * VB_TONES_HOP || t->skipped > SKIPPED ||
        t->end > VB_TONES_PAST - VB_TONES_HOP || t->end % VB_TONES_HOP != VB_TONES_WINDOW % VB_TONES_HOP ||
        t->n_block < 0 || t->n_block > far || t->n_block % 2 || !sane(t->line, VB_TONES_HALF_TAPS - 1, loud) ||
        !sane(t->past, VB_TONES_PAST, loud) || !sane(t->hop, 2 * VB_TONES_HOP, loud) ||
        !sane(t->block, VB_TONES_BLOCKS, loud * loud) || t->open.tone.kind < 0 || t->open.tone.kind >= VB_TONE_KINDS)
        return 0;
    return 1;
}
