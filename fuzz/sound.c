/* The sound guard: any bytes taken for any code at any rate; splits and levels give the same findings. */
#include "fuzz.h"
#include "vb_sound.h"

static void push(vb_sound *s, const uint8_t *x, size_t n, vb_sound_finding *all, size_t *n_all) {
    vb_sound_finding found[VB_SOUND_KINDS];
    size_t n_found = 0;
    if (s->w == NULL && vb_sound_needs_window(s, n))
        s->w = memset(room(vb_sound_window_size(s)), 0, vb_sound_window_size(s));
    const vb_status status = vb_sound_push(s, x, n, found, &n_found);
    expect(status == VB_OK || (s->code == VB_SOUND_FLOAT && status == VB_ERR_NOT_FINITE), "push");
    expect(n_found <= VB_SOUND_KINDS && *n_all + n_found <= VB_SOUND_KINDS, "each kind once");
    if (vb_sound_done(s))
        free(s->w), s->w = NULL;
    memcpy(all + *n_all, found, n_found * sizeof *found);
    *n_all += n_found;
}

/* n bytes: of the input, or sounds of a style in 16 bits. */
static uint8_t *bytes(input *in, size_t n) {
    const uint64_t style = take(in, 1);
    uint8_t *x = room(n + 1);
    if (style & 8)
        sound_i16((int16_t *)(void *)x, n / 2, style, (uint32_t)style >> 4);
    for (size_t i = style & 8 ? n / 2 * 2 : 0; i < n; i++)
        x[i] = in->left ? in->at[i % in->left] : (uint8_t)(i * 7);
    return x;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint32_t rates[] = {8000, 16000, 8001, 11025, 22050, 24000, 44100, 48000};
    input in = {data, size};
    const uint64_t form = take(&in, 1);
    const vb_sound_code code = (vb_sound_code)(form % 5);
    const uint32_t rate_hz = rates[form >> 5];
    vb_sound *whole = room(sizeof *whole), *parts = room(sizeof *parts);
    vb_sound_finding a[VB_SOUND_KINDS], b[VB_SOUND_KINDS];
    size_t n_a = 0, n_b = 0;
    expect(vb_sound_init(whole, code, rate_hz) == VB_OK && vb_sound_init(parts, code, rate_hz) == VB_OK, "init");
    for (int k = 0; in.left && k < 20; k++) {
        const uint64_t how = take(&in, 1);
        size_t n = take(&in, 2) % 20000;
        if (code == VB_SOUND_FLOAT)
            n -= n % sizeof(float);
        uint8_t *x = bytes(&in, n);
        if (code == VB_SOUND_FLOAT)
            sound_f32((float *)(void *)x, n / sizeof(float), how >> 4, (uint32_t)k);
        vb_sound_select(level_of(how & 3));
        push(whole, x, n, a, &n_a);
        vb_sound_select(VB_SIMD_SCALAR);
        for (size_t done = 0; done < n;) {
            const size_t piece = 4 * (1 + take(&in, 2) % 4000), m = piece < n - done ? piece : n - done;
            push(parts, x + done, m, b, &n_b);
            done += m;
        }
        if (how & 4)
            vb_sound_listen(whole), vb_sound_listen(parts);
        expect(vb_sound_done(whole) == vb_sound_done(parts), "the ear is open or closed");
        expect(vb_sound_valid(whole) && vb_sound_valid(parts), "the state is valid");
        free(x);
    }
    expect(n_a == n_b, "splits and levels find as much");
    for (size_t i = 0; i < n_a; i++)
        expect(a[i].kind == b[i].kind && a[i].detail == b[i].detail && a[i].at == b[i].at &&
                   memcmp(&a[i].value, &b[i].value, sizeof a[i].value) == 0,
               "and the same");
    free(whole->w), free(parts->w);
    free(whole), free(parts);
    return 0;
}
