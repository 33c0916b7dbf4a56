from libc.stdint cimport uint8_t

from voiceband.dsp.cpu cimport vb_simd, vb_status

cdef extern from "vb_base64.h":
    void vb_base64_select(vb_simd level) nogil
    size_t vb_base64_encoded_len(size_t n) nogil
    void vb_base64_encode(const uint8_t *src, char *dst, size_t n) nogil
    vb_status vb_base64_decoded_len(const char *src, size_t n, size_t *n_out) nogil
    vb_status vb_base64_decode(const char *src, uint8_t *dst, size_t n) nogil
