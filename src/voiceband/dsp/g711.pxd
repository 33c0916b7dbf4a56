from libc.stdint cimport int16_t, uint8_t

from voiceband.dsp.cpu cimport vb_simd

cdef extern from "vb_g711.h":
    void vb_g711_select(vb_simd level) nogil
    void vb_ulaw_decode(const uint8_t *src, int16_t *dst, size_t n) nogil
    void vb_ulaw_encode(const int16_t *src, uint8_t *dst, size_t n) nogil
    void vb_alaw_decode(const uint8_t *src, int16_t *dst, size_t n) nogil
    void vb_alaw_encode(const int16_t *src, uint8_t *dst, size_t n) nogil
