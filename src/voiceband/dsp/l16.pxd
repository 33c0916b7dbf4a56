from libc.stdint cimport int16_t

from voiceband.dsp.cpu cimport vb_simd, vb_status

cdef extern from "vb_l16.h":
    void vb_l16_select(vb_simd level) nogil
    void vb_l16_swap(const void *src, void *dst, size_t n) nogil
    void vb_l16_to_float(const int16_t *src, float *dst, size_t n) nogil
    vb_status vb_l16_to_int16(const float *src, int16_t *dst, size_t n) nogil
