/*
 * vb_media.h - the usual media message, read where it stands.
 *
 * Method:   nearly every text of a call is one JSON object with the same few members, plain strings and whole numbers.
 *           Exactly that is understood, members in any order, white space anywhere; whatever else comes, valid or
 *           not, is left to a reader of JSON.
 * Units:    the timestamp in ms, as found.
 * Threads:  a pure function of its arguments. Memory: allocates nothing; the results point into the text.
 */
#ifndef VB_MEDIA_H
#define VB_MEDIA_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *payload; /* base64, not looked at */
    size_t n_payload;
    const char *track; /* NULL when absent */
    size_t n_track;
    const char *content_type; /* NULL when absent */
    size_t n_content_type;
    int64_t sample_rate;         /* 0 when absent */
    int64_t chunk, timestamp_ms; /* magnitudes below 10^15 */
} vb_media;

/*
 * 1 if the n bytes at text are a media message with a stream id, a payload, a chunk and a timestamp, and at most a
 * sequence number, a track, a content type, a sample rate and extra headers besides; strings are of ASCII without
 * escapes, numbers whole, perhaps in quotes. 0 for anything else, and *m is undefined.
 */
int vb_media_read(const char *text, size_t n, vb_media *m);

#endif
