/* The reader of media messages: no step outside the text, and what it accepts is made of what stands there. */
#include "fuzz.h"
#include "vb_media.h"

static int inside(const char *at, size_t n, const char *text, size_t size) {
    return at > text && at + n < text + size && at[-1] == '"' && at[n] == '"' && memchr(at, '"', n) == NULL;
}

/* Does the number stand in the text, behind its name? */
static int stands(const char *text, const char *name, int64_t value) {
    char digits[32];
    snprintf(digits, sizeof digits, "%lld", (long long)value);
    for (const char *at = text; (at = strstr(at, name)) != NULL; at++) {
        const char *v = at + strlen(name);
        v += strspn(v, " \t\r\n:\"");
        if (strncmp(v, digits, strlen(digits)) == 0 || (value == 0 && *v == '-'))
            return 1;
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = room(size), *terminated = room(size + 1);
    vb_media m;
    memcpy(text, data, size);
    memcpy(terminated, data, size);
    terminated[size] = 0;
    if (vb_media_read(text, size, &m)) {
        expect(inside(m.payload, m.n_payload, text, size), "the payload stands in quotes");
        expect(m.track == NULL || inside(m.track, m.n_track, text, size), "so does the track");
        if (strlen(terminated) == size)
            expect(stands(terminated, "\"chunk\"", m.chunk) && stands(terminated, "\"timestamp\"", m.timestamp_ms),
                   "the numbers");
    }
    free(text), free(terminated);
    return 0;
}
