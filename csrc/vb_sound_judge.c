#include <math.h>

#include "vb_sound_verdicts.h"

/* The thresholds for bytes and waveforms; those for voices are in vb_sound_judge_voice.c. */
enum {
    SURE_FRAMES = 40,  /* that were compared, every other one, before a codec is named: 1.6 s */
    SOME_FRAMES = 10,  /* and before zero bytes are doubted */
    LAST_FRAMES = 25,  /* as many do at the end of the window, where the other codec saves */
    LARGE_GAIN = 384,  /* 1.5 bits a byte */
    SURE_GAIN = 32,    /* bits a byte that another codec must save, 1/256 */
    PLAIN_GAIN = -24,  /* and that it must cost at least, where noise is to be named, likewise */
    CLEAR_GAIN = 96,   /* or that it must save, where what the bytes are taken for needs more than noise does, */
    NOISE_COST = 2074, /* 8.1 */
    SURE_COST = 1946,  /* and need at most, likewise: 7.6 of the 8 that noise needs */
    TEXT_FRAMES = 20,
    TEXT_COST = 1152, /* bits a byte that it needs at least as what it is taken for, 1/256: speech needs fewer */
    FLOAT_FRAMES = 20,
    FLOAT_COST = 1868, /* bits a byte that floats need as samples, 1/256: tones of a few samples' period need fewer */
    SCALED_SAMPLES = 160,
    ZERO_MS = 20,
    WAVE_FRAMES = 100, /* that sounded, before the waveform is judged: 2 s */
    WRAPS = 8,
    MANY_WRAPS = 60,
    NOISY_WRAPS = 300, /* a second */
    TOP_PER_MILLE = 10,
    SQUARE_PER_MILLE = 200, /* from here on there is too little left of a voice to tell its rate */
    OFFSET = 1638,          /* 5 % of full scale */
    LARGE_OFFSET = 5898,    /* 18 % */
    EVEN_GAPS = 6,
    CUT_GAPS = 3,
    ANCHORS = 60,
    CLICK_FRAMES = 100,
};

static const double SURE_SCORE = 6.5, DOUBTED_SCORE = 3.0; /* of clicks, in standard deviations */

/* Faults that bend time or the spectrum, or leave no voice to judge by: no word about the rate then. */
static const uint32_t BENT = 1u << VB_SOUND_STEREO | 1u << VB_SOUND_HOLES | 1u << VB_SOUND_REPEATED_FRAMES |
                             1u << VB_SOUND_MISSING_FRAMES | 1u << VB_SOUND_WRAPPED | 1u << VB_SOUND_NO_SPEECH;

/* Faults that make noise of speech. */
static const uint32_t DISTORTED = 1u << VB_SOUND_CLIPPED | 1u << VB_SOUND_WRAPPED;

void vb_sound_say(vb_sound_verdicts *v, vb_sound_kind kind, int32_t detail, double value, double more) {
    if (v->s->said & 1u << kind)
        return;
    v->s->said |= 1u << kind;
    v->found[v->n++] = (vb_sound_finding){(int32_t)kind, detail, value, more, v->s->frames * v->s->frame};
}

void vb_sound_mark(vb_sound *s, vb_sound_file file, int64_t offset) {
    vb_sound_files *f = &s->w->files;
    if (f->marked)
        return;
    f->marked = 1;
    f->mark_file = (uint32_t)file;
    f->mark_at = offset;
}

/* Twice a second, and at last. */
static int due(const vb_sound *s) {
    return s->w->elapsed % 25 == 0 || s->w->heard >= (s->w->longer ? VB_SOUND_LONGEST : VB_SOUND_WINDOW);
}

/* Which other code explains the bytes best, and how many bits a byte it saves, in 1/256. */
static int best_code(const vb_sound *s, int64_t *gain, int64_t *cost) {
    const vb_sound_bytes *b = &s->w->bytes;
    int best = -1;
    *gain = *cost = 0;
    if (b->judged == 0)
        return best;
    for (int c = 0; c < 4; c++)
        if (c != (int)s->code && (best < 0 || b->gain[c] > b->gain[best]))
            best = c;
    *gain = b->gain[best] / b->judged;
    *cost = b->cost[best] / b->judged;
    return best;
}

/* Whether zero bytes stand for silence, or for a pause: as codes of G.711 they are at full scale, or near it. */
static int zeros(const vb_sound *s) {
    return s->sample_size == 1 && (uint64_t)s->w->bytes.zero_longest * 1000 >= (uint64_t)s->rate_hz * ZERO_MS;
}

/* What the bytes are. Returns 1 when they are not what they are taken for, so that nothing else can be said. */
static int judge_bytes(vb_sound_verdicts *v) {
    vb_sound *s = v->s;
    const vb_sound_bytes *b = &s->w->bytes;
    const vb_sound_files *f = &s->w->files;
    if (f->marked) {
        vb_sound_say(v, VB_SOUND_FILE_BYTES, (int32_t)f->mark_file, (double)f->mark_at, 0);
        return 1;
    }
    if (b->scaled >= SCALED_SAMPLES) {
        vb_sound_say(v, VB_SOUND_FLOAT_SAMPLES, 0, (double)b->largest, 0);
        return 1;
    }
    if (s->code == VB_SOUND_FLOAT || !due(s))
        return 0;
    int64_t gain, cost;
    const int best = best_code(s, &gain, &cost);
    if (b->text >= TEXT_FRAMES && b->not_text * 20 <= b->text && b->cost[s->code] >= TEXT_COST * (int64_t)b->judged) {
        const int32_t kind = b->text_class >= 2 ? VB_TEXT_OTHER : b->text_class == 1 ? VB_TEXT_BASE64 : VB_TEXT_HEX;
        vb_sound_say(v, VB_SOUND_ENCODED_TWICE, kind, b->text * 40.0, 0);
        return 1;
    }
    for (int k = 0; k < 2; k++)
        if (b->floats[k] >= FLOAT_FRAMES && b->floats[k] * 2 >= b->looked &&
            b->cost[s->code] >= FLOAT_COST * (int64_t)b->judged) {
            vb_sound_say(v, VB_SOUND_FLOAT_SAMPLES, k == 0 ? 4 : 8, (double)b->floats[k] / b->looked, 0);
            return 1;
        }
    const int floats = (b->floats[0] + b->floats[1]) * 5 >= b->looked;
    const int64_t judged = b->judged;
    const int sure = (gain >= SURE_GAIN && cost <= SURE_COST) ||
                     (gain >= CLEAR_GAIN && b->cost[s->code] >= NOISE_COST * judged); /* no right code needs so many */
    const int64_t enough = s->w->heard >= VB_SOUND_WINDOW && gain >= LARGE_GAIN ? LAST_FRAMES : SURE_FRAMES;
    if (!floats && judged >= enough && sure) {
        const int swapped = best >= VB_SOUND_LITTLE && s->code >= VB_SOUND_LITTLE;
        vb_sound_say(v, swapped ? VB_SOUND_SWAPPED_BYTES : VB_SOUND_WRONG_CODEC, best, (double)gain / 256, 0);
        return 1;
    }
    const int over = b->zero_run == 0 || b->zero_frames >= SURE_FRAMES;
    const int right = over && judged >= SOME_FRAMES && gain <= PLAIN_GAIN; /* L16 has zeros in pauses, too */
    if (!zeros(s) || (!right && judged < SURE_FRAMES && b->zero_frames < 200))
        return 0;
    vb_sound_say(v, VB_SOUND_ZERO_SILENCE, 0, b->zero_longest * 1000.0 / s->rate_hz, 0);
    return 1;
}

static void judge_gaps(vb_sound_verdicts *v) {
    const vb_sound_wave *w = &v->s->w->wave;
    const double ms = 1000.0 / v->s->rate_hz;
    if (w->gaps_even >= EVEN_GAPS) {
        const double n = w->gaps_even, mean = (double)w->level_sum / n;
        const double spread = (double)w->level_square / n - mean * mean; /* of log2 of the level, in 1/256 squared */
        const int brief = w->gap_length * 300 < (int64_t)v->s->rate_hz;
        if (w->edge_sum / n >= (brief ? 110 : 50) && n >= (brief ? 10 : EVEN_GAPS) && spread >= 50.0 * 50.0) {
            vb_sound_say(v, VB_SOUND_HOLES, 0, (double)w->gap_period * ms, (double)w->gap_length * ms);
            return;
        }
    }
    if (vb_sound_could_be_voice(v->s->w, VB_SOUND_LIVELY) && w->gaps_cut >= CUT_GAPS && w->gaps_even < 3 &&
        v->s->w->elapsed >= VB_SOUND_WINDOW - 25)
        vb_sound_say(v, VB_SOUND_MISSING_FRAMES, 1, w->cut_frames / (2.0 * v->s->w->elapsed), 0);
}

/* Splices: audio that goes on somewhere else, with a click where a frame of 20 ms begins. */
static void judge_clicks(vb_sound_verdicts *v) {
    const vb_sound_wave *w = &v->s->w->wave;
    const double n = w->click_frames;
    const uint32_t others =
        1u << VB_SOUND_HOLES | 1u << VB_SOUND_REPEATED_FRAMES | 1u << VB_SOUND_WRAPPED | 1u << VB_SOUND_MISSING_FRAMES;
    if (n < CLICK_FRAMES || (v->s->said & others))
        return; /* those click, too */
    const double here = w->click[0] / n, elsewhere = (w->click[1] + w->click[2] + w->click[3] + w->click[4]) / (4 * n);
    const double more = here - elsewhere, score = more * sqrt(n / (elsewhere + 0.01)); /* in standard deviations */
    if (score < DOUBTED_SCORE || !vb_sound_could_be_voice(v->s->w, VB_SOUND_LIVELY))
        return;
    if (score >= SURE_SCORE && more >= (v->s->w->longer ? 0.06 : 0.05))
        vb_sound_say(v, VB_SOUND_MISSING_FRAMES, 0, score, 0);
    else
        v->doubt = 1;
}

/* The time after which most landmarks come again. */
static size_t top_lag(const vb_sound_wave *w) {
    size_t top = 0;
    for (size_t k = 1; k < 8; k++)
        top = w->votes[k] > w->votes[top] ? k : top;
    return top;
}

/*
 * What is sent twice to four times comes again one to three times, nearly all of it, and then never more. A periodic
 * sound comes again and again: after six of its periods that shows.
 */
static void judge_repeats(vb_sound_verdicts *v) {
    const vb_sound_wave *w = &v->s->w->wave;
    const size_t top = top_lag(w);
    const uint32_t votes = w->votes[top];
    const int sent_again = w->lag[top] * 2 < v->s->rate_hz && w->first * 2 >= w->anchors - w->seen &&
                           w->chained * 8 <= votes &&
                           (int64_t)v->s->w->elapsed * v->s->frame >= 6 * (int64_t)w->lag[top];
    if (w->anchors >= ANCHORS && votes * 4 >= w->anchors && votes * 5 <= w->anchors * 4 && sent_again &&
        (w->seen - votes) * 7 <= w->anchors && vb_sound_level_spread(v->s->w) >= VB_SOUND_SPOKEN &&
        v->s->w->voice.grain_sum >= 0.5f * (float)v->s->w->voice.n) /* less is a low tone */
        vb_sound_say(v, VB_SOUND_REPEATED_FRAMES, 0, w->lag[top] * 1000.0 / v->s->rate_hz, (double)votes / w->anchors);
}

/*
 * An offset is the same in every frame, whatever its level. That of speech which is not symmetrical grows with the
 * level, and what is cut off at full scale of one that is offset shrinks.
 */
static void judge_offset(vb_sound_verdicts *v) {
    const vb_sound_wave *w = &v->s->w->wave;
    const double n = w->samples > 0 ? (double)w->samples / v->s->frame : 1;
    const double mean = (double)w->mean_sum / n, level = (double)w->level_sum_of_means / n;
    const double variance = (double)w->mean_square / n - mean * mean;
    const double levels = (double)w->level_square_of_means / n - level * level;
    const double both = (double)w->mean_by_level / n - mean * level;
    /* A line through the means over the levels: `offset` is where it meets no level. */
    const double slope = levels > 1 ? both / levels : 0, offset = mean - slope * level, rest = variance - slope * both;
    const double error = sqrt(rest > 0 ? rest / n * (1 + level * level / (levels + 1)) : 0);
    const double most = fabs(mean) * (fabs(mean) >= LARGE_OFFSET ? 0.45 : 0.28);
    const int even = fabs(slope * level) <= 0.07 * fabs(offset) ||
                     (w->top * 1000 >= w->sounding * TOP_PER_MILLE && mean * offset > 0 && fabs(mean) < fabs(offset));
    /* A square of what is not symmetrical has an offset by itself. */
    const int square = w->top * 1000 >= w->sounding * SQUARE_PER_MILLE;
    if (fabs(mean) >= OFFSET && !zeros(v->s) && !square &&
        (variance <= most * most || (even && fabs(offset) >= OFFSET && fabs(offset) >= 6 * error)))
        vb_sound_say(v, VB_SOUND_DC_OFFSET, 0, mean / 32768, 0);
}

static void judge_wave(vb_sound_verdicts *v) {
    const vb_sound *s = v->s;
    const vb_sound_wave *w = &s->w->wave;
    const double seconds = (double)w->samples / s->rate_hz;
    const int wraps = w->wraps >= WRAPS && w->wraps * 10 >= w->swings * 6;
    const int lively = vb_sound_level_spread(s->w) >= VB_SOUND_LIVELY && s->w->heard >= VB_SOUND_WINDOW;
    const int many = w->wraps >= MANY_WRAPS && w->wraps * 100 >= w->swings * (lively ? 39 : 43);
    /* Random bytes have .4 as many wraps as swings, and a level that hardly varies; so has loud noise. */
    const int noisy = many && w->wraps >= NOISY_WRAPS * seconds;
    if (w->top * 40 <= w->wraps && (noisy || ((wraps || many) && vb_sound_level_spread(s->w) >= VB_SOUND_SPOKEN)))
        vb_sound_say(v, VB_SOUND_WRAPPED, 0, w->wraps / seconds, 0);
    else if (w->top * 1000 >= w->sounding * TOP_PER_MILLE && !zeros(s))
        vb_sound_say(v, VB_SOUND_CLIPPED, 0, (double)w->top / (double)w->sounding, 0);
    judge_offset(v);
    if (w->varied >= 15 && w->pairs * 10 >= w->varied * 7)
        vb_sound_say(v, VB_SOUND_STEREO, 2, (double)w->pairs / w->varied, 0);
    else if (w->varied >= 15 && w->halves * 10 >= w->varied * 7)
        vb_sound_say(v, VB_SOUND_STEREO, 1, (double)w->halves / w->varied, 0);
    else if (w->low >= 15 && w->mirrors * 10 >= w->low * 8)
        vb_sound_say(v, VB_SOUND_STEREO, 0, (double)w->mirrors / w->low, 0);
    judge_gaps(v);
    judge_repeats(v);
    judge_clicks(v);
}

/* Whether no other code is near to explaining the bytes: misread speech sounds like noise. */
static int plain(const vb_sound *s) {
    int64_t gain, cost;
    return s->w->wave.wraps < MANY_WRAPS &&
           (s->code == VB_SOUND_FLOAT || (best_code(s, &gain, &cost) >= 0 && gain <= PLAIN_GAIN));
}

/* What the first four seconds say. */
static void judge_first(vb_sound_verdicts *v) {
    const vb_sound *s = v->s;
    const vb_sound_window *w = s->w;
    int64_t gain, cost;
    const int doubtful =
        s->code != VB_SOUND_FLOAT && best_code(s, &gain, &cost) >= 0 && gain >= SURE_GAIN && cost <= SURE_COST;
    if (!doubtful && (w->heard >= WAVE_FRAMES || (w->heard >= WAVE_FRAMES / 3 && w->elapsed >= 2 * WAVE_FRAMES)))
        judge_wave(v);
    vb_sound_judge_quiet(v);
    if (doubtful || v->n > 0)
        return;
    if (!(s->said & DISTORTED) && plain(s))
        vb_sound_judge_noise(v);
    if (!(s->said & BENT) && w->wave.top * 1000 < w->wave.sounding * SQUARE_PER_MILLE)
        vb_sound_judge_rate(v);
}

size_t vb_sound_judge(vb_sound *s, vb_sound_finding *found) {
    vb_sound_verdicts v = {s, found, 0, 0};
    vb_sound_window *w = s->w;
    if (!w->longer && judge_bytes(&v)) {
        w->over = 1;
        return v.n;
    }
    if (!due(s))
        return v.n;
    if (w->longer)
        judge_clicks(&v);
    else
        judge_first(&v);
    w->longer = w->heard >= VB_SOUND_WINDOW && w->heard < VB_SOUND_LONGEST && v.doubt;
    w->over = (w->heard >= VB_SOUND_WINDOW && !w->longer) || w->elapsed >= 10 * VB_SOUND_WINDOW;
    return v.n;
}
