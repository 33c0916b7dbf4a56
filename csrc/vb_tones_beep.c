#include <math.h>

#include "vb_tones_parts.h"

enum {
    FEWEST = 15, /* blocks that show a beat */
    MOST = 48    /* ... that are looked at */
};

/* acos(x) of -1 to 1, within 0.0001 (Abramowitz and Stegun, 4.4.45), with the same bits everywhere. */
static float angle_of(float x) {
    const float a = vb_tones_magnitude(x);
    const float y = sqrtf(1.0f - a) * (1.5707288f + a * (-0.2121144f + a * (0.0742610f - 0.0187293f * a)));
    return x < 0.0f ? 3.1415927f - y : y;
}

/*
 * How far apart two steady tones are, in Hz, that the window does not resolve: together they are one lump, whose width
 * says that it is two, and they beat. With c = 2 cos of a block's part of the beat, the power x of the blocks obeys
 * x[i - 1] + x[i + 1] = c x[i] + constant; and it swings as far as the width says. No voice does both for long. 0 if
 * they are not two such tones.
 */
static float apart(const vb_tones *t, const vb_tones_burst *b) {
    const float variance = b->variance / b->weight;
    /* What is near the ends of a burst is not all tone. */
    const int64_t end = b->end - 2, oldest = vb_tones_oldest(t);
    int64_t first = b->start + 2 > end - MOST ? b->start + 2 : end - MOST;
    first = first > oldest ? first : oldest;
    if (end > t->n_block || end - first < FEWEST || variance < 60.0f || variance > 1500.0f)
        return 0.0f;
    float x[MOST], sum_x = 0.0f, sum_y = 0.0f, square = 0.0f, product = 0.0f, rest = 0.0f;
    const int n = (int)(end - first);
    for (int i = 0; i < n; i++)
        x[i] = vb_tones_block(t, first + i);
    for (int i = 1; i < n - 1; i++) {
        sum_x += x[i];
        sum_y += x[i - 1] + x[i + 1];
    }
    const float k = (float)(n - 2), mean_x = sum_x / k, mean_y = sum_y / k;
    for (int i = 1; i < n - 1; i++) {
        const float u = x[i] - mean_x, v = x[i - 1] + x[i + 1] - mean_y;
        square += u * u;
        product += u * v;
    }
    if (square <= 0.0f || vb_tones_magnitude(product) >= 1.98f * square)
        return 0.0f;
    const float c = product / square;
    for (int i = 1; i < n - 1; i++) {
        const float off = x[i - 1] + x[i + 1] - mean_y - c * (x[i] - mean_x);
        rest += off * off;
    }
    const float hz = angle_of(0.5f * c) * (500.0f / (3.1415927f * MS));
    const float swing = square / (k * mean_x * mean_x), expected = 2.0f * variance / (hz * hz);
    const int beats = hz > 18.0f && hz * (float)n > 1.8f * 1000.0f / MS;
    return beats && rest < 0.15f * square && swing > 0.35f * expected && swing < 2.5f * expected ? hz : 0.0f;
}

/* Whether a burst is as steady as a machine's. */
static int is_steady(const vb_tones *t, const vb_tones_burst *b) {
    if (b->share < 0.92f * b->weight || 20 * b->windows < 7 * vb_tones_length(b))
        return 0;
    const float drift = b->drift / b->weight, wander = b->wander / b->weight - drift * drift;
    const int one_or_two = b->pair < 0.1f * b->weight ? b->variance < 90.0f * b->weight : b->pair > 0.9f * b->weight;
    return (one_or_two && wander < 6.0f) || apart(t, b) > 0.0f;
}

int vb_tones_is_beep(const vb_tones *t, const vb_tones_burst *b) {
    if (!is_steady(t, b))
        return 0;
    if (vb_tones_is_pair(b))
        return b->low > 390.0f * b->pair && b->high < 2030.0f * b->pair;
    return b->strong > 390.0f * b->weight && b->strong < 2030.0f * b->weight;
}

void vb_tones_name_beep(const vb_tones *t, const vb_tones_burst *b, vb_tone *tone) {
    const float strong = b->strong / b->weight, centre = vb_tones_centre(b), between = apart(t, b);
    float low = strong, high = 0.0f;
    if (vb_tones_is_pair(b)) {
        low = b->low / b->pair;
        high = b->high / b->pair;
    } else if (between > 0.0f && b->variance > 90.0f * b->weight) {
        /* Of powers p and 1 - p, d apart, the variance is p (1 - p) d^2, and the centre is (1 - p) d from the stronger.
         */
        const float s = b->variance / (b->weight * between * between);
        const float p = 0.5f + (s < 0.25f ? sqrtf(0.25f - s) : 0.0f);
        low = strong > centre ? centre - p * between : centre - (1.0f - p) * between;
        high = low + between;
    }
    tone->low_hz = (int32_t)(low + 0.5f);
    tone->high_hz = (int32_t)(high + 0.5f);
}
