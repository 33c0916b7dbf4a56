from libc.stdint cimport int16_t, uint32_t

from voiceband.dsp._shared.guard cimport vb_guard
from voiceband.dsp.cpu cimport vb_simd, vb_status

cdef extern from "vb_echo.h":
    ctypedef struct vb_echo:
        uint32_t rate_hz
        uint32_t kind
        uint32_t locked
        uint32_t quiet
        float centre
        float score
    void vb_echo_select(vb_simd level) nogil
    vb_status vb_echo_init(vb_echo *e, uint32_t rate_hz) nogil
    vb_status vb_echo_process_i16(vb_echo *e, const int16_t *near, const int16_t *far, size_t n, double bound_ms) nogil
    vb_status vb_echo_process_f32(vb_echo *e, const float *near, const float *far, size_t n, double bound_ms) nogil
    float vb_echo_loss_db(const vb_echo *e) nogil
    int vb_echo_valid(const vb_echo *e) nogil


cdef class EchoGuard:
    cdef vb_echo _s
    cdef uint32_t _rate
    cdef vb_guard _guard
