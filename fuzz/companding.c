/* G.711 and 16-bit PCM: every level gives the bits of the scalar functions at any address, and stays within its room.
 */
#include "fuzz.h"
#include "vb_g711.h"
#include "vb_l16.h"

enum { MOST = 4096 };

/* n bytes of the input, again and again, at an address that is `shift` off. */
static uint8_t *bytes_of(input *in, size_t n, size_t shift) {
    uint8_t *x = room(n + shift);
    for (size_t i = 0; i < n; i++)
        x[shift + i] = in->left ? in->at[i % in->left] : (uint8_t)i;
    return x;
}

static void codes(const uint8_t *src, size_t n, size_t shift, vb_simd level) {
    int16_t *fast = room((n + 1) * sizeof *fast), *plain = room(n * sizeof *plain);
    int16_t *to = (int16_t *)(void *)((char *)fast + (shift & 1));
    uint8_t *back = room(n);
    for (int law = 0; law < 2; law++) {
        vb_g711_select(level);
        (law ? vb_alaw_decode : vb_ulaw_decode)(src, to, n);
        (law ? vb_alaw_encode : vb_ulaw_encode)(to, back, n);
        vb_g711_select(VB_SIMD_SCALAR);
        (law ? vb_alaw_decode : vb_ulaw_decode)(src, plain, n);
        expect(memcmp(to, plain, n * sizeof *plain) == 0, "codes expand to the same samples");
        for (size_t i = 0; i < n; i++)
            expect(back[i] == src[i] || (!law && src[i] == 0x7F && back[i] == 0xFF), "a code comes back");
    }
    free(fast), free(plain), free(back);
}

static void samples(const uint8_t *bytes, size_t n, vb_simd level) {
    const int16_t *src = (const int16_t *)(const void *)bytes;
    uint8_t *fast = room(n), *plain = room(n);
    for (int law = 0; law < 2; law++) {
        vb_g711_select(level);
        (law ? vb_alaw_encode : vb_ulaw_encode)(src, fast, n);
        vb_g711_select(VB_SIMD_SCALAR);
        (law ? vb_alaw_encode : vb_ulaw_encode)(src, plain, n);
        expect(memcmp(fast, plain, n) == 0, "samples become the same codes");
    }
    free(fast), free(plain);
    float *f = room(n * sizeof *f), *g = room(n * sizeof *g);
    int16_t *back = room(n * sizeof *back), *turned = room(n * sizeof *turned);
    vb_l16_select(level);
    vb_l16_to_float(src, f, n);
    expect(vb_l16_to_int16(f, back, n) == VB_OK && memcmp(back, bytes, n * sizeof *back) == 0, "floats come back");
    vb_l16_swap(bytes, turned, n);
    vb_l16_select(VB_SIMD_SCALAR);
    vb_l16_to_float(src, g, n);
    expect(memcmp(f, g, n * sizeof *f) == 0, "samples become the same floats");
    vb_l16_swap(turned, back, n);
    expect(memcmp(back, bytes, n * sizeof *back) == 0, "turned twice is as it was");
    free(f), free(g), free(back), free(turned);
}

static void floats(const uint8_t *bytes, size_t n, vb_simd level) {
    float *src = room(n * sizeof *src);
    memcpy(src, bytes, n * sizeof *src);
    int16_t *fast = room(n * sizeof *fast), *plain = room(n * sizeof *plain);
    int finite = 1;
    for (size_t i = 0; i < n; i++)
        finite = finite && isfinite(src[i]);
    vb_l16_select(level);
    const vb_status got = vb_l16_to_int16(src, fast, n);
    vb_l16_select(VB_SIMD_SCALAR);
    expect(got == vb_l16_to_int16(src, plain, n) && got == (finite ? VB_OK : VB_ERR_NOT_FINITE),
           "which floats there are");
    expect(!finite || memcmp(fast, plain, n * sizeof *fast) == 0, "floats become the same samples");
    free(src), free(fast), free(plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    input in = {data, size};
    const vb_simd level = level_of(take(&in, 1));
    const size_t shift = take(&in, 1) & 31, n = take(&in, 2) % MOST;
    uint8_t *x = bytes_of(&in, 4 * n, shift);
    codes(x + shift, n, shift, level);
    if ((shift & 1) == 0)
        samples(x + shift, n, level);
    floats(x + shift, n, level);
    free(x);
    return 0;
}
