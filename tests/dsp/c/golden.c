/*
 * golden.c - a checksum of what every kernel makes of fixed inputs: one line each, to be compared with golden.txt.
 *
 * The inputs are made of whole numbers, and samples count by their value, so that the lines are the same on every
 * machine, at every instruction set and from every compiler. tests/_support/golden.py makes the same inputs for the
 * package and must agree. Every level that the processor has prints its lines.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vb_base64.h"
#include "vb_conceal.h"
#include "vb_cpu.h"
#include "vb_denoise.h"
#include "vb_echo.h"
#include "vb_g711.h"
#include "vb_jitter.h"
#include "vb_l16.h"
#include "vb_resample.h"
#include "vb_stretch.h"
#include "vb_tones.h"

enum { SECONDS = 4, MOST = SECONDS * 16000 };

static int16_t sound[MOST], pcm[65536];
static float wide_sound[MOST], wide[65536];
static uint8_t bytes[1 << 17];
static uint32_t seed, sum; /* sum: a CRC-32, as zlib's */

static void *room(size_t n) {
    void *p = malloc(n);
    if (p == NULL)
        abort();
    return p;
}

static uint32_t next_random(uint32_t below) {
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

static void add(uint32_t value, int n_bytes) {
    for (int i = 0; i < n_bytes; i++) {
        sum ^= value >> (8 * i) & 255;
        for (int bit = 0; bit < 8; bit++)
            sum = sum >> 1 ^ (sum & 1 ? 0xedb88320u : 0);
    }
}

static void add_bytes(const void *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        add(((const uint8_t *)x)[i], 1);
}

static void add_i16(const int16_t *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        add((uint16_t)x[i], 2);
}

static void add_f32(const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        add(bits, 4);
    }
}

static void begin(void) {
    sum = 0xffffffffu;
    seed = 2026;
}

static void end(const char *name) {
    printf("%s %08" PRIx32 "\n", name, ~sum);
}

/* Pulses of a gliding pitch through one resonance, in words with pauses; some noise, a dropout and a clipped stretch.
 */
static size_t speak(uint32_t rate_hz) {
    const size_t n = (size_t)SECONDS * rate_hz;
    int32_t one = 0, two = 0, phase = 0;
    seed = 1;
    for (size_t i = 0; i < n; i++) {
        const uint32_t ms = (uint32_t)(i * 1000 / rate_hz), word = ms % 500;
        const int32_t pitch = 100 + (int32_t)(ms / 40 % 70), loud = word < 280 ? 7000 : word < 360 ? 1200 : 0;
        phase += pitch;
        phase -= phase >= (int32_t)rate_hz ? (int32_t)rate_hz : 0;
        const int32_t turned =
            6400 * one - 3600 * two; /* in units of 2^-12, which are cut off towards minus infinity */
        const int32_t now = (phase < pitch ? loud : 0) + (turned < 0 ? ~(~turned >> 12) : turned >> 12);
        two = one;
        one = now > 30000 ? 30000 : now < -30000 ? -30000 : now;
        const int32_t noisy = one + (int32_t)next_random(401) - 200;
        const int32_t x = ms >= 1500 && ms < 1700 ? 0 : ms >= 2600 && ms < 2700 ? 40 * noisy : noisy;
        sound[i] = (int16_t)(x > 32767 ? 32767 : x < -32768 ? -32768 : x);
        wide_sound[i] = (float)sound[i] / 32768.0f;
    }
    return n;
}

static void codecs(vb_simd level) {
    vb_g711_select(level), vb_l16_select(level), vb_base64_select(level);
    for (int i = 0; i < 65536; i++)
        pcm[i] = (int16_t)(i - 32768);
    for (int i = 0; i < 256; i++)
        bytes[i] = (uint8_t)i;
    static int16_t out[65536];
    static uint8_t codes[65536];
    begin(), vb_ulaw_decode(bytes, out, 256), add_i16(out, 256), end("ulaw_decode");
    begin(), vb_alaw_decode(bytes, out, 256), add_i16(out, 256), end("alaw_decode");
    begin(), vb_ulaw_encode(pcm, codes, 65536), add_bytes(codes, 65536);
    for (size_t n = 0; n < 100; n++)
        vb_ulaw_encode(pcm + 32700 + n, codes, n), add_bytes(codes, n);
    end("ulaw_encode");
    begin(), vb_alaw_encode(pcm, codes, 65536), add_bytes(codes, 65536);
    for (size_t n = 0; n < 100; n++)
        vb_alaw_encode(pcm + 32700 + n, codes, n), add_bytes(codes, n);
    end("alaw_encode");
    begin(), vb_l16_swap(pcm, out, 65536), add_i16(out, 65536), end("l16_big");
    begin(), vb_l16_to_float(pcm, wide, 65536), add_f32(wide, 65536), end("to_float");
    begin();
    for (int i = 0; i < 65536; i++)
        wide[i] = ((float)next_random(1 << 24) - 8388608.0f) / 8000000.0f;
    vb_l16_to_int16(wide, out, 65536), add_i16(out, 65536), end("to_int16");
    begin();
    for (size_t n = 0; n < 400; n++) {
        char text[600];
        for (size_t i = 0; i < n; i++)
            bytes[i] = (uint8_t)next_random(256);
        const size_t n_text = vb_base64_encoded_len(n);
        vb_base64_encode(bytes, text, n), add_bytes(text, n_text);
        vb_base64_decode(text, codes, n_text), add_bytes(codes, n);
    }
    end("base64");
}

static void resample(vb_simd level) {
    static const uint32_t ratios[][2] = {{2, 1}, {1, 2}, {3, 1}, {1, 3},    {2, 3},
                                         {3, 2}, {6, 1}, {1, 6}, {80, 441}, {441, 80}};
    enum { N = 6000 };
    const size_t cap = 8 * N;
    char *dst = room(cap * sizeof(float));
    vb_resample_select(level);
    speak(8000);
    begin();
    for (size_t k = 0; k < sizeof ratios / sizeof *ratios; k++)
        for (int quality = 0; quality < 3; quality++)
            for (int is_float = 0; is_float < 2; is_float++) {
                vb_resample_design *design;
                vb_resample *s;
                size_t n, at = 0;
                if (vb_resample_design_create(ratios[k][0], ratios[k][1], (vb_resample_quality)quality, &design) !=
                        VB_OK ||
                    vb_resample_create(design, is_float ? VB_RESAMPLE_FLOAT32 : VB_RESAMPLE_INT16, &s) != VB_OK)
                    abort();
                while (at <= N) {
                    const size_t left = N - at, piece = 1 + next_random(700), m = piece < left ? piece : left;
                    const void *src = is_float ? (const void *)(wide_sound + at) : (const void *)(sound + at);
                    if (left > 0 ? vb_resample_process(s, src, m, dst, cap, &n) : vb_resample_flush(s, dst, cap, &n))
                        abort();
                    if (is_float)
                        add_f32((float *)(void *)dst, n);
                    else
                        add_i16((int16_t *)(void *)dst, n);
                    at += left > 0 ? m : 1;
                }
                vb_resample_destroy(s), vb_resample_design_destroy(design);
            }
    end("resample");
    free(dst);
}

static void denoise(vb_simd level) {
    static const double levels[] = {60.0, 70.0, 85.0, 100.0};
    static int16_t out[MOST];
    static float wide_out[MOST];
    vb_denoise_select(level);
    for (int is_float = 0; is_float < 2; is_float++) {
        begin();
        for (int rate_hz = 8000; rate_hz <= 16000; rate_hz += 8000)
            for (int form = 0; form < 8; form++) {
                const size_t all = speak((uint32_t)rate_hz);
                vb_denoise *d;
                if (vb_denoise_create(rate_hz, form % 2, levels[form / 2], &d) != VB_OK)
                    abort();
                for (size_t at = 0, n; at < all;) {
                    const size_t left = all - at, piece = 1 + next_random(700), m = piece < left ? piece : left;
                    if (is_float ? vb_denoise_process_f32(d, wide_sound + at, m, wide_out, MOST, &n)
                                 : vb_denoise_process_i16(d, sound + at, m, out, MOST, &n))
                        abort();
                    if (is_float)
                        add_f32(wide_out, n);
                    else
                        add_i16(out, n);
                    at += m;
                }
                vb_denoise_destroy(d);
            }
        end(is_float ? "denoise_float32" : "denoise_int16");
    }
}

/* What Concealer knows of the background, from blocks of 10 ms. */
typedef struct {
    vb_pause pause;
    int64_t energy, lag1;
    uint32_t filled, hop;
    int16_t before;
} listener;

static void listen(listener *l, const int16_t *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        vb_pause_sums(x + i, 1, l->before, &l->energy, &l->lag1);
        l->before = x[i];
        if (++l->filled == l->hop) {
            vb_pause_judge(&l->pause, l->energy, l->lag1, l->hop);
            l->filled = 0, l->energy = l->lag1 = 0;
        }
    }
}

static void conceal(vb_simd level) {
    static const char *const names[] = {"conceal_auto", "conceal_ar", "conceal_pitch"};
    static int16_t out[4000];
    vb_ar_select(level);
    for (int method = 0; method < 3; method++) {
        begin();
        for (uint32_t rate_hz = 8000; rate_hz <= 16000; rate_hz += 8000) {
            const size_t all = speak(rate_hz);
            vb_conceal c;
            listener l = {.hop = rate_hz / 100};
            vb_conceal_init(&c, rate_hz, (vb_conceal_method)method);
            vb_pause_init(&l.pause, rate_hz);
            for (size_t at = 0; at + 4000 < all;) {
                const size_t n = 1 + next_random(2000), hole = 1 + next_random(rate_hz / 8);
                const int in_hand = next_random(2) == 0;
                float rms, rho;
                vb_conceal_good(&c, sound + at, out, n), listen(&l, sound + at, n), add_i16(out, n);
                at += n;
                if (!c.live || c.joining) {
                    vb_pause_background(&l.pause, &rms, &rho);
                    vb_conceal_background(&c, rms, rho, vb_pause_floor(&l.pause));
                }
                if (in_hand)
                    vb_conceal_bridge(&c, out, hole, sound + at, 400);
                else
                    vb_conceal_lost(&c, out, hole);
                add_i16(out, hole);
            }
        }
        end(names[method]);
    }
}

static void splice(void) {
    static int16_t out[400];
    speak(8000);
    begin();
    for (int k = 0; k < 3000; k++) {
        const size_t n = 20 + next_random(300), from = next_random(30000), to = next_random(30000);
        vb_stretch_splice(sound + from, sound + to, n, out, n), add_i16(out, n);
    }
    end("splice");
}

/* Messages and ticks of 20 ms, late by up to 15 ms, with stalls, and one in sixty lost. */
static void jitter(vb_simd level) {
    static int16_t ring[2 * MOST], out[320];
    static vb_jitter j;
    vb_ar_select(level);
    begin();
    for (uint32_t rate_hz = 8000; rate_hz <= 16000; rate_hz += 8000)
        for (int mode = 0; mode < 2; mode++) {
            const size_t all = speak(rate_hz), n = rate_hz / 50;
            double until = 0.0;
            int64_t chunk = 0;
            vb_jitter_init(&j, ring, rate_hz, rate_hz / 50, 10.0F, mode ? 100.0F : 400.0F, 0.08F,
                           mode ? 100.0F : -1.0F);
            for (size_t tick = 0; tick < 1500; tick++) {
                const double now = (double)(tick * 20 + 1000) / 1000.0;
                for (; (double)chunk * 0.02 + 1.0 <= now && now >= until; chunk++) {
                    const double stamp = (double)chunk * 20.0, arrival = now + (double)next_random(15) / 1000.0;
                    if (next_random(60) != 0)
                        vb_jitter_push(&j, &chunk, &stamp, sound + (size_t)chunk * n % (all - n), (uint32_t)n,
                                       arrival * 1000.0);
                    if (next_random(120) == 0)
                        until = now + (double)(40 + next_random(300)) / 1000.0;
                }
                vb_jitter_pull(&j, (now + 0.016) * 1000.0, out, (uint32_t)n), add_i16(out, n);
            }
        }
    end("jitter");
}

/* An echo a quarter of a second late, and the voice once more from the middle on, as the caller's. */
static void echo(vb_simd level) {
    static int16_t near[MOST];
    static vb_echo e;
    vb_echo_select(level);
    begin();
    for (uint32_t rate_hz = 8000; rate_hz <= 16000; rate_hz += 8000) {
        const size_t all = speak(rate_hz), late = rate_hz / 4, frame = rate_hz / 50;
        for (size_t i = 0; i < all; i++)
            near[i] = (int16_t)((i < late ? 0 : sound[i - late] / 8) + (i < all / 2 ? 0 : sound[i - all / 2] / 2));
        vb_echo_init(&e, rate_hz);
        for (size_t at = 0; at < all; at += frame) {
            vb_echo_process_i16(&e, near + at, sound + at, frame, 60.0);
            add(e.kind, 1), add_f32(&e.score, 1);
        }
    }
    end("echo");
}

/* A tone of period 8 samples, held in bursts of growing length over the voice, after the voice by itself. */
static void tones(vb_simd level) {
    static const int16_t wave[8] = {0, 5657, 8000, 5657, 0, -5657, -8000, -5657};
    static vb_tone told[64];
    static vb_tones t;
    vb_tones_select(level);
    begin();
    for (uint32_t rate_hz = 8000; rate_hz <= 16000; rate_hz += 8000) {
        const size_t all = speak(rate_hz);
        for (size_t i = all / 4; i < all; i++)
            sound[i] = (int16_t)(sound[i] / 64 + (i % (all / 8) < i / 8 ? wave[i * 8000 / rate_hz % 8] : 0));
        vb_tones_init(&t, rate_hz);
        for (size_t at = 0; at < all;) {
            size_t n = 1 + next_random(700), n_told;
            n = n < all - at ? n : all - at;
            vb_tones_process(&t, sound + at, n, 0, told, 64, &n_told);
            for (size_t i = 0; i < n_told; i++) {
                add((uint32_t)told[i].low_hz, 4), add((uint32_t)told[i].start_ms, 4), add((uint32_t)told[i].end_ms, 4);
            }
            at += n;
        }
    }
    end("tones");
}

int main(void) {
    for (vb_simd level = VB_SIMD_SCALAR; level <= vb_cpu_best(); level++)
        codecs(level), resample(level), denoise(level), conceal(level), splice(), jitter(level), echo(level),
            tones(level);
    return 0;
}
