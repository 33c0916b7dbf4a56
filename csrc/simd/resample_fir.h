/*
 * resample_fir.h - the two sums of the resampler, for vectors of VB_FIR_LANES floats.
 *
 * Included once per instruction set, with VB_FIR_LANES (1, 4, 8 or 16), VB_FIR_BLOCK (outputs that one pass of the
 * across kernel keeps in registers) and VB_FIR(name) defined; all are undefined at the end. The order in which the
 * products of one output are added never depends on them:
 *
 *   across  many outputs side by side, one tap at a time, in the order of the list: sum[j] += tap * x[offset + j]
 *   dot     16 partial sums, lane l takes the products l, l + 16, l + 32 ...; then a fixed tree joins the lanes:
 *           l with l + 8, l with l + 4, and the four that are left as (0 + 2) + (1 + 3)
 */
#if VB_FIR_LANES == 1
typedef float VB_FIR(vec);
#else
typedef float VB_FIR(vec) __attribute__((vector_size(4 * VB_FIR_LANES), aligned(4), may_alias));
#endif

/* VB_FIR_LANES * n_vec outputs of one phase, side by side; n_vec is a constant where this is inlined. */
VB_INLINE void VB_FIR(across_pass)(const vb_resample_design *d, const vb_resample_phase *phase, const float *restrict x,
                                   float *restrict dst, const int n_vec) {
    VB_FIR(vec) sum[VB_FIR_BLOCK / VB_FIR_LANES] = {0};
    const float *restrict taps = d->taps + phase->pairs;
    const int32_t *restrict near_at = d->near_at + phase->pairs;
    const int32_t *restrict far_at = d->far_at + phase->pairs;
    for (uint32_t t = 0; t < phase->n_pairs; t++) {
        const float tap = taps[t];
        const float *a = x + near_at[t], *b = x + far_at[t];
        for (int j = 0; j < n_vec; j++)
            sum[j] +=
                tap * (*(const VB_FIR(vec) *)(a + VB_FIR_LANES * j) + *(const VB_FIR(vec) *)(b + VB_FIR_LANES * j));
    }
    taps = d->taps + phase->singles;
    near_at = d->near_at + phase->singles;
    for (uint32_t t = 0; t < phase->n_singles; t++) {
        const float tap = taps[t];
        const float *a = x + near_at[t];
        for (int j = 0; j < n_vec; j++)
            sum[j] += tap * *(const VB_FIR(vec) *)(a + VB_FIR_LANES * j);
    }
    for (int j = 0; j < n_vec; j++)
        *(VB_FIR(vec) *)(dst + VB_FIR_LANES * j) = sum[j];
}

/*
 * Outputs of n_periods periods for every phase, rounded up to whole vectors: dst[phase * d->periods + period]. The
 * planes and dst have room for the rounding; what is computed too much there is never used.
 */
VB_INLINE void VB_FIR(across_body)(const vb_resample_design *d, const float *planes, float *dst, uint32_t n_periods) {
    for (uint32_t p = 0; p < d->up; p++) {
        uint32_t done = 0;
        for (; done + VB_FIR_BLOCK <= n_periods; done += VB_FIR_BLOCK)
            VB_FIR(across_pass)
        (d, &d->phases[p], planes + done, dst + p * d->periods + done, VB_FIR_BLOCK / VB_FIR_LANES);
        for (; done < n_periods; done += VB_RESAMPLE_LANES)
            VB_FIR(across_pass)
        (d, &d->phases[p], planes + done, dst + p * d->periods + done, VB_RESAMPLE_LANES / VB_FIR_LANES);
    }
}

/* The first two steps of the tree: 16 lanes to 4. */
VB_INLINE void VB_FIR(join)(const float *lanes, float *quad) {
#if VB_FIR_LANES == 1
    for (int l = 0; l < 4; l++)
        quad[l] = (lanes[l] + lanes[l + 8]) + (lanes[l + 4] + lanes[l + 12]);
#else
    const fir_quad *part = (const fir_quad *)lanes;
    *(fir_quad *)quad = (part[0] + part[2]) + (part[1] + part[3]);
#endif
}

/* n_rows neighbouring outputs in each of n_periods (both constants where this is inlined): 4 lanes each to quads. */
VB_INLINE void VB_FIR(dot_pass)(const vb_resample_design *d, uint32_t row, const float *restrict x,
                                float *restrict quads, const size_t n_rows, const size_t n_periods) {
    enum { N = VB_RESAMPLE_LANES / VB_FIR_LANES };
    VB_FIR(vec) sum[4][N];
    const float *window[4];
    const float *restrict taps = d->taps + (size_t)row * d->row;
    const size_t width = d->row;
    memset(sum, 0, sizeof sum);
    for (size_t i = 0; i < n_rows; i++)
        for (size_t m = 0; m < n_periods; m++)
            window[i * n_periods + m] = x + d->near_at[row + i] + m * d->down;
    for (size_t t = 0; t < width; t += VB_RESAMPLE_LANES) {
        for (size_t i = 0; i < n_rows; i++) {
            for (size_t j = 0; j < N; j++) {
                VB_FIR(vec) tap = *(const VB_FIR(vec) *)(taps + i * width + t + VB_FIR_LANES * j);
                FIR_PIN(tap);
                for (size_t m = i * n_periods; m < (i + 1) * n_periods; m++)
                    sum[m][j] += tap * *(const VB_FIR(vec) *)(window[m] + t + VB_FIR_LANES * j);
            }
        }
    }
    for (size_t i = 0; i < n_rows; i++)
        for (size_t m = 0; m < n_periods; m++)
            VB_FIR(join)((const float *)sum[i * n_periods + m], quads + 4 * (i + m * d->up));
}

/* Outputs first <= k < last of the current block, dst[k - first]; quads has room for 4 floats an output. */
VB_INLINE void VB_FIR(dot_body)(const vb_resample_design *d, const float *x, float *quads, float *dst, uint32_t first,
                                uint32_t last) {
    uint32_t k = first;
    while (k < last) {
        const uint32_t period = k / d->up, row = k % d->up;
        const uint32_t in_period = last - k < d->up - row ? last - k : d->up - row; /* outputs left of this period */
        const float *at = x + (size_t)period * d->down;
        float *quad = quads + 4 * (size_t)(k - first);
        /* How many of them have a twin in the next period, with the same taps. */
        const uint32_t twins = last - k > d->up ? (last - k - d->up < in_period ? last - k - d->up : in_period) : 0;
        uint32_t i = 0;
        for (; VB_FIR_LANES > 4 && i + 2 <= twins; i += 2) /* four outputs' sums need 16 registers of 4 lanes */
            VB_FIR(dot_pass)(d, row + i, at, quad + 4 * (size_t)i, 2, 2);
        for (; i < twins; i++)
            VB_FIR(dot_pass)(d, row + i, at, quad + 4 * (size_t)i, 1, 2);
        for (; VB_FIR_LANES > 4 && i + 4 <= in_period; i += 4)
            VB_FIR(dot_pass)(d, row + i, at, quad + 4 * (size_t)i, 4, 1);
        for (; i + 2 <= in_period; i += 2)
            VB_FIR(dot_pass)(d, row + i, at, quad + 4 * (size_t)i, 2, 1);
        for (; i < in_period; i++)
            VB_FIR(dot_pass)(d, row + i, at, quad + 4 * (size_t)i, 1, 1);
        k += in_period;
        if (twins == d->up)
            k += d->up;
    }
    uint32_t j = 0;
#ifdef FIR_SHUFFLE
    for (; j + 4 <= last - first; j += 4) {
        const fir_quad *q = (const fir_quad *)(quads + 4 * (size_t)j);
        const fir_quad a = FIR_SHUFFLE(q[0], q[1], 0, 1, 4, 5) + FIR_SHUFFLE(q[0], q[1], 2, 3, 6, 7);
        const fir_quad b = FIR_SHUFFLE(q[2], q[3], 0, 1, 4, 5) + FIR_SHUFFLE(q[2], q[3], 2, 3, 6, 7);
        *(fir_quad *)(dst + j) = FIR_SHUFFLE(a, b, 0, 2, 4, 6) + FIR_SHUFFLE(a, b, 1, 3, 5, 7);
    }
#endif
    for (; j < last - first; j++)
        dst[j] = (quads[4 * j] + quads[4 * j + 2]) + (quads[4 * j + 1] + quads[4 * j + 3]);
}

#undef VB_FIR
#undef VB_FIR_LANES
#undef VB_FIR_BLOCK
