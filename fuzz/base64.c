/* Base64: every level agrees with a decoder of a few lines, and encodes back what it decoded. */
#include "fuzz.h"
#include "vb_base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* RFC 4648 section 4, strict about alphabet and padding; returns the number of bytes, or -1. */
static long reference(const char *src, size_t n, uint8_t *dst) {
    uint32_t bits = 0;
    long m = 0;
    if (n % 4)
        return -1;
    const size_t padding = n == 0 ? 0 : (size_t)(src[n - 1] == '=') + (src[n - 1] == '=' && src[n - 2] == '=');
    for (size_t i = 0; i < n - padding; i++) {
        const char *at = src[i] ? strchr(alphabet, src[i]) : NULL;
        if (at == NULL)
            return -1;
        bits = bits << 6 | (uint32_t)(at - alphabet);
        if (i % 4)
            dst[m++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
    }
    return m;
}

static void decode(const char *src, size_t n, const uint8_t *wanted, long n_wanted) {
    size_t n_out;
    const vb_status sized = vb_base64_decoded_len(src, n, &n_out);
    uint8_t *dst = room(n_out);
    const vb_status status = vb_base64_decode(src, dst, n);
    expect((sized == VB_OK) == (n % 4 == 0), "whole quads have a length");
    expect((status == VB_OK) == (n_wanted >= 0), "the verdict");
    if (status == VB_OK) {
        expect(n_out == (size_t)n_wanted && memcmp(dst, wanted, n_out) == 0, "the bytes");
        const size_t n_text = vb_base64_encoded_len(n_out);
        char *text = room(n_text);
        vb_base64_encode(dst, text, n_out);
        expect(n_text == n && (n < 4 || memcmp(text, src, n - 4) == 0), "the text again, but for spare bits");
        free(text);
    }
    free(dst);
}

static void encode(const uint8_t *src, size_t n) {
    const size_t n_text = vb_base64_encoded_len(n);
    char *text = room(n_text);
    uint8_t *back = room(n_text);
    vb_base64_encode(src, text, n);
    expect(reference(text, n_text, back) == (long)n && memcmp(back, src, n) == 0, "any bytes come back");
    free(text), free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    const int mapped = data[0] & 1;
    const size_t n = size - 1;
    char *src = room(n);
    uint8_t *bytes = room(n + 4);
    for (size_t i = 0; i < n; i++) /* most into the alphabet, so that long runs are valid */
        src[i] = mapped && (data[1 + i] & 0xc0) != 0xc0 ? alphabet[data[1 + i] & 63] : (char)data[1 + i];
    const long n_bytes = reference(src, n, bytes);
    for (vb_simd level = VB_SIMD_SCALAR; level <= vb_cpu_best(); level++) {
        vb_base64_select(level);
        decode(src, n, bytes, n_bytes);
        encode(data, n);
    }
    free(src), free(bytes);
    return 0;
}
