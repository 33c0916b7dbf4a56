from libc.stdint cimport int16_t, int32_t, int64_t, uint32_t

from voiceband.dsp._shared.guard cimport vb_guard
from voiceband.dsp.cpu cimport vb_simd, vb_status

cdef extern from "vb_tones.h":
    enum:
        VB_TONES_PER_HOP
    ctypedef struct vb_tone:
        int32_t kind
        int32_t key
        int32_t low_hz
        int32_t high_hz
        int64_t start_ms
        int64_t end_ms
    ctypedef struct vb_tones:
        uint32_t rate_hz
    void vb_tones_select(vb_simd level) nogil
    vb_status vb_tones_init(vb_tones *t, uint32_t rate_hz) nogil
    vb_status vb_tones_check(const void *src, size_t n) nogil
    size_t vb_tones_process(vb_tones *t, const void *src, size_t n, int is_float, vb_tone *tones, size_t cap,
                            size_t *n_tones) nogil
    int vb_tones_valid(const vb_tones *t) nogil


cdef class ToneDetector:
    cdef vb_tones _t
    cdef uint32_t _rate
    cdef vb_guard _guard

    cdef list _told(self, const char *data, Py_ssize_t n, bint is_float, Py_ssize_t size)
    cdef list hear(self, const int16_t *samples, Py_ssize_t n)
