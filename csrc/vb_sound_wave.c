#include <math.h>

#include "simd/sound_wave.h"
#include "vb_sound_parts.h"

enum { MAX_FRAME = VB_SOUND_MAX_FRAME, HALF = VB_SOUND_HALF, CHANNEL_FRAMES = 130 };

typedef struct {
    uint32_t (*silent_run)(const int16_t *restrict x, size_t n);
    void (*landmarks)(const int16_t *restrict x, size_t n, uint8_t *restrict hit);
    void (*bends)(const int16_t *restrict x, size_t n, uint16_t *restrict cell);
    void (*ranks)(const uint16_t *restrict cell, uint16_t *restrict before, uint16_t *restrict behind);
    void (*channels)(const int16_t *restrict x, size_t n, float *restrict sum);
} loops;

#define LOOPS(level, target)                                                                                           \
    target static uint32_t silent_run_##level(const int16_t *restrict x, size_t n) {                                   \
        return vb_sound_silent_run_body(x, n);                                                                         \
    }                                                                                                                  \
    target static void landmarks_##level(const int16_t *restrict x, size_t n, uint8_t *restrict hit) {                 \
        vb_sound_landmarks_body(x, n, hit);                                                                            \
    }                                                                                                                  \
    target static void bends_##level(const int16_t *restrict x, size_t n, uint16_t *restrict cell) {                   \
        vb_sound_bends_body(x, n, cell);                                                                               \
    }                                                                                                                  \
    target static void ranks_##level(const uint16_t *restrict cell, uint16_t *restrict before,                         \
                                     uint16_t *restrict behind) {                                                      \
        vb_sound_ranks_body(cell, before, behind);                                                                     \
    }                                                                                                                  \
    target static void channels_##level(const int16_t *restrict x, size_t n, float *restrict sum) {                    \
        vb_sound_channels_body(x, n, sum);                                                                             \
    }                                                                                                                  \
    static const loops at_##level = {silent_run_##level, landmarks_##level, bends_##level, ranks_##level,              \
                                     channels_##level};

VB_LEVELS(LOOPS)

void vb_sound_wave_select(vb_simd level) {
    run = levels[level];
}

static uint32_t size_of(int32_t v) {
    return (uint32_t)(v < 0 ? -v : v);
}

/*
 * Flat runs near full scale. G.711 has one code for the top 3 %, so there a run is longer, and counts only if it ends
 * in a fall that no low tone has.
 */
static void count_top(vb_sound *s, const int16_t *x) {
    vb_sound_wave *w = &s->w->wave;
    const int g711 = s->sample_size == 1;
    int32_t last = w->last[2];
    for (size_t i = 0; i < s->frame; i++) {
        if (x[i] == last && size_of(last) >= VB_SOUND_TOP) {
            w->top_run++;
            continue;
        }
        if (w->top_run >= (g711 ? 2u : 1u) && (!g711 || size_of(x[i]) < 27000 || (x[i] < 0) != (last < 0)))
            w->top += w->top_run + 1;
        w->top_run = 0;
        last = x[i];
    }
}

/*
 * Jumps over the end of the range: a step that leaves it comes in at the other end, 65536 away, so that there are far
 * more jumps of nearly the whole range than of two thirds of it. From full scale to full scale is clipping's business.
 */
static void count_wraps(vb_sound *s, const int16_t *x) {
    vb_sound_wave *w = &s->w->wave;
    for (size_t i = 1; i < s->frame; i++) {
        const uint32_t jump = size_of(x[i] - x[i - 1]);
        const int full = size_of(x[i]) >= VB_SOUND_TOP && size_of(x[i - 1]) >= VB_SOUND_TOP;
        w->wraps += jump >= 47000 && !full;
        w->swings += jump >= 31000 && jump < 47000;
    }
}

/*
 * Two channels in turn: samples that come in pairs, or every other one silent, or a second voice that the alternation
 * mirrors to the top of the spectrum. Only frames that differ in level from the last one are asked: tones say nothing.
 */
static void look_for_channels(vb_sound *s, const int16_t *x, int64_t energy) {
    vb_sound_wave *w = &s->w->wave;
    const int64_t before = w->last_energy;
    float sum[7];
    w->last_energy = energy;
    if (energy * 5 > before * 4 && energy * 4 < before * 5)
        return;
    run->channels(x, s->frame, sum);
    const float low = sum[4], middle = 4 * sum[5], high = sum[6];
    w->varied++;
    w->pairs += sum[0] * 8 < sum[1] || sum[1] * 8 < sum[0];
    w->halves += low > middle && (sum[2] * 64 < sum[3] || sum[3] * 64 < sum[2]); /* a tone in the middle has zeros */
    w->low += low > middle || high > middle;
    w->mirrors += high > middle && low > middle && high * 300 > low && low * 4 > high;
}

/* A gap from w->gap_start to `end` is over; `after` is the sample behind it. */
static void gap_over(vb_sound *s, int64_t end, int32_t after) {
    vb_sound_wave *w = &s->w->wave;
    const int64_t length = end - w->gap_start, rate = s->rate_hz,
                  mean = w->segment > 0 ? w->segment_sum / w->segment : 0;
    if (length * 1000 < rate) {
        w->segment += (uint32_t)length;
        return;
    }
    const int64_t loud = s->code == VB_SOUND_ALAW ? 200 : s->code == VB_SOUND_ULAW ? 100 : 50; /* far above a step */
    if (w->segment * 1000ll >= rate && mean >= loud) {
        /* A hole in a pause is not seen: long distances may be a few times as long. */
        const int64_t distance = w->gap_start - w->last_gap, period = w->gap_period > 0 ? w->gap_period : 1;
        const int64_t times = period * 10 >= rate && distance < 5 * period ? (distance + period / 2) / period : 1;
        const int64_t off = distance - times * period, longer = length - w->gap_length,
                      slack = length / 8 < 2 ? 2 : length / 8;
        const int64_t edges = w->gap_edge + (int64_t)size_of(after);
        const int64_t jitter = rate / 2000 + 2; /* half a millisecond */
        const int even =
            off >= -jitter && off <= jitter && longer >= -slack && longer <= slack && distance * 100 >= rate;
        w->gap_chain = even ? w->gap_chain + 1 : 0;
        if (w->gap_chain >= 2) {
            const int32_t level = vb_sound_log2((uint64_t)mean);
            w->gaps_even++;
            w->edge_sum += (int32_t)(edges > 2 * mean ? 256 : edges * 128 / mean);
            w->level_sum += level;
            w->level_square += (int64_t)level * level;
        }
        w->gap_period = even && times > 0 ? distance / times : distance;
        w->gap_length = length;
        const int64_t grid = rate / 100, phase = w->gap_start % grid, rest = (length + 2) % grid;
        if (length * 125 >= rate && length * 5 <= 2 * rate && rest <= 4 && edges >= mean && w->gap_edge * 8 >= mean &&
            size_of(after) * 8 >= mean) { /* cut out of speech, in whole frames */
            int64_t apart = phase - w->cut_phase;
            apart = apart < 0 ? -apart : apart;
            if (w->gaps_cut == 0)
                w->cut_phase = phase, w->cut_frames = 0;
            if (w->gaps_cut == 0 || apart <= 1 || apart >= grid - 1)
                w->gaps_cut++, w->cut_frames += (uint32_t)((length + grid / 2) / grid);
            else
                w->gaps_cut--;
        }
        w->last_gap = w->gap_start;
    }
    w->segment = 0;
    w->segment_sum = 0;
}

static void look_for_gaps(vb_sound *s, const int16_t *x, const vb_sound_sums *m) {
    vb_sound_wave *w = &s->w->wave;
    const int64_t at = s->frames * s->frame;
    if (w->gap == 0 && (m->near_zero < 8 || !run->silent_run(x, s->frame))) {
        size_t end = s->frame; /* a gap may begin at the end */
        while (end > 0 && size_of(x[end - 1]) <= 8)
            end--;
        if (end < s->frame) {
            w->gap = (uint32_t)(s->frame - end);
            w->gap_start = at + (int64_t)end;
            w->gap_edge = (int32_t)size_of(end > 0 ? x[end - 1] : w->last[2]);
        }
        w->segment += (uint32_t)end;
        w->segment_sum += m->magnitude;
        return;
    }
    for (size_t i = 0; i < s->frame; i++) {
        if (size_of(x[i]) <= 8) {
            if (w->gap++ == 0) {
                w->gap_start = at + (int64_t)i;
                w->gap_edge = (int32_t)size_of(i > 0 ? x[i - 1] : w->last[2]);
            }
            continue;
        }
        if (w->gap > 0)
            gap_over(s, at + (int64_t)i, x[i]);
        w->gap = 0;
        w->segment++;
        w->segment_sum += size_of(x[i]);
    }
}

static void vote(vb_sound_wave *w, uint32_t lag) {
    size_t empty = 8;
    for (size_t k = 0; k < 8; k++) {
        if (w->votes[k] > 0 && w->lag[k] == lag) {
            w->votes[k]++;
            return;
        }
        if (w->votes[k] == 0)
            empty = k;
    }
    if (empty < 8) {
        w->lag[empty] = lag;
        w->votes[empty] = 1;
        return;
    }
    for (size_t k = 0; k < 8; k++)
        w->votes[k]--;
}

/* Landmarks that depend on the samples alone: what comes again brings the same ones, wherever frames begin. */
static void look_for_repeats(vb_sound *s, const int16_t *x) {
    vb_sound_wave *w = &s->w->wave;
    uint8_t hit[MAX_FRAME + 8] = {0};
    const uint32_t thin = s->rate_hz >= 32000 ? 3 : s->rate_hz >= 16000 ? 1 : 0; /* as many a second at any rate */
    run->landmarks(x, s->frame, hit);
    for (size_t i = 7; i < s->frame; i++) {
        uint64_t eight;
        memcpy(&eight, hit + i, sizeof eight);
        if (eight == 0) {
            i += 7;
            continue;
        }
        if (!hit[i] || size_of(x[i]) + size_of(x[i - 3]) + size_of(x[i - 6]) < 96)
            continue;
        uint32_t hash = 2166136261u;
        for (size_t k = i - 7; k <= i; k++)
            hash = (hash ^ (uint16_t)x[k]) * 16777619u;
        hash ^= hash >> 15;
        if (hash >> 24 & thin)
            continue;
        const size_t slot = hash % VB_SOUND_ANCHORS;
        const int64_t at = s->frames * s->frame + (int64_t)i;
        w->anchors++;
        if (w->anchor_hash[slot] == hash && w->anchor_at[slot] > 0) {
            const int64_t lag = at - w->anchor_at[slot];
            uint8_t *const again = &w->anchor_again[slot];
            *again = *again < 4 ? (uint8_t)(*again + 1) : 4;
            w->seen++;
            w->first += *again == 1;
            w->chained += *again == 4;
            if (lag * 4 <= s->rate_hz * 5ll) {
                w->soon++;
                vote(w, (uint32_t)lag);
            }
        } else {
            w->anchor_again[slot] = 0;
        }
        w->anchor_hash[slot] = hash;
        w->anchor_at[slot] = at;
    }
}

/* Whether the click at a frame's edge is the largest in 16 ms, and those at four places where no edge is. */
static void look_for_clicks(vb_sound *s, const int16_t *x, const vb_sound_sums *m) {
    vb_sound_wave *w = &s->w->wave;
    uint16_t line[HALF + VB_SOUND_CELLS];
    int16_t wave[2 + MAX_FRAME];
    memcpy(wave, w->last + 1, 2 * sizeof *wave);
    memcpy(wave + 2, x, s->frame * sizeof *wave);
    memcpy(line, w->cell, sizeof w->cell);
    run->bends(wave + 2, s->frame, line + HALF);
    const int64_t last = w->went_on;
    w->went_on = m->sounds ? m->energy : 0;
    if (last > 0 && m->energy < 16 * last && last < 16 * w->went_on) { /* what begins or ends clicks by itself */
        w->click_frames++;
        uint16_t before[5], behind[5];
        run->ranks(line, before, behind);
        for (size_t k = 0; k < 5; k++)
            w->click[k] += before[k] == 1 && behind[k] == 1;
    }
    memcpy(w->cell, line + VB_SOUND_CELLS, sizeof w->cell);
}

void vb_sound_wave_frame(vb_sound *s, const int16_t *x, const vb_sound_sums *m) {
    vb_sound_wave *w = &s->w->wave;
    const int64_t mean = m->sum / s->frame;
    w->samples += s->frame;
    w->mean_sum += mean;
    w->mean_square += mean * mean;
    const int64_t level = (int64_t)sqrtf((float)m->energy / (float)s->frame);
    w->level_sum_of_means += level;
    w->level_square_of_means += level * level;
    w->mean_by_level += mean * level;
    if (m->top > 1 || w->top_run > 0)
        count_top(s, x);
    if (m->step >= 31000)
        count_wraps(s, x);
    look_for_gaps(s, x, m);
    look_for_clicks(s, x, m);
    if (m->sounds) {
        w->sounding += s->frame;
        if (s->w->heard % 3 == 0 && s->w->heard <= CHANNEL_FRAMES)
            look_for_channels(s, x, m->energy);
        look_for_repeats(s, x);
    }
    memcpy(w->last, x + s->frame - 3, sizeof w->last);
}
