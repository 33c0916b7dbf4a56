#include "vb_resample_design.h"

#include <math.h>
#include <stdlib.h>

#include "vb_math.h"
#include "vb_resample_tables.h"

/* Kaiser designs: half-length in samples of the lower rate, and window shape; measured in docs/resample.md. */
static const double kaiser_reach[] = {20.0, 65.0, 9.5};
static const double kaiser_beta[] = {9.4, 10.1, 7.4};

enum { BESSEL_TERMS = 32, SIDE_BY_SIDE = 16 };

/* Halves of the prototype, taps[0] = 1 in the middle. */
static uint32_t prototype_half(uint32_t band, vb_resample_quality quality, const vb_resample_table **table) {
    *table = NULL;
    for (size_t i = 0; i < vb_resample_n_tables; i++) {
        if (vb_resample_tables[i].band == band && vb_resample_tables[i].quality == (uint32_t)quality) {
            *table = &vb_resample_tables[i];
            return (*table)->half;
        }
    }
    if (band == 1)
        return 0;
    return (uint32_t)(kaiser_reach[quality] * (double)band) - 1;
}

static vb_status prototype_kaiser(uint32_t band, vb_resample_quality quality, uint32_t half, double *taps) {
    double bessel[BESSEL_TERMS]; /* I0(x) = sum of (x / 2)^2k / k!^2 */
    double *sine = malloc(band * sizeof *sine);
    if (sine == NULL)
        return VB_ERR_MEMORY;
    for (uint32_t i = 0; i < band; i++)
        sine[i] = vb_sin_pi(i, band);
    bessel[0] = 1.0;
    for (int k = 1; k < BESSEL_TERMS; k++)
        bessel[k] = bessel[k - 1] / ((double)k * (double)k);
    const double z0 = kaiser_beta[quality] * kaiser_beta[quality] / 4.0;
    const double reach = kaiser_reach[quality] * (double)band;
    double at_middle = 0.0;
    for (int k = BESSEL_TERMS - 1; k >= 0; k--)
        at_middle = at_middle * z0 + bessel[k];
    taps[0] = 1.0;
    for (uint32_t start = 1; start <= half; start += SIDE_BY_SIDE) {
        double z[SIDE_BY_SIDE], window[SIDE_BY_SIDE] = {0.0};
        for (uint32_t j = 0; j < SIDE_BY_SIDE; j++) {
            const double place = (double)(start + j) / reach;
            z[j] = z0 * (1.0 - place * place);
        }
        for (int k = BESSEL_TERMS - 1; k >= 0; k--)
            for (int j = 0; j < SIDE_BY_SIDE; j++)
                window[j] = window[j] * z[j] + bessel[k];
        for (uint32_t j = 0; j < SIDE_BY_SIDE && start + j <= half; j++) {
            const uint32_t n = start + j;
            const double sign = n / band % 2 == 0 ? 1.0 : -1.0;
            taps[n] = sign * sine[n % band] * (double)band / (VB_PI * (double)n) * (window[j] / at_middle);
        }
    }
    free(sine);
    return VB_OK;
}

static int64_t floor_div(int64_t a, int64_t b) {
    return a / b - (a % b < 0);
}

static int64_t ceil_div(int64_t a, int64_t b) {
    return -floor_div(-a, b);
}

/* What the layout needs of the numbers of a ratio; kept apart so that the block can be sized before it is filled. */
typedef struct {
    int64_t up, down, half, delay;
} ratio;

static int64_t tap_index(const ratio *r, int64_t phase, int64_t input) {
    return (phase - r->delay) * r->down - input * r->up;
}

static int64_t first_input(const ratio *r, int64_t phase) {
    return ceil_div((phase - r->delay) * r->down - r->half, r->up);
}

static int64_t last_input(const ratio *r, int64_t phase) {
    return floor_div((phase - r->delay) * r->down + r->half, r->up);
}

static uint32_t round_up(uint32_t n, uint32_t step) {
    return (n + step - 1) / step * step;
}

/* Fill one phase's taps; returns how many taps the lists hold after it. */
static uint32_t lay_phase(vb_resample_design *d, const ratio *r, uint32_t p, const float *half_taps, uint32_t n) {
    vb_resample_phase *phase = &d->phases[p];
    const int64_t first = first_input(r, p), last = last_input(r, p);
    const int64_t twice = 2 * ((int64_t)p - r->delay) * r->down; /* inputs i and twice / up - i share a tap */
    const int folds = twice % r->up == 0;
    for (int pass = 0; pass < 2; pass++) { /* pairs, then singles */
        *(pass == 0 ? &phase->pairs : &phase->singles) = n;
        for (int64_t i = first; i <= last; i++) {
            const int64_t index = tap_index(r, p, i);
            const float tap = half_taps[index < 0 ? -index : index];
            const int paired = folds && index != 0;
            if (tap == 0.0f || paired != (pass == 0) || (paired && index < 0))
                continue;
            const int64_t mirror = paired ? twice / r->up - i : i;
            const int64_t near_period = floor_div(i, r->down), far_period = floor_div(mirror, r->down);
            d->taps[n] = tap;
            d->near_at[n] = (int32_t)((i - near_period * r->down) * d->stride + d->history + near_period);
            d->far_at[n] = (int32_t)((mirror - far_period * r->down) * d->stride + d->history + far_period);
            n++;
        }
        *(pass == 0 ? &phase->n_pairs : &phase->n_singles) = n - *(pass == 0 ? &phase->pairs : &phase->singles);
    }
    return n;
}

/* Fill one row of the dot kernel; a window ends at the newest input that its output needs, zeros come before. */
static void lay_row(vb_resample_design *d, const ratio *r, uint32_t p, const float *half_taps) {
    const int64_t first = first_input(r, p), start = last_input(r, p) - d->row + 1;
    float *row = d->taps + (size_t)p * d->row;
    for (uint32_t t = 0; t < d->row; t++) {
        const int64_t i = start + t;
        const int64_t index = tap_index(r, p, i);
        row[t] = i < first ? 0.0f : half_taps[index < 0 ? -index : index];
    }
    d->near_at[p] = (int32_t)(start + d->history);
}

static void size_across(vb_resample_design *d, const ratio *r) {
    const uint32_t longest = d->up > d->down ? d->up : d->down;
    d->history = (uint32_t)-floor_div(first_input(r, 0), r->down);
    d->keep = d->history + 1;
    d->periods = VB_RESAMPLE_BLOCK / longest / VB_RESAMPLE_LANES * VB_RESAMPLE_LANES;
    /* One period may be begun, and the last step of the kernel reads up to 16 periods that it does not need. */
    d->stride = round_up(d->keep + d->periods + VB_RESAMPLE_LANES, VB_RESAMPLE_LANES);
}

static void size_dot(vb_resample_design *d, const ratio *r) {
    int64_t widest = 0;
    for (uint32_t p = 0; p < d->up; p++) {
        const int64_t width = last_input(r, p) - first_input(r, p) + 1;
        widest = width > widest ? width : widest;
    }
    d->row = round_up((uint32_t)widest, VB_RESAMPLE_LANES);
    d->history = (uint32_t)(d->row - 1 - last_input(r, 0));
    d->keep = d->history + d->down;
    const uint32_t longest = d->up > d->down ? d->up : d->down;
    d->periods = VB_RESAMPLE_BLOCK > longest ? VB_RESAMPLE_BLOCK / longest : 1;
    d->stride = round_up(d->history + (d->periods + 1) * d->down, VB_RESAMPLE_LANES);
}

/* Count the taps, place the arrays behind the struct, fill them. */
static vb_status lay_out(const vb_resample_design *sizes, const ratio *r, const float *half_taps,
                         vb_resample_design **design) {
    size_t n_taps = 0;
    if (sizes->across) {
        for (uint32_t p = 0; p < sizes->up; p++)
            n_taps += (size_t)(last_input(r, p) - first_input(r, p) + 1);
    } else {
        n_taps = (size_t)sizes->up * sizes->row;
    }
    const size_t n_near = sizes->across ? n_taps : sizes->up, n_far = sizes->across ? n_taps : 0;
    const size_t bytes = sizeof *sizes + sizes->up * sizeof(vb_resample_phase) + n_taps * sizeof(float) +
                         (n_near + n_far) * sizeof(int32_t);
    vb_resample_design *d = malloc(bytes);
    if (d == NULL)
        return VB_ERR_MEMORY;
    *d = *sizes;
    d->phases = (vb_resample_phase *)(d + 1);
    d->taps = (float *)(void *)(d->phases + d->up);
    d->near_at = (int32_t *)(void *)(d->taps + n_taps);
    d->far_at = d->near_at + n_near;
    d->n_taps = (uint32_t)n_taps;
    if (d->across) {
        uint32_t n = 0;
        for (uint32_t p = 0; p < d->up; p++)
            n = lay_phase(d, r, p, half_taps, n);
        d->n_taps = n;
    } else {
        for (uint32_t p = 0; p < d->up; p++)
            lay_row(d, r, p, half_taps);
    }
    *design = d;
    return VB_OK;
}

static uint32_t common_divisor(uint32_t a, uint32_t b) {
    while (b != 0) {
        const uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

vb_status vb_resample_design_create(uint32_t up, uint32_t down, vb_resample_quality quality,
                                    vb_resample_design **design) {
    *design = NULL;
    if (up < 1 || down < 1 || up > VB_RESAMPLE_MAX_TERM || down > VB_RESAMPLE_MAX_TERM ||
        common_divisor(up, down) != 1 || (int)quality < VB_RESAMPLE_VOICE || quality > VB_RESAMPLE_FAST)
        return VB_ERR_ARGUMENT;
    const uint32_t band = up > down ? up : down;
    const vb_resample_table *table;
    const uint32_t half = prototype_half(band, quality, &table);
    double *prototype = malloc((half + 1) * sizeof *prototype);
    float *half_taps = malloc((half + 1) * sizeof *half_taps);
    vb_status status = prototype == NULL || half_taps == NULL ? VB_ERR_MEMORY : VB_OK;
    if (status == VB_OK && table == NULL)
        status = prototype_kaiser(band, quality, half, prototype);
    if (status == VB_OK) {
        const double gain = (double)up / (double)band;
        for (uint32_t n = 0; n <= half; n++) {
            if (table != NULL)
                prototype[n] = n == 0 ? 1.0 : (double)table->taps[n - 1];
            half_taps[n] = n > 0 && n % band == 0 ? 0.0f : (float)(gain * prototype[n]);
        }
        const ratio r = {up, down, half, half / down};
        vb_resample_design sizes = {.up = up, .down = down, .half = half, .delay = half / down};
        sizes.across = band <= VB_RESAMPLE_PLANES_MAX;
        if (sizes.across)
            size_across(&sizes, &r);
        else
            size_dot(&sizes, &r);
        status = lay_out(&sizes, &r, half_taps, design);
    }
    free(prototype);
    free(half_taps);
    return status;
}

void vb_resample_design_destroy(vb_resample_design *design) {
    free(design);
}
