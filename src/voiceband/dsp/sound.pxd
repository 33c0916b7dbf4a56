from libc.stdint cimport int32_t, int64_t, uint32_t

from voiceband.dsp._shared.guard cimport vb_guard
from voiceband.dsp.cpu cimport vb_simd, vb_status

cdef extern from "vb_sound.h":
    ctypedef enum vb_sound_code:
        VB_SOUND_ULAW
        VB_SOUND_ALAW
        VB_SOUND_LITTLE
        VB_SOUND_BIG
        VB_SOUND_FLOAT
    enum:
        VB_SOUND_KINDS
        VB_SOUND_MIN_HZ
        VB_SOUND_MAX_HZ
    ctypedef struct vb_sound_finding:
        int32_t kind
        int32_t detail
        double value
        double more
        int64_t at
    ctypedef struct vb_sound:
        uint32_t code
        uint32_t rate_hz
        uint32_t sample_size
        uint32_t said
        void *w
    void vb_sound_select(vb_simd level) nogil
    vb_status vb_sound_init(vb_sound *s, vb_sound_code code, uint32_t rate_hz) nogil
    vb_status vb_sound_push(vb_sound *s, const void *data, size_t n, vb_sound_finding *found, size_t *n_found) nogil
    size_t vb_sound_window_size(const vb_sound *s) nogil
    int vb_sound_needs_window(const vb_sound *s, size_t n) nogil
    int vb_sound_done(const vb_sound *s) nogil
    void vb_sound_listen(vb_sound *s) nogil
    int vb_sound_valid(const vb_sound *s) nogil


cdef class SoundGuard:
    cdef vb_sound _s
    cdef vb_sound_code _code
    cdef uint32_t _rate
    cdef vb_guard _guard
    cdef object _encoding

    cdef int _begin(self, Py_ssize_t size) except -1
    cdef void _end(self) noexcept
    cdef void _drop_window(self) noexcept
    cdef list hear(self, const void *data, Py_ssize_t size)
    cdef list _told(self, const vb_sound_finding *f, size_t n)
