/*
 * fft.h - the stages of the real transforms, written so that gcc and clang vectorise them.
 *
 * A stage takes transforms of n points, interleaved with stride s, to transforms of n/4 points with stride 4 s:
 *
 *     y[q + s (4 p + k)] = w^(k p) * sum over j of i^(-j k) x[q + s (p + j n/4)]      q < s, p < n/4, k < 4
 *
 * so every pass reads and writes straight through memory and no bit reversal is left to do. An inverse transform is a
 * forward one with the real and imaginary parts swapped on both sides.
 */
#ifndef VB_SIMD_FFT_H
#define VB_SIMD_FFT_H

#include "../vb_simd.h"

VB_INLINE void vb_fft_radix4(int n, int s, const float *restrict w, const float *restrict xr, const float *restrict xi,
                             float *restrict yr, float *restrict yi) {
    const int m = n / 4;
    const float *restrict c1 = w, *restrict s1 = w + m, *restrict c2 = w + 2 * m, *restrict s2 = w + 3 * m,
                          *restrict c3 = w + 4 * m, *restrict s3 = w + 5 * m;
    for (int p = 0; p < m; p++) {
        const float w1r = c1[p], w1i = s1[p], w2r = c2[p], w2i = s2[p], w3r = c3[p], w3i = s3[p];
        for (int q = 0; q < s; q++) {
            const int i0 = q + s * p, i1 = i0 + s * m, i2 = i1 + s * m, i3 = i2 + s * m;
            const int o = q + s * 4 * p;
            const float apc_r = xr[i0] + xr[i2], apc_i = xi[i0] + xi[i2];
            const float amc_r = xr[i0] - xr[i2], amc_i = xi[i0] - xi[i2];
            const float bpd_r = xr[i1] + xr[i3], bpd_i = xi[i1] + xi[i3];
            const float bmd_r = xr[i1] - xr[i3], bmd_i = xi[i1] - xi[i3];
            const float u1r = amc_r + bmd_i, u1i = amc_i - bmd_r; /* a - i b - c + i d */
            const float u2r = apc_r - bpd_r, u2i = apc_i - bpd_i;
            const float u3r = amc_r - bmd_i, u3i = amc_i + bmd_r;
            yr[o] = apc_r + bpd_r;
            yi[o] = apc_i + bpd_i;
            yr[o + s] = u1r * w1r - u1i * w1i;
            yi[o + s] = u1r * w1i + u1i * w1r;
            yr[o + 2 * s] = u2r * w2r - u2i * w2i;
            yi[o + 2 * s] = u2r * w2i + u2i * w2r;
            yr[o + 3 * s] = u3r * w3r - u3i * w3i;
            yi[o + 3 * s] = u3r * w3i + u3i * w3r;
        }
    }
}

/* From transforms of n points to n/2 points; w: w^p, p < n/2. */
VB_INLINE void vb_fft_radix2(int n, int s, const float *restrict w, const float *restrict xr, const float *restrict xi,
                             float *restrict yr, float *restrict yi) {
    const int m = n / 2;
    for (int p = 0; p < m; p++) {
        const float wr = w[p], wi = w[m + p];
        for (int q = 0; q < s; q++) {
            const int i0 = q + s * p, i1 = i0 + s * m, o = q + s * 2 * p;
            const float ur = xr[i0] - xr[i1], ui = xi[i0] - xi[i1];
            yr[o] = xr[i0] + xr[i1];
            yi[o] = xi[i0] + xi[i1];
            yr[o + s] = ur * wr - ui * wi;
            yi[o + s] = ur * wi + ui * wr;
        }
    }
}

/* The last stage: transforms of 3 points. */
VB_INLINE void vb_fft_radix3_last(int s, const float *restrict xr, const float *restrict xi, float *restrict yr,
                                  float *restrict yi) {
    const float sine = 0.866025404f; /* sin 60 degrees */
    for (int q = 0; q < s; q++) {
        const float sum_r = xr[q + s] + xr[q + 2 * s], sum_i = xi[q + s] + xi[q + 2 * s];
        const float dif_r = sine * (xr[q + s] - xr[q + 2 * s]), dif_i = sine * (xi[q + s] - xi[q + 2 * s]);
        const float mid_r = xr[q] - 0.5f * sum_r, mid_i = xi[q] - 0.5f * sum_i;
        yr[q] = xr[q] + sum_r;
        yi[q] = xi[q] + sum_i;
        yr[q + s] = mid_r + dif_i;
        yi[q + s] = mid_i - dif_r;
        yr[q + 2 * s] = mid_r - dif_i;
        yi[q + 2 * s] = mid_i + dif_r;
    }
}

/* Complex transform of 192 or 384 points in a; b is scratch. w: the stages' twiddles one after the other. */
VB_INLINE void vb_fft_complex(int n, const float *restrict w, float *restrict ar, float *restrict ai,
                              float *restrict br, float *restrict bi) {
    vb_fft_radix4(n, 1, w, ar, ai, br, bi);
    vb_fft_radix4(n / 4, 4, w + 6 * n / 4, br, bi, ar, ai);
    vb_fft_radix4(n / 16, 16, w + 6 * n / 4 + 6 * n / 16, ar, ai, br, bi);
    if (n == 192) {
        vb_fft_radix3_last(64, br, bi, ar, ai);
    } else {
        vb_fft_radix2(6, 64, w + 6 * n / 4 + 6 * n / 16 + 6 * n / 64, br, bi, ar, ai);
        vb_fft_radix3_last(128, ar, ai, br, bi);
        for (int j = 0; j < n; j++) {
            ar[j] = br[j];
            ai[j] = bi[j];
        }
    }
}

/*
 * With z[j] = x[2j] + i x[2j+1], Z = E + i O, where E and O are the spectra of the even and the odd samples:
 *     E[k] = (Z[k] + conj Z[n-k]) / 2,  i O[k] = (Z[k] - conj Z[n-k]) / 2,  X[k] = E[k] + w^k O[k],
 * X[n-k] = conj(E[k] - w^k O[k]), n = points/2.
 */
VB_INLINE void vb_fft_forward_body(int points, const float *restrict stages, const float *restrict wr,
                                   const float *restrict x, float *restrict re, float *restrict im) {
    enum { ROOM = 384 };
    float ar[ROOM], ai[ROOM], br[ROOM], bi[ROOM];
    const int n = points / 2;
    const float *restrict wi = wr + n / 2 + 1;
    for (int j = 0; j < n; j++) {
        ar[j] = x[2 * j];
        ai[j] = x[2 * j + 1];
    }
    vb_fft_complex(n, stages, ar, ai, br, bi);
    re[0] = ar[0] + ai[0];
    im[0] = 0.0f;
    re[n] = ar[0] - ai[0];
    im[n] = 0.0f;
    for (int k = 1; k < n / 2; k++) {
        const float er = 0.5f * (ar[k] + ar[n - k]), ei = 0.5f * (ai[k] - ai[n - k]);
        const float od_r = 0.5f * (ai[k] + ai[n - k]), od_i = 0.5f * (ar[n - k] - ar[k]);
        const float tr = od_r * wr[k] - od_i * wi[k], ti = od_r * wi[k] + od_i * wr[k];
        re[k] = er + tr;
        im[k] = ei + ti;
        re[n - k] = er - tr;
        im[n - k] = ti - ei;
    }
    re[n / 2] = ar[n / 2];
    im[n / 2] = -ai[n / 2];
}

VB_INLINE void vb_fft_inverse_body(int points, const float *restrict stages, const float *restrict wr,
                                   const float *restrict re, const float *restrict im, float *restrict x) {
    enum { ROOM = 384 };
    float ar[ROOM], ai[ROOM], br[ROOM], bi[ROOM];
    const int n = points / 2;
    const float *restrict wi = wr + n / 2 + 1;
    /* Z is made with its parts swapped: ar is the imaginary part. */
    ai[0] = 0.5f * (re[0] + re[n]);
    ar[0] = 0.5f * (re[0] - re[n]);
    for (int k = 1; k < n / 2; k++) {
        const float er = 0.5f * (re[k] + re[n - k]), ei = 0.5f * (im[k] - im[n - k]);
        const float tr = 0.5f * (re[k] - re[n - k]), ti = 0.5f * (im[k] + im[n - k]);
        const float od_r = tr * wr[k] + ti * wi[k], od_i = ti * wr[k] - tr * wi[k];
        ai[k] = er - od_i;
        ar[k] = ei + od_r;
        ai[n - k] = er + od_i;
        ar[n - k] = od_r - ei;
    }
    ai[n / 2] = re[n / 2];
    ar[n / 2] = -im[n / 2];
    vb_fft_complex(n, stages, ar, ai, br, bi);
    for (int j = 0; j < n; j++) {
        x[2 * j] = ai[j];
        x[2 * j + 1] = ar[j];
    }
}

#endif
