/* The echo guard: frames one by one at any levels give the bits of one call, and damaged states are refused or usable.
 */
#include "fuzz.h"
#include "vb_echo.h"

enum { MOST = 60 };

static vb_status process(vb_echo *e, int is_float, const char *near, const char *far, size_t n, double bound_ms) {
    return is_float ? vb_echo_process_f32(e, (const float *)(const void *)near, (const float *)(const void *)far, n,
                                          bound_ms)
                    : vb_echo_process_i16(e, (const int16_t *)(const void *)near, (const int16_t *)(const void *)far, n,
                                          bound_ms);
}

static void usable(const vb_echo *e) {
    expect(e->score >= 0.0F && e->score <= 1.0F, "a score");
    expect(e->kind <= VB_ECHO_BOTH && isfinite(vb_echo_loss_db(e)), "what is known of the line");
    expect(vb_echo_valid(e), "the state is valid");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    input in = {data, size};
    const uint64_t form = take(&in, 1);
    const uint32_t rate_hz = form & 1 ? 16000 : 8000;
    const int is_float = form >> 1 & 1;
    const double bound_ms = (double)take(&in, 2) / 65535.0 * 2000.0;
    const size_t item = is_float ? sizeof(float) : sizeof(int16_t), frame = rate_hz / 50,
                 frames = 1 + take(&in, 1) % MOST;
    char *near = room(frames * frame * item), *far = room(frames * frame * item);
    for (size_t k = 0; k < frames; k++)
        for (int end = 0; end < 2; end++) {
            char *to = (end ? far : near) + k * frame * item;
            const uint64_t style = take(&in, 1);
            if (is_float)
                sound_f32((float *)(void *)to, frame, style, (uint32_t)style);
            else
                sound_i16((int16_t *)(void *)to, frame, style, (uint32_t)style);
        }
    vb_echo *whole = room(sizeof *whole), *parts = room(sizeof *parts);
    expect(vb_echo_init(whole, rate_hz) == VB_OK && vb_echo_init(parts, rate_hz) == VB_OK, "init");
    vb_echo_select(VB_SIMD_SCALAR);
    expect(process(whole, is_float, near, far, frames * frame, bound_ms) == VB_OK, "process");
    for (size_t k = 0; k < frames; k++) {
        vb_echo_select(level_of(take(&in, 1)));
        const size_t at = k * frame * item;
        expect(process(parts, is_float, near + at, far + at, frame, bound_ms) == VB_OK, "process a frame");
        usable(parts);
    }
    expect(memcmp(whole, parts, sizeof *whole) == 0, "frames give the same bits");
    expect(process(parts, is_float, near, far, frame - 1, bound_ms) == VB_ERR_ARGUMENT, "a part of a frame");
    for (int i = 0; i < 4; i++)
        ((char *)parts)[take(&in, 2) % sizeof *parts] ^= (char)take(&in, 1);
    parts->rate_hz = rate_hz;
    if (vb_echo_valid(parts))
        expect(process(parts, is_float, near, far, frames * frame, bound_ms) == VB_OK, "a damaged state");
    free(near), free(far), free(whole), free(parts);
    return 0;
}
