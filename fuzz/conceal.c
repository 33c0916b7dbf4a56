/* The concealer: any order of calls; splits and levels give the same bits; the state stays valid. */
#include "fuzz.h"
#include "vb_ar.h"
#include "vb_conceal.h"
#include "vb_stretch.h"

enum { BANK = 8192 };

static int16_t *piece(input *in, uint64_t style, size_t n) {
    static int16_t bank[BANK];
    const size_t at = take(in, 1) * 16 % (BANK / 2);
    int16_t *x = room(n * sizeof *x);
    sound_i16(bank, at + n, style, 7);
    memcpy(x, bank + at, n * sizeof *x);
    return x;
}

static void good_or_lost(input *in, vb_conceal *c, const int16_t *src, size_t n) {
    vb_conceal twin = *c;
    int16_t *y = room(n * sizeof *y), *z = room(n * sizeof *z);
    const size_t k = n ? take(in, 1) % (n + 1) : 0;
    vb_ar_select(level_of(take(in, 1)));
    if (src != NULL)
        vb_conceal_good(c, src, y, n);
    else
        vb_conceal_lost(c, y, n);
    vb_ar_select(VB_SIMD_SCALAR);
    if (src != NULL)
        vb_conceal_good(&twin, src, z, k), vb_conceal_good(&twin, src + k, z + k, n - k);
    else
        vb_conceal_lost(&twin, z, k), vb_conceal_lost(&twin, z + k, n - k);
    expect(memcmp(y, z, n * sizeof *y) == 0, "two pieces give the bits of one");
    free(y), free(z);
}

static void bridge(input *in, vb_conceal *c, uint64_t style, size_t n) {
    vb_conceal twin = *c;
    const size_t m = take(in, 1) * 2, cap = n + 1 + take(in, 1), at = take(in, 2) % cap;
    int16_t *next = piece(in, style, m), *y = room(n * sizeof *y), *ring = room(cap * sizeof *ring);
    vb_ar_select(level_of(take(in, 1)));
    vb_conceal_bridge(c, y, n, next, m);
    vb_ar_select(VB_SIMD_SCALAR);
    vb_conceal_bridge_ring(&twin, ring, cap, at, n, next, m);
    for (size_t i = 0; i < n; i++)
        expect(ring[(at + i) % cap] == y[i], "a ring gets the same bits");
    free(next), free(y), free(ring);
}

static void period(input *in, const int16_t *x, uint32_t rate_hz) {
    const size_t n = take(in, 1) % (rate_hz / 1000 * 17) + 1,
                 found = vb_stretch_period(x + rate_hz / 1000 * 35 - n, n, rate_hz);
    expect(found == 0 || (found >= rate_hz / 200 && found <= rate_hz / 1000 * 15), "a pitch period");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    input in = {data, size};
    const uint64_t form = take(&in, 1);
    const uint32_t rate_hz = form & 1 ? 16000 : 8000;
    vb_conceal c;
    vb_conceal_init(&c, rate_hz, (vb_conceal_method)((form >> 1) % 3));
    for (int k = 0; in.left && k < 60; k++) {
        const uint64_t how = take(&in, 1), style = how >> 5;
        const size_t n = take(&in, 1) * (how & 16 ? 8 : 2);
        int16_t *x = piece(&in, style, n < 600 ? 600 : n);
        switch (how & 7) {
        case 0:
        case 1:
            vb_conceal_heard(&c, x, n);
            break;
        case 2:
            good_or_lost(&in, &c, x, n);
            break;
        case 3:
        case 4:
            good_or_lost(&in, &c, NULL, n);
            break;
        case 5:
            bridge(&in, &c, style, n);
            break;
        case 6: {
            float y[400];
            const size_t m = take(&in, 1) % (rate_hz / 50 + 1);
            vb_conceal_open(&c, (vb_conceal_method)(take(&in, 1) % 3));
            vb_conceal_peek(&c, y, m);
            for (size_t i = 0; i < m; i++)
                expect(isfinite(y[i]), "what is peeked at is finite");
            break;
        }
        default:
            vb_conceal_background(&c, (float)(take(&in, 2) % 416), ((float)take(&in, 1) - 127.0F) / 142.0F,
                                  (float)take(&in, 1));
            period(&in, x, rate_hz);
        }
        expect(vb_conceal_valid(&c), "the state is valid");
        free(x);
    }
    return 0;
}
