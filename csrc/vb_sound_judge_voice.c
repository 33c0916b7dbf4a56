#include <math.h>

#include "simd/fastmath.h"
#include "vb_sound_net.h"
#include "vb_sound_verdicts.h"

/* The thresholds for what is a voice, noise, too quiet, or at the wrong rate. */
enum {
    FAR_LEVELS = 450,   /* 5.3 dB: that of speech changes more only if it has many levels */
    STEADY = 150,       /* 1.8 dB: that of steady noise varies less */
    FAINT_FRAMES = 100, /* that are not silent, and none of them loud */
    QUIET_FRAMES = 150, /* that are not silent */
    QUIET_RANGE = 4,    /* times 3 dB between soft and loud frames of speech */
    WHITE_FRAMES = 30,  /* of the network: 1.8 s, of noise as steady as noise can be */
    STEADY_FRAMES = 50, /* likewise, of steady noise: 3 s */
    NOISE_FRAMES = 60,  /* and of any: 3.6 s */
    WHITE = 60,         /* .7 dB: the level of white noise varies less from frame to frame, */
    RATE_FRAMES = 50,   /* likewise: 3 s */
};

static const float NOISE_SPREAD = 0.38f; /* of log2 of the mean level of the bands: 1.15 dB */
/* Noise changes, too. Its level does so by log2(e) sqrt(2 / n) in a frame of n samples, in 1/256 of 3 dB 522 / sqrt(n);
 * that of tones, whose frequency moves, changes less, or the bands do, or the bins stand out less than those of noise
 * can. */
static const double LEAST_CHANGE = 339, LEAST_SPREAD = 0.1, LEAST_GRAIN = 0.6;
/* How likely the network must hold any other rate before it says that it is 2, 1.5, 3, 1/2, 2/3 or 1/3 of the stated.
 */
static const float RATE_SURE[] = {1.0f, 0.9985f, 0.985f, 0.975f, 0.90f, 0.98f, 0.90f};
static const float RATE_DULL = 0.9997f, RATE_FAST = 0.993f; /* bells are not held for voices so surely */
/* And where the spectrum ends early: it falls by 7.8 dB within two bands, and is flat to 3 dB from there on. */
static const float RATE_ENDS = 0.75f, FALL = 2.6f, FLAT = 1.0f;

/* Standard deviation of the sounding frames' powers, in 1/256 of 3 dB. */
double vb_sound_level_spread(const vb_sound_window *w) {
    const double n = w->heard > 0 ? w->heard : 1, mean = (double)w->voice.level_sum / n;
    const double square = (double)w->voice.level_square / n - mean * mean;
    return square > 0 ? sqrt(square) : 0;
}

/* Whether nearly all frames have one of few levels, far apart: a tone that is switched on and off, and a noise. */
static int switched(const vb_sound_window *w) {
    uint32_t all = 0, most = 0;
    uint8_t taken[VB_SOUND_LEVELS] = {0};
    for (size_t k = 0; k < VB_SOUND_LEVELS; k++)
        all += w->voice.levels[k];
    for (int i = 0; i < 4; i++) {
        size_t top = 0;
        for (size_t k = 1; k < VB_SOUND_LEVELS; k++)
            if (!taken[k] && (taken[top] || w->voice.levels[k] > w->voice.levels[top]))
                top = k;
        taken[top] = 1;
        most += w->voice.levels[top];
    }
    return vb_sound_level_spread(w) >= FAR_LEVELS && most * 10 >= all * 9;
}

/*
 * Whether it is no tone, and not much of music either: a level that changes, and not between two, a spectrum of neither
 * lines nor one line, and little that comes again to the sample within 1.25 s, as loops and notes do.
 */
int vb_sound_could_be_voice(const vb_sound_window *w, double least) {
    const vb_sound_voice *t = &w->voice;
    const float n = (float)t->n;
    return vb_sound_level_spread(w) >= least && t->likeness_sum <= 0.68f * n && (float)t->grained <= 0.93f * n &&
           t->grain_sum >= 0.66f * n && !switched(w) && w->wave.soon * 16 < w->wave.anchors;
}

/* dBov of a power in squares of samples. */
static double dbov(double power) {
    return 3.0103 * (double)vb_log2((float)(power > 1 ? power : 1)) - 90.309;
}

/* Speech, but faint: loud and soft frames as in speech, some with a pitch, and none of it louder than -50 dBov. */
void vb_sound_judge_quiet(vb_sound_verdicts *v) {
    const vb_sound_voice *t = &v->s->w->voice;
    uint32_t all = 0, sum = 0;
    for (size_t k = 0; k < VB_SOUND_LEVELS; k++)
        all += t->levels[k];
    const int faint = v->s->w->heard * 50 <= all && all >= FAINT_FRAMES;
    const uint32_t few = all < QUIET_FRAMES ? 5 : 13; /* noise hides the pitch of most frames */
    if ((!faint && all < QUIET_FRAMES) || v->s->w->heard * 10 > all || t->soft_voiced * few < t->soft_seen)
        return;
    size_t high = VB_SOUND_LEVELS, low = 0;
    while (high > 0 && sum * 20 < all)
        sum += t->levels[--high];
    for (sum = t->levels[0]; low + 1 < VB_SOUND_LEVELS && sum * 5 < all;)
        sum += t->levels[++low];
    if (high < low + QUIET_RANGE)
        return;
    double energy = 0, n = 0;
    for (size_t k = high >= 5 ? high - 5 : 0; k < VB_SOUND_LEVELS; k++) /* 15 dB below the loudest, as P.56 has it */
        energy += t->level_energy[k], n += t->levels[k];
    const double level = dbov(energy / n);
    if (level < (all < QUIET_FRAMES ? -55 : -50))
        vb_sound_say(v, VB_SOUND_TOO_QUIET, 0, level, 0);
}

/* Noise: no lines in its spectrum, ever, and a level that hardly changes; the steadier, the sooner. */
void vb_sound_judge_noise(vb_sound_verdicts *v) {
    const vb_sound_voice *t = &v->s->w->voice;
    if (t->n < WHITE_FRAMES)
        return;
    const float n = 1.0f / (float)t->n, mean = t->bands_sum * n, spread = t->bands_square * n - mean * mean;
    const float likeness = t->likeness_sum * n, grain = t->grain_sum * n;
    const double level = vb_sound_level_spread(v->s->w);
    const int steady =
        likeness < 0.3f && grain < 0.75f && t->grained == 0 && spread < 0.24f * 0.24f && level < VB_SOUND_SPOKEN;
    const int white = likeness < 0.15f && level < WHITE;
    const int noise = t->n >= NOISE_FRAMES && likeness < 0.35f && grain < 0.85f && t->grained * 50 <= t->n &&
                      spread < NOISE_SPREAD * NOISE_SPREAD && level < STEADY;
    const int changes = level * level * v->s->frame >= LEAST_CHANGE * LEAST_CHANGE &&
                        (double)spread >= LEAST_SPREAD * LEAST_SPREAD && (double)grain >= LEAST_GRAIN;
    if (changes && ((steady && (white || t->n >= STEADY_FRAMES)) || noise))
        vb_sound_say(v, VB_SOUND_NO_SPEECH, 0, 3.0103 / 256 * (double)t->level_sum / v->s->w->heard - 90.309, 0);
}

/*
 * Whether the long-term spectrum ends at a third, a half or two thirds of the band, with nothing but rounding above: a
 * voice of the telephone's 4 kHz ends there when its rate is mistaken by 3, 2 or 1.5, and one of 8 kHz by 3. The noise
 * that came with it, at the same wrong rate, shows it best.
 */
static int ends_early(const vb_sound_voice *t) {
    static const size_t last_band[] = {12, 16, 19}; /* before 1333, 2000 and 2667 Hz */
    for (size_t e = 0; e < sizeof last_band / sizeof *last_band; e++) {
        const float *last = t->long_term + last_band[e], *end = t->long_term + VB_SOUND_BANDS;
        const float below = last[0] < last[-1] ? last[0] : last[-1];
        float most = last[2], least = last[2];
        for (const float *band = last + 3; band < end; band++) {
            most = vb_max(most, *band);
            least = *band < least ? *band : least;
        }
        if (below - most >= FALL * (float)t->n && most - least <= FLAT * (float)t->n)
            return 1;
    }
    return 0;
}

/* A voice that runs too fast or too slow: when the network holds the stated rate, and no voice at all, for unlikely. */
void vb_sound_judge_rate(vb_sound_verdicts *v) {
    static const double rate[] = {1.0, 2.0, 1.5, 3.0, 1.0 / 2, 2.0 / 3, 1.0 / 3};
    enum { RIGHT = 0, WRONG = 7 };
    float score[VB_SOUND_RATES], most, sum = 0, wrong = 0;
    size_t best = 1;
    const vb_sound_voice *t = &v->s->w->voice;
    if (t->n < RATE_FRAMES)
        return;
    const int ends = ends_early(t);
    if (!vb_sound_could_be_voice(v->s->w, ends ? VB_SOUND_SPOKEN : VB_SOUND_LIVELY))
        return;
    const float n = (float)t->n, mean = t->bands_sum / n;
    const float spread = t->bands_square / n - mean * mean;
    const int flat = spread < 1.0f, dull = flat || t->grained * 100 < t->n; /* as some music is */
    vb_sound_voice_rates(&v->s->w->voice, score);
    most = score[RIGHT];
    for (size_t k = 1; k < VB_SOUND_RATES; k++) {
        most = vb_max(most, score[k]);
        if (k < WRONG && score[k] > score[best])
            best = k;
    }
    for (size_t k = 0; k < VB_SOUND_RATES; k++) {
        const float p = vb_exp2((score[k] - most) * 1.442695f);
        sum += p;
        wrong += k != RIGHT && k < WRONG ? p : 0.0f;
    }
    const int slow = best <= 2 ? dull : best == 3 && flat;
    const int fast = (best == 4 || best == 6) && spread > 4.0f; /* and no noise fills the pauses */
    const float sure = ends && best <= 3 ? RATE_ENDS : slow ? RATE_DULL : fast ? RATE_FAST : RATE_SURE[best];
    if (wrong >= sure * sum)
        vb_sound_say(v, VB_SOUND_WRONG_RATE, 0, rate[best], (double)(wrong / sum));
}
