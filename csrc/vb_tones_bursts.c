#include <string.h>

#include "vb_tones_parts.h"

/* Lengths in blocks of 5 ms. */
enum {
    MISFITS = 4,          /* windows that do not fit, after which a burst is over */
    SHORTEST = 60 / MS,   /* a burst */
    BEEP = 85 / MS,       /* a beep; 100 ms are meant */
    BEEP_SURE = 100 / MS, /* while it lasts */
    PAUSE = 1300 / MS,    /* after which a burst is one of its own */
    STEP = 90 / MS,       /* between the tones of a SIT */
    TALK = 30             /* windows of talk that make a burst the end of a greeting */
};

static const float SHARE = 0.80f;
static const float DROP = 0.25f;

/* ---- what a burst is */

/* Whether two frequencies were resolved, and are these, within 2 %. */
static int pair_of(const vb_tones_burst *b, float low, float high) {
    return vb_tones_is_pair(b) && vb_tones_near(b->low / b->pair, low, 0.02f * low) &&
           vb_tones_near(b->high / b->pair, high, 0.02f * high);
}

static int single_of(const vb_tones_burst *b, float hz, float most) {
    return !vb_tones_is_pair(b) && vb_tones_near(b->strong / b->weight, hz, most);
}

/* 440 + 480 Hz, North America's ringback, too close to be resolved. */
static int american_ring(const vb_tones_burst *b) {
    const float variance = b->variance / b->weight;
    return vb_tones_near(vb_tones_centre(b), 460.0f, 9.0f) && variance > 230.0f && variance < 700.0f;
}

/* The frequencies that call progress has: 400 and 425 Hz, modulated too, 350 + 440, 400 + 450, 440 + 480, 480 + 620. */
static int is_progress(const vb_tones_burst *b) {
    if (pair_of(b, 480.0f, 620.0f) || pair_of(b, 350.0f, 440.0f) || american_ring(b))
        return 1;
    return vb_tones_near(vb_tones_centre(b), 422.0f, 34.0f) && b->variance / b->weight < 1500.0f;
}

/* Blocks between a burst and the one before it. */
static int64_t gap_before(const vb_tones_burst *b) {
    return b->start - (b + 1)->end;
}

/* Whether two such bursts follow one another: lengths of the first, the gap and the second, in ms. */
static int pattern(const vb_tones_burst *b, int first, int gap, int second, int most) {
    const int64_t a = vb_tones_length(b + 1) * MS - first, g = gap_before(b) * MS - gap,
                  c = vb_tones_length(b) * MS - second;
    return a <= most && a >= -most && g <= most && g >= -most && c <= most && c >= -most;
}

/* 1, 2 or 3: which tone of a special information tone a burst may be. */
static int sit_step(const vb_tones_burst *b) {
    if (single_of(b, 950.0f, 42.0f))
        return 1;
    if (single_of(b, 1400.0f, 50.0f))
        return 2;
    return single_of(b, 1790.0f, 45.0f) ? 3 : 0;
}

/* Whether a burst is a tone of a special information tone, as far as those before it say. */
static int in_sit(const vb_tones_burst *b) {
    const int step = sit_step(b);
    for (int i = 0; i + 1 < step; i++)
        if (!(b + i + 1)->windows || sit_step(b + i + 1) != step - 1 - i || gap_before(b + i) > STEP ||
            vb_tones_length(b + i + 1) < 200 / MS || vb_tones_length(b + i + 1) > 450 / MS)
            return 0;
    return step;
}

/* Two bursts of call progress that say what they are: busy, congestion, or a double ring. */
static vb_tone_kind cadence(const vb_tones_burst *b) {
    if (!(b + 1)->windows || !is_progress(b) || !is_progress(b + 1) ||
        !vb_tones_near(vb_tones_centre(b), vb_tones_centre(b + 1), 25.0f))
        return VB_TONE_NONE;
    const int64_t on = vb_tones_length(b), was = vb_tones_length(b + 1), off = gap_before(b);
    if (pattern(b, 400, 350, 225, 45) || pattern(b, 225, 525, 400, 45))
        return VB_TONE_CONGESTION;
    if (on - was > 60 / MS || was - on > 60 / MS || off - on > 110 / MS || on - off > 110 / MS)
        return VB_TONE_NONE;
    if (on >= 310 / MS && on <= 850 / MS && off >= 280 / MS)
        return VB_TONE_BUSY;
    return on >= 160 / MS && on < 310 / MS && off >= 150 / MS ? VB_TONE_CONGESTION : VB_TONE_NONE;
}

/* ---- what is told */

/* The tone that lasts is over. */
static void close_tone(vb_tones *t, vb_tones_out *out) {
    vb_tones_open *open = &t->open;
    if (open->tone.kind == VB_TONE_NONE)
        return;
    open->tone.end_ms = MS * open->last_end;
    vb_tones_tell(out, &open->tone);
    memset(open, 0, sizeof *open);
}

/* Tell a kind that began with burst `first`; all bursts since then are part of it. */
static void tell(vb_tones *t, vb_tone_kind kind, int first, vb_tones_out *out) {
    vb_tones_open *open = &t->open;
    if (open->tone.kind != VB_TONE_NONE) {
        const int64_t before = (t->burst + first + 1)->windows ? (t->burst + first + 1)->end : 0;
        open->last_end = open->last_end > t->burst[first].start ? before : open->last_end;
        close_tone(t, out);
    }
    open->tone.kind = (int32_t)kind;
    open->tone.start_ms = MS * t->burst[first].start;
    open->tone.end_ms = -1;
    if (kind == VB_TONE_BEEP)
        vb_tones_name_beep(t, t->burst, &open->tone);
    open->last_end = t->burst[0].end;
    vb_tones_tell(out, &open->tone);
    for (int i = 0; i <= first; i++)
        t->burst[i].used = 1;
}

/* Whether somebody has talked shortly before a burst, and not far below it. */
static int after_talk(const vb_tones *t, const vb_tones_burst *b) {
    return t->talk >= TALK && t->talk_power > 0.1f * b->level;
}

static int is_repeated(int32_t kind) {
    return kind == VB_TONE_RINGBACK || kind == VB_TONE_BUSY || kind == VB_TONE_CONGESTION || kind == VB_TONE_CNG;
}

/* A burst lasts. */
static void during(vb_tones *t, vb_tones_out *out) {
    vb_tones_burst *b = t->burst;
    const int64_t so_far = vb_tones_length(b);
    if (b->used)
        return;
    if (single_of(b, 2100.0f, 25.0f)) {
        if (so_far >= 400 / MS)
            tell(t, VB_TONE_CED, 0, out);
    } else if (is_progress(b)) {
        if (t->open.tone.kind == VB_TONE_RINGBACK)
            return;
        if (american_ring(b) && so_far >= 800 / MS)
            tell(t, VB_TONE_RINGBACK, 0, out);
        else if (pair_of(b, 350.0f, 440.0f) ? so_far >= 1000 / MS : so_far >= 2700 / MS)
            tell(t, VB_TONE_DIAL, 0, out);
        else if (after_talk(t, b) && so_far >= BEEP_SURE && vb_tones_is_beep(t, b))
            tell(t, VB_TONE_BEEP, 0, out);
    } else if (in_sit(b) == 3) {
        if (so_far >= 150 / MS)
            tell(t, VB_TONE_SIT, 2, out);
    } else if (vb_tones_is_beep(t, b) && so_far >= (in_sit(b)                      ? 450 / MS
                                                    : single_of(b, 1100.0f, 40.0f) ? 620 / MS
                                                                                   : BEEP_SURE)) {
        tell(t, VB_TONE_BEEP, 0, out);
    }
}

/* A burst has ended. */
static void after(vb_tones *t, vb_tones_out *out) {
    vb_tones_burst *b = t->burst;
    vb_tones_open *open = &t->open;
    const int32_t kind = open->tone.kind;
    if (b->used) {
        open->last_end = b->end;
        if (!is_repeated(kind))
            close_tone(t, out);
        return;
    }
    if (single_of(b, 1100.0f, 40.0f) && vb_tones_length(b) >= 400 / MS && vb_tones_length(b) <= 600 / MS) {
        if (kind == VB_TONE_CNG)
            open->last_end = b->end, b->used = 1;
        else
            tell(t, VB_TONE_CNG, 0, out);
        return;
    }
    if (is_progress(b)) {
        const vb_tone_kind now = cadence(b);
        if (is_repeated(kind) && kind != VB_TONE_CNG && (now == VB_TONE_NONE || (int32_t)now == kind))
            open->last_end = b->end, b->used = 1;
        else if (now != VB_TONE_NONE)
            tell(t, now, 1, out);
        return;
    }
    if (!in_sit(b) && vb_tones_is_beep(t, b) && vb_tones_length(b) >= BEEP) {
        tell(t, VB_TONE_BEEP, 0, out);
        close_tone(t, out);
    }
}

/* No burst lasts. */
static void between(vb_tones *t, vb_tones_out *out) {
    vb_tones_burst *b = t->burst;
    const int32_t kind = t->open.tone.kind;
    if (is_repeated(kind)) {
        static const int64_t longest[VB_TONE_KINDS] = {[VB_TONE_RINGBACK] = 6500 / MS,
                                                       [VB_TONE_BUSY] = 1300 / MS,
                                                       [VB_TONE_CONGESTION] = 900 / MS,
                                                       [VB_TONE_CNG] = 4500 / MS};
        const int answered = after_talk(t, b) && t->talked > t->open.last_end + 300 / MS;
        if (t->n_block - t->open.last_end > longest[kind] || answered)
            close_tone(t, out);
        return;
    }
    if (!b->windows || b->used)
        return;
    const int64_t quiet = t->n_block - b->end;
    if (is_progress(b)) {
        if ((b + 1)->windows && is_progress(b + 1) && pattern(b, 400, 200, 400, 75) && quiet >= 470 / MS) {
            tell(t, VB_TONE_RINGBACK, 1, out);
        } else if (quiet >= PAUSE) {
            if (vb_tones_length(b) >= 780 / MS) {
                tell(t, VB_TONE_RINGBACK, 0, out);
            } else if (vb_tones_is_beep(t, b) && vb_tones_length(b) >= BEEP && b->start > 50 / MS) {
                tell(t, VB_TONE_BEEP, 0, out);
                close_tone(t, out);
            }
            b->used = 1;
        }
    } else if (in_sit(b) && quiet > STEP + 40 / MS) {
        if (vb_tones_is_beep(t, b) && vb_tones_length(b) >= BEEP) {
            tell(t, VB_TONE_BEEP, 0, out);
            close_tone(t, out);
        }
        b->used = 1;
    }
}

/* ---- bursts */

/* Sharpen the beginning of the burst, once its level is known. */
static void find_start(vb_tones *t) {
    vb_tones_burst *b = t->burst;
    const int64_t at = b->start + 3;
    b->level = vb_tones_block(t, at);
    for (int64_t i = at + 1; i < at + 5 && i < t->n_block; i++)
        b->level = vb_tones_block(t, i) > b->level ? vb_tones_block(t, i) : b->level;
    b->start = vb_tones_edge(t, at, -1, 9, 3, DROP * b->level);
    if ((b + 1)->windows && b->start < (b + 1)->end)
        b->start = (b + 1)->end;
}

static void add(vb_tones_burst *b, const vb_tones_look *look, int64_t centre) {
    const int low = look->n == 2 && look->hz[1] < look->hz[0];
    const float w = look->power;
    /* Of a pair, that of the two that is nearer to where it was. */
    const float near = look->n == 2 && vb_tones_near(look->hz[1], b->first, vb_tones_magnitude(look->hz[0] - b->first))
                           ? look->hz[1]
                           : look->hz[0];
    b->first = b->weight > 0.0f ? b->first : look->hz[0];
    const float d = b->windows ? near - b->first : 0.0f;
    b->share += w * look->share;
    b->drift += w * d;
    b->wander += w * d * d;
    b->weight += w;
    b->centre += w * look->centre;
    b->variance += w * look->variance;
    b->strong += w * look->hz[0];
    if (look->n == 2 && !vb_tones_near(look->hz[0], look->hz[1], 65.0f)) {
        b->pair += w;
        b->low += w * look->hz[low];
        b->high += w * look->hz[1 - low];
    }
    b->windows++;
    b->misfits = 0;
    b->end = centre;
}

static int fits(const vb_tones_burst *b, const vb_tones_look *look) {
    const float most = 12.0f + 0.01f * vb_tones_centre(b);
    return vb_tones_near(look->centre, vb_tones_centre(b), most) ||
           vb_tones_near(look->hz[0], b->strong / b->weight, most);
}

static void start_burst(vb_tones *t, const vb_tones_look *look, int64_t centre) {
    memmove(t->burst + 1, t->burst, (VB_TONES_BURSTS - 1) * sizeof *t->burst);
    memset(t->burst, 0, sizeof *t->burst);
    t->burst->start = centre;
    add(t->burst, look, centre);
    t->is_on = 1;
}

/* Take back a burst that is none. */
static void forget_burst(vb_tones *t) {
    memmove(t->burst, t->burst + 1, (VB_TONES_BURSTS - 1) * sizeof *t->burst);
    memset(t->burst + VB_TONES_BURSTS - 1, 0, sizeof *t->burst);
    t->is_on = 0;
}

static void end_burst(vb_tones *t, vb_tones_out *out) {
    vb_tones_burst *b = t->burst;
    if (b->windows < 4) {
        forget_burst(t);
        return;
    }
    b->end = vb_tones_edge(t, b->end - 2, 1, 7, 2, DROP * b->level) + 1;
    if (vb_tones_length(b) < SHORTEST && !b->used) {
        forget_burst(t);
        return;
    }
    t->is_on = 0;
    after(t, out);
}

/* Keep account of what sounds and is no tone. */
static void hear_talk(vb_tones *t, int sounds, float power) {
    t->noisy = sounds ? t->noisy + 1 : 0;
    if (t->noisy >= 8) {
        t->noisy = 8;
        t->talk = t->talk < TALK ? t->talk + 1 : TALK;
        t->talked = t->n_block;
        /* A tone that sets in sounds like talk in its first windows. */
        float least = power;
        for (int i = 0; i < 3; i++)
            least = t->recent[i] < least ? t->recent[i] : least;
        t->talk_power = least > t->talk_power ? least : t->talk_power;
    }
    t->recent[2] = t->recent[1];
    t->recent[1] = t->recent[0];
    t->recent[0] = power;
    t->talk_power *= 0.997f;
    if (t->n_block - t->talked > 3000 / MS)
        t->talk = 0, t->talk_power = 0.0f;
}

void vb_tones_bursts(vb_tones *t, const vb_tones_look *look, int64_t centre, int taken, vb_tones_out *out) {
    const int tonal = !taken && look->n > 0 && look->share >= SHARE && look->power >= VB_TONES_QUIET;
    if (taken && t->is_on && t->key.told && !t->burst->used)
        forget_burst(t);
    if (t->is_on) {
        vb_tones_burst *b = t->burst;
        if (tonal && fits(b, look)) {
            t->noisy = 0;
            add(b, look, centre);
            if (b->windows == 4)
                find_start(t);
            if (b->windows >= 4)
                during(t, out);
            return;
        }
        if (++b->misfits < MISFITS)
            return;
        end_burst(t, out);
    }
    if (tonal && !t->is_on)
        start_burst(t, look, centre);
    else
        between(t, out);
    hear_talk(t, !tonal && !taken && look->power >= VB_TONES_QUIET, look->power);
}
