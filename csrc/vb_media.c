#include "vb_media.h"

#include <string.h>

enum { MAX_DIGITS = 15 };
/* The members that have been seen; each may come once. */
enum { EVENT = 1, STREAM_ID = 2, SEQUENCE = 4, HEADERS = 8, MEDIA = 16 };
enum { PAYLOAD = 1, TRACK = 2, CHUNK = 4, TIMESTAMP = 8, CONTENT_TYPE = 16, SAMPLE_RATE = 32 };

typedef struct {
    const char *at, *end;
} cursor;

typedef struct {
    const char *at;
    size_t n;
} span;

static void skip(cursor *c) {
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\n' || *c->at == '\r' || *c->at == '\t'))
        c->at++;
}

static int take(cursor *c, char wanted) {
    skip(c);
    if (c->at == c->end || *c->at != wanted)
        return 0;
    c->at++;
    return 1;
}

/* Whether one of eight bytes is a quote, a backslash, a control character or none of ASCII. */
static int special(const char *at) {
    const uint64_t ones = 0x0101010101010101u;
    uint64_t x;
    memcpy(&x, at, sizeof x);
    const uint64_t quote = x ^ (ones * '"'), backslash = x ^ (ones * '\\');
    /* A borrow out of a lower byte can only add a hit above a true one. */
    return (((x - ones * 0x20) | (quote - ones) | (backslash - ones) | x) & (ones * 0x80)) != 0;
}

static int text_of(cursor *c, span *s) {
    if (!take(c, '"'))
        return 0;
    s->at = c->at;
    while (c->end - c->at >= 8 && !special(c->at))
        c->at += 8;
    for (; c->at < c->end; c->at++) {
        const unsigned char b = (unsigned char)*c->at;
        if (b == '"') {
            s->n = (size_t)(c->at++ - s->at);
            return 1;
        }
        if (b < 0x20 || b >= 0x80 || b == '\\')
            return 0;
    }
    return 0;
}

/* Up to the next quote, whatever it is: base64 has neither quotes nor backslashes, and its decoder takes nothing else.
 */
static int payload_of(cursor *c, vb_media *m) {
    if (!take(c, '"'))
        return 0;
    const char *quote = memchr(c->at, '"', (size_t)(c->end - c->at));
    if (quote == NULL)
        return 0;
    m->payload = c->at;
    m->n_payload = (size_t)(quote - c->at);
    c->at = quote + 1;
    return 1;
}

static int number_of(cursor *c, int64_t *value) {
    const int quoted = take(c, '"'); /* which skips white space, if there is no quote too */
    const int negative = c->at < c->end && *c->at == '-';
    c->at += negative;
    const char *first = c->at;
    int64_t v = 0;
    while (c->at < c->end && *c->at >= '0' && *c->at <= '9' && c->at - first <= MAX_DIGITS)
        v = 10 * v + (*c->at++ - '0');
    const ptrdiff_t n = c->at - first;
    if (n < 1 || n > MAX_DIGITS || (n > 1 && *first == '0'))
        return 0;
    *value = negative ? -v : v;
    return !quoted || (c->at < c->end && *c->at++ == '"');
}

static int is(span s, const char *name, size_t n) {
    return s.n == n && memcmp(s.at, name, n) == 0;
}
#define IS(s, name) is(s, name, sizeof(name) - 1)

/* A member of the inner object; returns its bit, or 0. */
static int inner(cursor *c, span key, vb_media *m) {
    span text;
    if (IS(key, "payload"))
        return payload_of(c, m) ? PAYLOAD : 0;
    if (IS(key, "timestamp"))
        return number_of(c, &m->timestamp_ms) ? TIMESTAMP : 0;
    if (IS(key, "chunk"))
        return number_of(c, &m->chunk) ? CHUNK : 0;
    if (IS(key, "track")) {
        if (!text_of(c, &text))
            return 0;
        m->track = text.at;
        m->n_track = text.n;
        return TRACK;
    }
    if (IS(key, "contentType")) {
        if (!text_of(c, &text))
            return 0;
        m->content_type = text.at;
        m->n_content_type = text.n;
        return CONTENT_TYPE;
    }
    if (IS(key, "sampleRate"))
        return number_of(c, &m->sample_rate) ? SAMPLE_RATE : 0;
    return 0;
}

static int media_of(cursor *c, vb_media *m);

static int outer(cursor *c, span key, vb_media *m) {
    span s;
    int64_t number;
    if (IS(key, "media"))
        return media_of(c, m) ? MEDIA : 0;
    if (IS(key, "event"))
        return text_of(c, &s) && IS(s, "media") ? EVENT : 0;
    if (IS(key, "streamId"))
        return text_of(c, &s) ? STREAM_ID : 0;
    if (IS(key, "sequenceNumber"))
        return number_of(c, &number) ? SEQUENCE : 0;
    if (IS(key, "extra_headers"))
        return text_of(c, &s) ? HEADERS : 0;
    return 0;
}

/* An object's members; returns the bits of those that were there, 0 when one is unknown or comes twice. */
static int members(cursor *c, vb_media *m, int (*member)(cursor *, span, vb_media *)) {
    int seen = 0;
    if (!take(c, '{'))
        return 0;
    do {
        span key;
        if (!text_of(c, &key) || !take(c, ':'))
            return 0;
        const int bit = member(c, key, m);
        if (bit == 0 || (seen & bit) != 0)
            return 0;
        seen |= bit;
    } while (take(c, ','));
    return take(c, '}') ? seen : 0;
}

static int media_of(cursor *c, vb_media *m) {
    const int needed = PAYLOAD | CHUNK | TIMESTAMP;
    return (members(c, m, inner) & needed) == needed;
}

int vb_media_read(const char *text, size_t n, vb_media *m) {
    cursor c = {text, text + n};
    const int needed = EVENT | STREAM_ID | MEDIA;
    m->track = m->content_type = NULL;
    m->n_track = m->n_content_type = 0;
    m->sample_rate = 0;
    if ((members(&c, m, outer) & needed) != needed)
        return 0;
    skip(&c);
    return c.at == c.end;
}
