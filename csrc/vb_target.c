#include "vb_target.h"

#include <string.h>

#include "vb_math.h"

#define FLOOR_MS 4.0
#define START_MS 40.0
#define HALF_LIFE_MS 20000.0
#define HOLD_MS 300.0
#define DECAY_MS 500.0
#define EVENT_MOST_MS 1000.0 /* a delay that lasts longer than this is a new event */

void vb_target_init(vb_target *t, float stalls_per_min, float max_ms) {
    memset(t, 0, sizeof *t);
    t->stalls_per_min = stalls_per_min;
    t->max_ms = max_ms;
    t->target_ms = START_MS < (double)max_ms ? START_MS : (double)max_ms;
}

int vb_target_valid(const vb_target *t) {
    return t->n_peaks <= VB_TARGET_PEAKS;
}

static void fade(vb_target *t, double now_ms) {
    const double from = t->held_ms + HOLD_MS;
    if (t->env_ms > 0.0 && now_ms > from) {
        const double dt = now_ms - (t->env_at_ms > from ? t->env_at_ms : from);
        if (dt > 0.0)
            t->env_ms *= vb_exp(-dt / DECAY_MS);
        if (t->env_ms < 0.01)
            t->env_ms = 0.0;
    }
    t->env_at_ms = now_ms;
}

static void forget_oldest(vb_target *t) {
    uint32_t oldest = 0;
    for (uint32_t i = 1; i < t->n_peaks; i++)
        if (t->at_ms[i] < t->at_ms[oldest])
            oldest = i;
    t->n_peaks--;
    memmove(t->height + oldest, t->height + oldest + 1, (t->n_peaks - oldest) * sizeof *t->height);
    memmove(t->at_ms + oldest, t->at_ms + oldest + 1, (t->n_peaks - oldest) * sizeof *t->at_ms);
}

static void add_peak(vb_target *t, double at_ms, double height) {
    const float h = (float)height;
    if (t->n_peaks == VB_TARGET_PEAKS)
        forget_oldest(t);
    uint32_t i = t->n_peaks++;
    for (; i > 0 && t->height[i - 1] < h; i--) {
        t->height[i] = t->height[i - 1];
        t->at_ms[i] = t->at_ms[i - 1];
    }
    t->height[i] = h;
    t->at_ms[i] = at_ms;
}

void vb_target_refresh(vb_target *t, double now_ms) {
    if (!t->started)
        return;
    const double k = VB_LN2 / HALF_LIFE_MS;
    const double memory_min = (1.0 - vb_exp(-k * (now_ms - t->first_ms))) / k / 6e4;
    const double budget = (double)t->stalls_per_min * (memory_min > 0.05 ? memory_min : 0.05);
    double events = 0.0, target = FLOOR_MS;
    for (uint32_t i = 0; i < t->n_peaks; i++) {
        events += vb_exp(-k * (now_ms - t->at_ms[i]));
        if (events > budget) {
            target = (double)t->height[i] + 1.0;
            break;
        }
    }
    target = target > FLOOR_MS ? target : FLOOR_MS;
    t->target_ms = target < (double)t->max_ms ? target : (double)t->max_ms;
}

void vb_target_note(vb_target *t, double arrival_ms, double rel_ms) {
    if (!t->started) {
        t->started = 1;
        t->first_ms = t->held_ms = t->env_at_ms = t->peak_at_ms = arrival_ms;
    }
    fade(t, arrival_ms);
    if (rel_ms >= t->env_ms) {
        t->env_ms = rel_ms;
        t->held_ms = arrival_ms;
    }
    if (rel_ms > t->peak_ms) {
        t->peak_ms = rel_ms;
        t->peak_at_ms = arrival_ms;
    } else if (rel_ms < 0.5 * t->peak_ms || arrival_ms - t->peak_at_ms > EVENT_MOST_MS) {
        if (t->peak_ms > FLOOR_MS)
            add_peak(t, arrival_ms, t->peak_ms);
        t->peak_ms = rel_ms;
        t->peak_at_ms = arrival_ms;
        vb_target_refresh(t, arrival_ms);
    }
}

double vb_target_hold(vb_target *t, double now_ms) {
    if (!t->started)
        return t->target_ms;
    fade(t, now_ms);
    const double env = t->env_ms < (double)t->max_ms ? t->env_ms : (double)t->max_ms;
    return env > t->target_ms ? env : t->target_ms;
}
