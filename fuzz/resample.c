/* The resampler: sizes as promised; any pieces at any level give the bits of one call; states move on, damaged ones do
 * no harm. */
#include "fuzz.h"
#include "vb_resample.h"

static size_t process(vb_resample *s, const void *src, size_t n, void *dst, size_t cap) {
    size_t n_out;
    expect(vb_resample_process(s, src, n, dst, cap, &n_out) == VB_OK && n_out == cap, "process");
    return n_out;
}

static vb_resample *create(const vb_resample_design *design, vb_resample_format format) {
    vb_resample *s;
    expect(vb_resample_create(design, format, &s) == VB_OK, "create");
    return s;
}

static vb_resample *moved(vb_resample *s, const vb_resample_design *design, vb_resample_format format) {
    const size_t size = vb_resample_state_size(s);
    void *bytes = room(size);
    vb_resample *to = create(design, format);
    vb_resample_save(s, bytes);
    expect(vb_resample_load(to, bytes, size) == VB_OK, "load");
    vb_resample_destroy(s);
    free(bytes);
    return to;
}

static void damage(input *in, vb_resample *s, const vb_resample_design *design, vb_resample_format format,
                   const void *src, size_t n) {
    const size_t size = vb_resample_state_size(s);
    char *bytes = room(size);
    vb_resample *to = create(design, format);
    vb_resample_save(s, bytes);
    for (int i = 0; i < 8; i++)
        bytes[take(in, 2) % size] ^= (char)take(in, 1);
    if (vb_resample_load(to, bytes, size) == VB_OK) {
        const size_t cap = vb_resample_output_len(to, n);
        void *dst = room(cap * sizeof(float));
        process(to, src, n, dst, cap);
        free(dst);
    }
    vb_resample_destroy(to);
    free(bytes);
}

static uint32_t common_divisor(uint32_t a, uint32_t b) {
    return b ? common_divisor(b, a % b) : a;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint32_t rates[] = {8000,  11025, 12000, 16000, 22050, 24000,  32000, 44100,
                                     48000, 96000, 6000,  37800, 4000,  192000, 8001,  8064};
    input in = {data, size};
    const uint64_t form = take(&in, 1);
    uint32_t up = rates[take(&in, 1) & 15], down = rates[take(&in, 1) & 15];
    const uint32_t common = common_divisor(up, down);
    up /= common, down /= common;
    const uint64_t quality = form & 3;
    vb_resample_design *design;
    const vb_status made = vb_resample_design_create(up, down, (vb_resample_quality)quality, &design);
    expect((made == VB_OK) == (up <= 1000 && down <= 1000 && quality < 3), "which designs there are");
    if (made != VB_OK)
        return 0;
    const int is_float = form >> 2 & 1;
    const vb_resample_format format = is_float ? VB_RESAMPLE_FLOAT32 : VB_RESAMPLE_INT16;
    const size_t item = is_float ? sizeof(float) : sizeof(int16_t), n = take(&in, 2) % 2000;
    void *src = room(n * item);
    const uint64_t style = take(&in, 1);
    if (is_float)
        sound_f32(src, n, style, (uint32_t)style);
    else
        sound_i16(src, n, style, (uint32_t)style);
    vb_resample *whole = create(design, format), *parts = create(design, format);
    const uint32_t fade_in = (uint32_t)take(&in, 1), fade_out = (uint32_t)take(&in, 1);
    const size_t skip = form & 8 ? take(&in, 1) : 0;
    vb_resample_reset(whole, fade_in, fade_out), vb_resample_reset(parts, fade_in, fade_out);
    vb_resample_skip(whole, skip), vb_resample_skip(parts, skip);
    vb_resample_select(VB_SIMD_SCALAR);
    const size_t n_out = vb_resample_output_len(whole, n), all = (size_t)((uint64_t)n * up / down);
    expect(n_out == (all > skip ? all - skip : 0), "the length of the output");
    char *once = room(n_out * item);
    process(whole, src, n, once, n_out);
    for (size_t done = 0, got = 0; done < n;) {
        const size_t left = n - done, piece = in.left ? take(&in, 1) : left, m = piece < left ? piece : left;
        const uint64_t how = take(&in, 1);
        vb_resample_select(level_of(how & 3));
        const size_t cap = vb_resample_output_len(parts, m);
        char *x = room(m * item), *y = room(cap * item);
        memcpy(x, (char *)src + done * item, m * item);
        process(parts, x, m, y, cap);
        expect(got + cap <= n_out && memcmp(once + got * item, y, cap * item) == 0, "pieces give the same bits");
        got += cap, done += m;
        free(x), free(y);
        if (how & 4 && skip == 0)
            parts = moved(parts, design, format);
    }
    const size_t n_tail = vb_resample_flush_len(whole),
                 wanted = (size_t)(((uint64_t)n * up + down - 1) / down) + design->delay;
    expect(n_out + n_tail == (wanted > skip ? wanted - skip : 0), "the length of the whole");
    char *tail = room(n_tail * item), *other = room(n_tail * item);
    size_t got;
    damage(&in, parts, design, format, src, n);
    expect(vb_resample_flush(whole, tail, n_tail, &got) == VB_OK && got == n_tail, "flush");
    expect(vb_resample_flush(parts, other, n_tail, &got) == VB_OK && memcmp(tail, other, n_tail * item) == 0,
           "the same tail");
    vb_resample_destroy(whole), vb_resample_destroy(parts), vb_resample_design_destroy(design);
    free(src), free(once), free(tail), free(other);
    return 0;
}
