#include "vb_transport.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "vb_cast.h"

#define BUCKET_MS 500.0
#define WINDOW_MS 10000.0
#define NEVER ((double)INFINITY)
#define ORIGIN 2199023255552.0 /* buckets before time 0, 1e15 ms: arrivals may be negative, an index may not */
/* Bins of 1 ms up to 32 ms, then eight to the octave. */
enum { LINEAR_BINS = 32, PER_OCTAVE = 8 };

void vb_transport_init(vb_transport *t) {
    memset(t, 0, sizeof *t);
}

void vb_transport_restart(vb_transport *t) {
    t->known = 0;
    t->window_open = 0;
    t->n_windows = t->next_window = 0;
}

/* The bin's upper edge; the steps are 2^(i / 8). */
static double bin_top(size_t bin) {
    static const double steps[PER_OCTAVE] = {1.0,
                                             1.0905077326652577,
                                             1.189207115002721,
                                             1.2968395546510096,
                                             1.4142135623730951,
                                             1.5422108254079407,
                                             1.681792830507429,
                                             1.8340080864093424};
    if (bin < LINEAR_BINS)
        return (double)(bin + 1);
    const size_t past = bin + 1 - LINEAR_BINS;
    return (double)(LINEAR_BINS << past / PER_OCTAVE) * steps[past % PER_OCTAVE];
}

static size_t bin_of(double ms) {
    if (!(ms > 0.0))
        return 0;
    if (ms < LINEAR_BINS)
        return (size_t)ms;
    size_t bin = LINEAR_BINS;
    while (bin < VB_TRANSPORT_BINS - 1 && ms >= bin_top(bin))
        bin++;
    return bin;
}

/* Step the ring of minima on to the bucket of now, and find the least anew. */
static void turn(vb_transport *t, int64_t now) {
    const int64_t steps = now - t->bucket_now;
    for (int64_t i = 0; i < steps && i < VB_TRANSPORT_BUCKETS; i++)
        t->bucket[(now - i) % VB_TRANSPORT_BUCKETS] = NEVER;
    t->bucket_now = now;
    t->least = NEVER;
    for (int i = 0; i < VB_TRANSPORT_BUCKETS; i++)
        t->least = t->bucket[i] < t->least ? t->bucket[i] : t->least;
}

static void note_window(vb_transport *t, double arrival_ms, double d) {
    if (t->window_open && arrival_ms - t->window_start_ms >= WINDOW_MS) {
        t->at_ms[t->next_window] = t->window_at_ms;
        t->low_ms[t->next_window] = t->window_least;
        t->next_window = (t->next_window + 1) % VB_TRANSPORT_WINDOWS;
        t->n_windows += t->n_windows < VB_TRANSPORT_WINDOWS;
        t->window_open = 0;
    }
    if (!t->window_open) {
        t->window_open = 1;
        t->window_start_ms = arrival_ms;
        t->window_least = NEVER;
    }
    if (d < t->window_least) {
        t->window_least = d;
        t->window_at_ms = arrival_ms;
    }
}

double vb_transport_note(vb_transport *t, double arrival_ms, double media_ms) {
    if (t->known && arrival_ms < t->newest_ms)
        arrival_ms = t->newest_ms;
    t->newest_ms = arrival_ms;
    const double d = arrival_ms - media_ms;
    const double bucket = floor(arrival_ms / BUCKET_MS) + ORIGIN;
    const int64_t now = vb_to_i64(bucket > 0.0 ? bucket : 0.0);
    if (!t->known) {
        for (int i = 0; i < VB_TRANSPORT_BUCKETS; i++)
            t->bucket[i] = NEVER;
        t->bucket_now = now;
        t->least = NEVER;
        t->known = 1;
    } else if (now > t->bucket_now) {
        turn(t, now);
    }
    double *b = &t->bucket[t->bucket_now % VB_TRANSPORT_BUCKETS];
    *b = d < *b ? d : *b;
    t->least = d < t->least ? d : t->least;
    note_window(t, arrival_ms, d);
    const double rel = d - t->least;
    t->bins[bin_of(rel)]++;
    t->n_noted++;
    t->most_ms = rel > t->most_ms ? rel : t->most_ms;
    return rel;
}

double vb_transport_quantile(const vb_transport *t, double share) {
    const double want = share * (double)t->n_noted;
    uint64_t n = 0;
    for (size_t i = 0; i < VB_TRANSPORT_BINS && t->n_noted > 0; i++) {
        n += t->bins[i];
        if ((double)n >= want)
            return bin_top(i) < t->most_ms ? bin_top(i) : t->most_ms;
    }
    return 0.0;
}

static int compare(const void *a, const void *b) {
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

int vb_transport_drift(const vb_transport *t, double *ppm) {
    float slope[VB_TRANSPORT_WINDOWS * (VB_TRANSPORT_WINDOWS - 1) / 2];
    size_t n = 0;
    *ppm = 0.0;
    if (t->n_windows < VB_TRANSPORT_MIN_WINDOWS)
        return 0;
    for (size_t i = 0; i < t->n_windows; i++) {
        for (size_t j = 0; j < i; j++) {
            const double dt = t->at_ms[i] - t->at_ms[j];
            if (dt != 0.0)
                slope[n++] = (float)((t->low_ms[i] - t->low_ms[j]) / dt);
        }
    }
    if (n == 0)
        return 0;
    qsort(slope, n, sizeof *slope, compare);
    *ppm = 1e6 * 0.5 * ((double)slope[n / 2] + (double)slope[(n - 1) / 2]);
    return 1;
}

int vb_transport_valid(const vb_transport *t) {
    return t->n_windows <= VB_TRANSPORT_WINDOWS && t->next_window < VB_TRANSPORT_WINDOWS && t->bucket_now >= 0;
}
