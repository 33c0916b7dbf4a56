/* The tone detector: any pieces at any levels tell the tones of one call, and damaged states are refused or usable. */
#include "fuzz.h"
#include "vb_tones.h"

enum { MOST = 16000, BLOCK = 800, ROOM = 4096 };

/* Keys of the telephone and other pairs of tones, beside the styles of all harnesses. */
static void pair(void *dst, size_t n, int is_float, double low, double high) {
    for (size_t i = 0; i < n; i++) {
        const double x = 0.2 * (sin(low * (double)i) + sin(high * (double)i));
        if (is_float)
            ((float *)dst)[i] = (float)x;
        else
            ((int16_t *)dst)[i] = (int16_t)(32767.0 * x);
    }
}

/* Listen to all, with the room that the kernel asks for at least; returns how many tones were told. */
static size_t process(vb_tones *t, const char *src, size_t n, int is_float, vb_tone *told, size_t cap) {
    size_t done = 0, n_told = 0;
    while (done < n) {
        size_t now;
        expect(cap - n_told >= VB_TONES_PER_HOP, "a hop tells no more than its share");
        done += vb_tones_process(t, src + done * (is_float ? sizeof(float) : sizeof(int16_t)), n - done, is_float,
                                 told + n_told, VB_TONES_PER_HOP, &now);
        expect(now <= VB_TONES_PER_HOP, "the room is kept");
        n_told += now;
    }
    return n_told;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    input in = {data, size};
    const uint64_t form = take(&in, 1);
    const uint32_t rate_hz = form & 1 ? 16000 : 8000;
    const int is_float = form >> 1 & 1;
    const size_t item = is_float ? sizeof(float) : sizeof(int16_t), n = 1 + take(&in, 2) % MOST;
    char *src = room(n * item);
    for (size_t at = 0; at < n; at += BLOCK) {
        const size_t m = n - at < BLOCK ? n - at : BLOCK;
        const uint64_t style = take(&in, 1);
        void *to = src + at * item;
        if (style & 8)
            pair(to, m, is_float, 0.2 + (double)(style >> 4) * 0.04, 0.2 + (double)take(&in, 1) * 0.006);
        else if (is_float)
            sound_f32(to, m, style, (uint32_t)style);
        else
            sound_i16(to, m, style, (uint32_t)style);
    }
    expect(!is_float || vb_tones_check(src, n) == VB_OK, "finite");
    vb_tones *whole = room(sizeof *whole), *parts = room(sizeof *parts);
    vb_tone *once = room(ROOM * sizeof *once), *pieces = room(ROOM * sizeof *pieces);
    memset(once, 0, ROOM * sizeof *once), memset(pieces, 0, ROOM * sizeof *pieces);
    expect(vb_tones_init(whole, rate_hz) == VB_OK && vb_tones_init(parts, rate_hz) == VB_OK, "init");
    vb_tones_select(VB_SIMD_SCALAR);
    const size_t n_once = process(whole, src, n, is_float, once, ROOM);
    size_t n_pieces = 0;
    for (size_t done = 0; done < n;) {
        const size_t left = n - done, piece = in.left ? take(&in, 1) * 4 + 1 : left, m = piece < left ? piece : left;
        vb_tones_select(level_of(take(&in, 1)));
        n_pieces += process(parts, src + done * item, m, is_float, pieces + n_pieces, ROOM - n_pieces);
        done += m;
    }
    expect(n_once == n_pieces && memcmp(once, pieces, n_once * sizeof *once) == 0, "pieces tell the same tones");
    expect(memcmp(whole, parts, sizeof *whole) == 0 && vb_tones_valid(parts), "and leave the same state");
    for (int i = 0; i < 4; i++)
        ((char *)parts)[take(&in, 2) % sizeof *parts] ^= (char)take(&in, 1);
    parts->rate_hz = rate_hz;
    if (vb_tones_valid(parts))
        process(parts, src, n, is_float, pieces, ROOM);
    free(src), free(whole), free(parts), free(once), free(pieces);
    return 0;
}
