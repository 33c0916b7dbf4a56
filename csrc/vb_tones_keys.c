#include "vb_tones_parts.h"

enum {
    SURE = 7,    /* blocks that a key must last: more than 30 ms in any case, at most 35 */
    CONFIRM = 2, /* windows in a row that must show it */
    OVER = 4,    /* quiet blocks that end it; up to 10 ms of quiet are bridged */
    MISSES = 6,  /* windows without it that end it where it is not quiet */
    REACH = 12
};

static const float TOLERANCE = 0.022f; /* Q.24: 1.5 % must pass, 3.5 % must not */
static const float SHARE = 0.86f;
static const float TWIST = 12.6f; /* 11 dB either way */
static const float DROP = 0.25f;  /* of its power, below which a key does not sound */

/* Index of the frequency that is meant, or -1. */
static int nearest(const float *nominal, float hz) {
    for (int i = 0; i < 4; i++) {
        const float d = hz - nominal[i], most = TOLERANCE * nominal[i];
        if (d <= most && d >= -most)
            return i;
    }
    return -1;
}

static int key_of(const vb_tones_look *look) {
    static const float ROW[] = {697.0f, 770.0f, 852.0f, 941.0f}, COLUMN[] = {1209.0f, 1336.0f, 1477.0f, 1633.0f};
    static const char KEY[] = "123A456B789C*0#D";
    if (look->n != 2 || look->share < SHARE || look->power < VB_TONES_QUIET)
        return 0;
    const int low = look->hz[0] < look->hz[1] ? 0 : 1;
    const int row = nearest(ROW, look->hz[low]), column = nearest(COLUMN, look->hz[1 - low]);
    if (row < 0 || column < 0 || look->strength[0] > TWIST * look->strength[1])
        return 0;
    return KEY[4 * row + column];
}

static void tell(const vb_tones_key *key, int64_t end, vb_tones_out *out) {
    vb_tone tone = {VB_TONE_DTMF, key->key, 0, 0, 5 * key->start, end < 0 ? -1 : 5 * end};
    vb_tones_tell(out, &tone);
}

static void end_key(vb_tones *t, int64_t end, vb_tones_out *out) {
    vb_tones_key *key = &t->key;
    if (key->told) {
        tell(key, end > key->start ? end : key->start + 1, out);
        t->before = *key;
        t->before.last = end;
    }
    key->key = key->seen = key->told = 0;
}

/* Follow a key that was told. Returns whether it still lasts. */
static int follow(vb_tones *t, int seen, int64_t centre, vb_tones_out *out) {
    vb_tones_key *key = &t->key;
    int quiet = 0;
    for (int64_t b = t->n_block - 1; b > key->start && quiet < REACH; b--, quiet++)
        if (vb_tones_block(t, b) >= DROP * key->level)
            break;
    if (quiet >= OVER) {
        end_key(t, t->n_block - quiet, out);
        return 0;
    }
    if (seen == key->key) {
        key->last = centre;
        key->missed = 0;
    } else if (++key->missed >= MISSES || (seen != 0 && key->missed >= CONFIRM)) {
        end_key(t, vb_tones_edge(t, key->last, 1, 3, 0, DROP * key->level) + 1, out);
        return 0;
    }
    return 1;
}

/* Look for the beginning of a key. */
static void begin(vb_tones *t, int seen, float power, int64_t centre, vb_tones_out *out) {
    vb_tones_key *key = &t->key;
    if (seen == 0) {
        key->key = key->seen = 0;
        return;
    }
    if (seen != key->key) {
        key->key = seen;
        key->seen = 0;
        key->start = centre;
    }
    if (++key->seen < CONFIRM)
        return;
    /* How long has it sounded? From the loudest block around the first window on, after the key before. */
    const int64_t oldest = vb_tones_oldest(t), from = key->start - 4 > oldest ? key->start - 4 : oldest;
    const int64_t floor = t->before.last > from ? t->before.last : from;
    int64_t top = floor;
    for (int64_t b = floor; b < t->n_block; b++)
        top = vb_tones_block(t, b) > vb_tones_block(t, top) ? b : top;
    const float level = vb_tones_block(t, top);
    int64_t start = vb_tones_edge(t, top, -1, REACH, 2, DROP * level);
    const int64_t end = vb_tones_edge(t, top, 1, VB_TONES_BLOCKS, 2, DROP * level) + 1;
    start = start < t->before.last ? t->before.last : start;
    /* What is below the window's power is the silence behind a key that the window still shows. */
    if (end - start < SURE || level < 0.7f * power)
        return;
    key->start = start;
    key->last = centre;
    key->level = level;
    key->missed = 0;
    key->told = 1;
    tell(key, -1, out);
}

int vb_tones_keys(vb_tones *t, const vb_tones_look *look, int64_t centre, vb_tones_out *out) {
    const int seen = key_of(look);
    if (!t->key.told || !follow(t, seen, centre, out))
        begin(t, seen, look->power, centre, out);
    return t->key.told || seen != 0;
}
