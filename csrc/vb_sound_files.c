#include "simd/sound_wave.h"
#include "vb_sound_parts.h"

/*
 * Sources: RFC 3533 (Ogg), RFC 9639 (FLAC), ISO/IEC 11172-3 2.4.2.3 and 13818-3 (MP3), ISO/IEC 14496-3 1.A.2 (ADTS).
 */

enum {
    AHEAD = 24,        /* bytes that the longest mark has */
    PACKED_COST = 1792 /* bits a byte that what is compressed needs as samples, 1/256: 7 of the 8 that noise needs */
};

static const uint16_t MP3_KBPS[3][15] = {
    {0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384}, /* MPEG 1 layer II */
    {0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320},  /* layer III */
    {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160},      /* MPEG 2, both */
};
static const uint16_t MP3_HZ[3] = {44100, 48000, 32000};

static uint32_t marks_scalar(const uint8_t *restrict p, size_t n, uint8_t *restrict hit) {
    return vb_sound_marks_body(p, n, hit);
}

#if VB_X86_CLONES
VB_TARGET_AVX2 static uint32_t marks_avx2(const uint8_t *restrict p, size_t n, uint8_t *restrict hit) {
    return vb_sound_marks_body(p, n, hit);
}
#define MARKS_AVX2 marks_avx2
#else
#define MARKS_AVX2 marks_scalar
#endif

static uint32_t (*marks)(const uint8_t *restrict p, size_t n, uint8_t *restrict hit) = marks_scalar;

void vb_sound_files_select(vb_simd level) {
    marks = level >= VB_SIMD_AVX2 ? MARKS_AVX2 : marks_scalar;
}

/* The length of an MP3 frame (or MP2; layer I is not in use) whose header is at p, or 0 where there is none. */
static uint32_t mp3_length(const uint8_t *p) {
    if (p[0] != 0xff || (p[1] & 0xe0) != 0xe0)
        return 0;
    const uint32_t version = (p[1] >> 3) & 3, layer = (p[1] >> 1) & 3, rate = p[2] >> 4, hz = (p[2] >> 2) & 3;
    if (version == 1 || layer == 0 || layer == 3 || rate == 0 || rate == 15 || hz == 3)
        return 0;
    const int first = version == 3;
    const uint32_t row = first ? 2 - layer : 2;
    const uint32_t bps = MP3_KBPS[row][rate] * 1000u, rate_hz = MP3_HZ[hz] >> (first ? 0 : version == 2 ? 1 : 2);
    const uint32_t pad = (p[2] >> 1) & 1;
    return (layer == 1 && !first ? 72 : 144) * bps / rate_hz + pad;
}

static uint32_t adts_length(const uint8_t *p) {
    if (p[0] != 0xff || (p[1] & 0xf6) != 0xf0 || ((p[2] >> 2) & 15) > 12)
        return 0;
    const uint32_t length = ((p[3] & 3u) << 11) | ((uint32_t)p[4] << 3) | (p[5] >> 5);
    return length < 9 ? 0 : length;
}

/* Whether p is the header of a FLAC frame, checksum and all; *number is its number. */
static int flac_header(const uint8_t *p, uint32_t *number) {
    if (p[0] != 0xff || (p[1] & 0xfe) != 0xf8 || p[2] >> 4 == 0 || (p[2] & 15) == 15 || p[3] >> 4 > 10 ||
        (p[3] & 1) != 0 || ((p[3] >> 1) & 7) == 3)
        return 0;
    size_t n = 5;
    uint32_t value = p[4];
    if (value >= 0xc0) { /* in the manner of UTF-8 */
        uint32_t more = 1;
        while (more < 6 && (p[4] & (0x40u >> more)) != 0)
            more++;
        value = p[4] & (0x3fu >> more);
        for (uint32_t i = 0; i < more; i++, n++) {
            if ((p[n] & 0xc0) != 0x80)
                return 0;
            value = value << 6 | (p[n] & 0x3fu);
        }
    } else if (value >= 0x80)
        return 0;
    const uint8_t block = p[2] >> 4, hz = p[2] & 15;
    n += block == 6 ? 1 : block == 7 ? 2 : 0;
    n += hz == 12 ? 1 : hz == 13 || hz == 14 ? 2 : 0;
    uint32_t crc = 0;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc << 1 ^ (crc & 0x80 ? 7u : 0u)) & 0xff;
    }
    *number = value;
    return crc == p[n];
}

/* A header at `at` whose successor is due at `next`; `head` is what the two have in common. */
static void link_up(vb_sound *s, vb_sound_file file, uint32_t head, int64_t at, int64_t next, int64_t offset,
                    uint32_t enough) {
    vb_sound_files *f = &s->w->files;
    vb_sound_chain *free_one = NULL;
    for (size_t i = 0; i < VB_SOUND_CHAINS; i++) {
        vb_sound_chain *c = &f->chain[i];
        if (c->head == head && c->file == (uint32_t)file && c->next == at) {
            c->next = next;
            const vb_sound_bytes *const b = &s->w->bytes;
            const int smooth = b->judged >= 5 && b->cost[s->code] < PACKED_COST * (int64_t)b->judged;
            if (++c->links >= enough && !smooth)
                vb_sound_mark(s, file, offset);
            return;
        }
        if (c->head == 0 || (c->next < at && c->file != VB_FILE_FLAC))
            free_one = c;
    }
    if (free_one == NULL)
        free_one = &f->chain[f->turn++ % VB_SOUND_CHAINS];
    *free_one = (vb_sound_chain){next, head, 0, (uint32_t)file};
}

static int same(const uint8_t *p, const char *mark, size_t n) {
    return memcmp(p, mark, n) == 0;
}

static void look_for_frames(vb_sound *s, const uint8_t *p, int64_t at) {
    uint32_t length = mp3_length(p), number = 0;
    if (length > 0)
        link_up(s, VB_FILE_MP3, 0xff000000u | (uint32_t)p[1] << 8 | (p[2] & 0x0c), at, at + length, at, 3);
    length = adts_length(p);
    if (length > 0)
        link_up(s, VB_FILE_ADTS, 0xfe000000u | (uint32_t)p[1] << 8 | p[2], at, at + length, at, 3);
    if (flac_header(p, &number))
        link_up(s, VB_FILE_FLAC, 0xfd000000u | (uint32_t)p[1] << 8 | (p[3] & 0x0e), number, (int64_t)number + 1, at, 1);
}

static void look_at(vb_sound *s, const uint8_t *p, int64_t at) {
    switch (p[0]) {
    case 0xff:
        if (p[1] >= 0xe0)
            look_for_frames(s, p, at);
        break;
    case 'R':
        if ((same(p, "RIFF", 4) || same(p, "RIFX", 4) || same(p, "RF64", 4)) && same(p + 8, "WAVE", 4))
            vb_sound_mark(s, VB_FILE_WAV, at);
        break;
    case 'O':
        if (same(p, "OggS", 5) && p[5] < 8)
            vb_sound_mark(s, VB_FILE_OGG, at);
        break;
    case 'f':
        if (same(p, "fLaC", 4) && (p[4] & 0x7f) == 0 && p[5] == 0 && p[6] == 0 && p[7] == 34)
            vb_sound_mark(s, VB_FILE_FLAC, at);
        if (same(p, "ftypM4A", 7))
            vb_sound_mark(s, VB_FILE_OTHER, at);
        break;
    case 'I':
        if (same(p, "ID3", 3) && p[3] >= 2 && p[3] <= 4 && (p[4] == 0 || at == 0))
            vb_sound_mark(s, VB_FILE_MP3, at);
        break;
    case 'F':
        if (same(p, "FORM", 4) && same(p + 8, "AIF", 3))
            vb_sound_mark(s, VB_FILE_OTHER, at);
        break;
    case 0x1a:
        if (same(p, "\x1a\x45\xdf\xa3", 4))
            vb_sound_mark(s, VB_FILE_OTHER, at);
        break;
    case '.':
        if (same(p, ".snd\0", 6)) /* and two zeros of its length */
            vb_sound_mark(s, VB_FILE_OTHER, at);
        break;
    default:
        break;
    }
}

void vb_sound_files_frame(vb_sound *s, const uint8_t *raw) {
    vb_sound_files *f = &s->w->files;
    const size_t n = s->frame * s->sample_size;
    uint8_t line[AHEAD + 2 * VB_SOUND_MAX_FRAME], hit[2 * VB_SOUND_MAX_FRAME + 8] = {0};
    memcpy(line, f->tail, AHEAD);
    memcpy(line + AHEAD, raw, n);
    if (marks(line, n, hit))
        for (size_t i = AHEAD - f->n_tail; i < n; i++) {
            uint64_t eight;
            memcpy(&eight, hit + i, sizeof eight);
            if (eight == 0)
                i += 7;
            else if (hit[i])
                look_at(s, line + i, s->frames * (int64_t)n + (int64_t)i - AHEAD);
        }
    memcpy(f->tail, line + n, AHEAD);
    f->n_tail = AHEAD;
}
