/* The suppressor: any pieces at any levels give the bits of one call, and every state can be saved and restored. */
#include "fuzz.h"
#include "vb_denoise.h"

enum { MOST = 6000, BLOCK = 320 };

static void process(vb_denoise *d, int is_float, const void *src, size_t n, void *dst, size_t cap) {
    size_t n_out;
    const vb_status status = is_float ? vb_denoise_process_f32(d, src, n, dst, cap, &n_out)
                                      : vb_denoise_process_i16(d, src, n, dst, cap, &n_out);
    expect(status == VB_OK && n_out == cap, "process");
}

/* A state made of another's bytes. */
static vb_denoise *moved(vb_denoise *d, int rate_hz, int low) {
    vb_denoise *to;
    const size_t size = vb_denoise_state_size(d);
    void *bytes = room(size);
    vb_denoise_save(d, bytes);
    expect(vb_denoise_create(rate_hz, low, 60.0, &to) == VB_OK, "create");
    expect(vb_denoise_restore(to, bytes, size) == VB_OK, "restore");
    vb_denoise_destroy(d);
    free(bytes);
    return to;
}

/* Damaged bytes are refused, or make a state that can be used. */
static void damage(input *in, const vb_denoise *d, int rate_hz, int low, const void *src) {
    const size_t size = vb_denoise_state_size(d);
    char *bytes = room(size);
    vb_denoise_save(d, bytes);
    for (int i = 0; i < 4; i++)
        bytes[take(in, 2) % size] ^= (char)take(in, 1);
    vb_denoise *to;
    expect(vb_denoise_create(rate_hz, low, 60.0, &to) == VB_OK, "create");
    if (vb_denoise_restore(to, bytes, size) == VB_OK) {
        const size_t cap = vb_denoise_max_out(to, 480);
        int16_t *dst = room(cap * sizeof *dst);
        process(to, 0, src, 480, dst, cap);
        free(dst);
    }
    vb_denoise_destroy(to);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    input in = {data, size};
    const uint64_t form = take(&in, 1);
    const int rate_hz = form & 1 ? 16000 : 8000, low = form >> 1 & 1, is_float = form >> 2 & 1;
    const double level = 60.0 + (double)take(&in, 2) / 65535.0 * 40.0;
    const size_t item = is_float ? sizeof(float) : sizeof(int16_t), n = 480 + take(&in, 2) % (MOST - 480);
    char *src = room(n * item);
    for (size_t at = 0; at < n; at += BLOCK) {
        const size_t m = n - at < BLOCK ? n - at : BLOCK;
        const uint64_t style = take(&in, 1);
        if (is_float)
            sound_f32((float *)(void *)(src + at * item), m, style, (uint32_t)style);
        else
            sound_i16((int16_t *)(void *)(src + at * item), m, style, (uint32_t)style);
    }
    vb_denoise *whole, *parts;
    expect(vb_denoise_create(rate_hz, low, level, &whole) == VB_OK, "create");
    expect(vb_denoise_create(rate_hz, low, level, &parts) == VB_OK, "create");
    vb_denoise_select(VB_SIMD_SCALAR);
    const size_t n_out = vb_denoise_max_out(whole, n);
    char *once = room(n_out * item), *pieces = room(n_out * item);
    process(whole, is_float, src, n, once, n_out);
    for (size_t i = 0; is_float && i < n_out; i++)
        expect(fabsf(((float *)(void *)once)[i]) < 1e7F, "the output is finite and bounded");
    for (size_t done = 0, got = 0; done < n;) {
        const size_t left = n - done, piece = in.left ? take(&in, 1) * 4 + 1 : left, m = piece < left ? piece : left;
        const uint64_t how = take(&in, 1);
        vb_denoise_select(level_of(how & 3));
        const size_t cap = vb_denoise_max_out(parts, m);
        char *x = room(m * item), *y = room(cap * item);
        memcpy(x, src + done * item, m * item);
        process(parts, is_float, x, m, y, cap);
        expect(got + cap <= n_out && memcmp(once + got * item, y, cap * item) == 0, "pieces give the same bits");
        got += cap, done += m;
        free(x), free(y);
        if (how & 4)
            parts = moved(parts, rate_hz, low);
    }
    vb_denoise_info info;
    vb_denoise_get_info(whole, &info);
    expect(isfinite(info.noise_power) && isfinite(info.speech_power) && info.speech_probability >= 0.0F &&
               info.speech_probability <= 1.0F,
           "what is known of the stream");
    damage(&in, parts, rate_hz, low, src);
    vb_denoise_destroy(whole), vb_denoise_destroy(parts);
    free(src), free(once), free(pieces);
    return 0;
}
