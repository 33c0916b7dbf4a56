#include <math.h>

#include "simd/sound_cost.h"
#include "vb_g711.h"
#include "vb_l16.h"
#include "vb_sound_parts.h"

enum { LOOK = VB_SOUND_LOOK };

typedef struct {
    uint32_t (*residual)(const int16_t *restrict x, size_t n);
    uint32_t (*segments)(const uint8_t *restrict codes, size_t n, uint8_t flip, uint8_t least);
    void (*lags)(const int16_t *restrict x, size_t n, float *restrict sum);
    void (*floats)(const uint8_t *restrict raw, size_t n, uint8_t *restrict hit, uint8_t *restrict filled);
} loops;

#define LOOPS(level, target)                                                                                           \
    target static uint32_t residual_##level(const int16_t *restrict x, size_t n) {                                     \
        return vb_sound_residual_body(x, n);                                                                           \
    }                                                                                                                  \
    target static uint32_t segments_##level(const uint8_t *restrict codes, size_t n, uint8_t flip, uint8_t least) {    \
        return vb_sound_segments_body(codes, n, flip, least);                                                          \
    }                                                                                                                  \
    target static void lags_##level(const int16_t *restrict x, size_t n, float *restrict sum) {                        \
        vb_sound_lags_body(x, n, sum);                                                                                 \
    }                                                                                                                  \
    target static void floats_##level(const uint8_t *restrict raw, size_t n, uint8_t *restrict hit,                    \
                                      uint8_t *restrict filled) {                                                      \
        vb_sound_floats_body(raw, n, hit, filled);                                                                     \
    }                                                                                                                  \
    static const loops at_##level = {residual_##level, segments_##level, lags_##level, floats_##level};

VB_LEVELS(LOOPS)

void vb_sound_bytes_select(vb_simd level) {
    run = levels[level];
}

/* Bits a sample, in 1/256, to describe a Laplacian residual of this mean magnitude in steps of 1: log2(2 e (m + 1/2)).
 */
static int32_t bits_for(uint64_t sum, uint64_t n) {
    return vb_sound_log2((sum * 87 + n * 43) / n + 1) - (4 << 8);
}

static int32_t bits_of(const int16_t *x, size_t n) {
    return bits_for(run->residual(x, n), n - 2);
}

/* Of what the bytes are taken for: the best predictor from two samples may be better, and is so for tones. */
static int32_t bits_of_tones(const int16_t *x, size_t n) {
    float r[6];
    run->lags(x, n, r);
    const double bb = (double)r[1], cc = (double)r[2], ab = (double)r[3], ac = (double)r[4], bc = (double)r[5];
    const double down = bb * cc - bc * bc;
    if (down <= 0)
        return 0;
    const double u = (ab * cc - ac * bc) / down, v = (ac * bb - ab * bc) / down;
    const double rest = (double)r[0] - u * ab - v * ac;
    return bits_for(rest > 0 ? (uint64_t)(0.8 * sqrt(rest * (double)(n - 2))) : 0, n - 2);
}

static int at_full_scale(int16_t v) {
    return v == 32767 || v <= -32767;
}

/* Of 16-bit samples, a byte; those at full scale, in either order, are left out: clipped speech swapped looks small. */
static int32_t cost_of_l16(const int16_t *x, const int16_t *other, size_t n, int clipped) {
    if (!clipped)
        return bits_of(x, n) / 2;
    uint64_t sum = 0, count = 0;
    for (size_t i = 1; i < n; i++) {
        if (at_full_scale(x[i]) || at_full_scale(x[i - 1]) || at_full_scale(other[i]) || at_full_scale(other[i - 1]))
            continue;
        const int32_t d = x[i] - x[i - 1];
        sum += (uint32_t)(d < 0 ? -d : d);
        count++;
    }
    return count < 20 ? -1 : bits_for(sum, count) / 2;
}

/* Of G.711 codes, a byte: the steps of segment k are 2^(k + 3) wide, and those of A-law 16 at least. */
static int32_t cost_of_g711(vb_sound_code code, const uint8_t *codes, const int16_t *x, size_t n) {
    const uint32_t sum = code == VB_SOUND_ULAW ? run->segments(codes, n, 0xff, 0) : run->segments(codes, n, 0x55, 1);
    const int32_t cost = bits_of(x, n) - (int32_t)((sum << 8) / n) - (3 << 8);
    return cost < 0 ? 0 : cost;
}

/* Whether the high byte moves as speech does: that of swapped samples is noise. */
static int high_byte_is_smooth(const int16_t *x, size_t n) {
    int16_t high[LOOK] = {0};
    for (size_t i = 0; i < n; i++)
        high[i] = (int16_t)((x[i] + 8) >> 8);
    return bits_of(high, n) < (5 << 8);
}

/* Whether nearly all low bytes are zero, or close to it: samples of 8 bits, or faint ones in the other order. */
static int low_byte_is_near_zero(const int16_t *x, size_t n) {
    uint16_t near = 0;
    for (size_t i = 0; i < n; i++)
        near = (uint16_t)(near + ((((uint16_t)x[i] + 8u) & 255u) <= 16u));
    return near * 10u > n * 9;
}

/* What each reading of the bytes costs, or -1. Returns 0 when they tell nothing. */
static int costs_of(const vb_sound *s, const uint8_t *raw, const int16_t *x, const vb_sound_sums *m, int32_t cost[4]) {
    const int wide = s->sample_size == 2, clipped = wide && m->top > s->frame / 50;
    const size_t n = s->frame < LOOK ? s->frame : LOOK, n_bytes = n * s->sample_size;
    const size_t n_codes = n_bytes < LOOK ? n_bytes : LOOK, n_pairs = n_bytes / 2;
    int16_t same[LOOK], swapped[LOOK], g711[LOOK];
    uint16_t changes = 0;
    for (size_t i = 1; i < n; i++)
        changes = (uint16_t)(changes + (x[i] != x[i - 1]));
    if (changes < (wide ? 3 * n / 4 : n / 4) || m->top * 10 > s->frame * 6)
        return 0; /* near silence, begun by it, or a square */
    const int smooth = wide && high_byte_is_smooth(x, n);
    if (smooth && low_byte_is_near_zero(x, n))
        return 0; /* samples of 8 bits, of which the other readings make small numbers */
    uint16_t silent[2] = {0, 0};
    for (size_t i = 0; i + 1 < n; i += 2) {
        silent[0] = (uint16_t)(silent[0] + (x[i] >= -8 && x[i] <= 8));
        silent[1] = (uint16_t)(silent[1] + (x[i + 1] >= -8 && x[i + 1] <= 8));
    }
    if (silent[0] >= n / 2 || silent[1] >= n / 2)
        return 0; /* a silent channel, of which pairs of bytes make smooth numbers */
    memcpy(same, raw, 2 * n_pairs);
    vb_l16_swap(raw, swapped, n_pairs);
    const uint16_t one = 1;
    uint8_t little;
    memcpy(&little, &one, 1);
    const int16_t *const lsb = little ? same : swapped, *const msb = little ? swapped : same;
    cost[VB_SOUND_LITTLE] = cost_of_l16(lsb, msb, n_pairs, clipped);
    cost[VB_SOUND_BIG] = cost_of_l16(msb, lsb, n_pairs, clipped);
    if (smooth) /* 8 bits, scaled by almost 1, have a low byte that moves as slowly */
        cost[s->code ^ 1] = cost[s->code] > cost[s->code ^ 1] ? cost[s->code] : cost[s->code ^ 1];
    for (int code = VB_SOUND_ULAW; code <= VB_SOUND_ALAW; code++) {
        const int16_t *const samples = code == (int)s->code ? x : g711;
        if (samples == g711 && code == VB_SOUND_ULAW)
            vb_ulaw_decode(raw, g711, n_codes);
        else if (samples == g711)
            vb_alaw_decode(raw, g711, n_codes);
        cost[code] = cost_of_g711((vb_sound_code)code, raw, samples, n_codes);
    }
    if (cost[s->code] < 0)
        return 0;
    const int32_t least = cost[VB_SOUND_LITTLE] < cost[VB_SOUND_BIG] ? cost[VB_SOUND_LITTLE] : cost[VB_SOUND_BIG];
    const int32_t g711_least = cost[VB_SOUND_ULAW] < cost[VB_SOUND_ALAW] ? cost[VB_SOUND_ULAW] : cost[VB_SOUND_ALAW];
    if (!clipped && cost[s->code] > (least < g711_least ? least : g711_least)) {
        const int32_t tones = bits_of_tones(x, n) - bits_of(x, n);
        if (tones < 0)
            cost[s->code] += tones / (int32_t)s->sample_size;
        cost[s->code] = cost[s->code] > 0 ? cost[s->code] : 0;
    }
    return 1;
}

/* Which reading of the bytes explains them best? */
static void compare(vb_sound *s, const uint8_t *raw, const int16_t *x, const vb_sound_sums *m) {
    vb_sound_bytes *b = &s->w->bytes;
    int32_t cost[4];
    if (!costs_of(s, raw, x, m, cost))
        return;
    b->judged++;
    for (int c = 0; c < 4; c++) {
        int32_t gain = cost[c] < 0 ? 0 : cost[s->code] - cost[c];
        gain = gain > 512 ? 512 : gain < -512 ? -512 : gain;
        b->gain[c] += gain;
        b->cost[c] += cost[c] < 0 ? 8 << 8 : cost[c];
    }
}

/* Are they floats? The byte of sign and exponent is at the same place in each, and moves in a small range only there.
 */
static void look_for_floats(vb_sound_bytes *b, const uint8_t *raw, size_t n) {
    uint8_t hit[8], filled[8];
    run->floats(raw, n, hit, filled);
    const uint32_t blocks = (uint32_t)n / 32 * 4;
    uint32_t likely = 0, few = 0;
    for (size_t k = 0; k < 8; k++) {
        likely |= (uint32_t)(filled[k] * 4u >= blocks && filled[k] >= 8 && hit[k] * 20 >= filled[k] * 19) << k;
        few |= (uint32_t)(hit[k] * 5u <= blocks * 3) << k;
    }
    if (likely == 0 || (likely ^ few) != 0xff)
        return;
    b->floats[0] += likely == 0x11 || likely == 0x22 || likely == 0x44 || likely == 0x88;
    b->floats[1] += (likely & (likely - 1)) == 0;
}

static int is_base64(uint8_t c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/' ||
           c == '=' || c == '-' || c == '_' || c == '\r' || c == '\n';
}

static int is_hex(uint8_t c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static void look_for_text(vb_sound_bytes *b, const uint8_t *raw, size_t n) {
    uint32_t changes = 0, kind = 0;
    for (size_t i = 0; i < n && kind < 8; i++) {
        const uint8_t c = raw[i];
        kind |= is_hex(c) ? 0u : is_base64(c) ? 1u : (c >= ' ' && c < 0x7f) || (c >= 9 && c <= 13) ? 2u : 8u;
        changes += i > 0 && c != raw[i - 1];
    }
    if (kind >= 8)
        b->not_text++;
    else if (changes >= n / 4)
        b->text++, b->text_class |= kind;
}

static void look_for_zeros(vb_sound_bytes *b, const uint8_t *raw, size_t n) {
    if (b->zero_run == 0 && raw[n - 1] != 0)
        return; /* a run that begins and ends within a frame is no pause */
    for (size_t i = 0; i < n; i++) {
        b->zero_run = raw[i] == 0 ? b->zero_run + 1 : 0;
        if (b->zero_run > b->zero_longest)
            b->zero_longest = b->zero_run;
    }
    b->zero_frames += b->zero_run >= n;
}

/* Every other frame that sounds, until it is clear that the bytes are what they are taken for. */
void vb_sound_bytes_frame(vb_sound *s, const uint8_t *raw, const int16_t *x, const vb_sound_sums *m) {
    vb_sound_bytes *b = &s->w->bytes;
    const size_t n = s->frame * s->sample_size;
    if (s->sample_size == 1)
        look_for_zeros(b, raw, n);
    if (!m->sounds || b->trusted || s->w->heard % 2 == 0)
        return;
    const size_t some = n < 2 * LOOK ? n : 2 * LOOK;
    b->looked++;
    look_for_text(b, raw, some);
    look_for_floats(b, raw, some);
    compare(s, raw, x, m);
    if (b->judged >= VB_SOUND_TRUST) {
        b->trusted = 1;
        for (int c = 0; c < 4; c++)
            if (c != (int)s->code && b->gain[c] > -64 * (int64_t)b->judged)
                b->trusted = 0;
    }
}
