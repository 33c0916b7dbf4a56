from libc.stdint cimport int16_t

from voiceband.dsp.resample cimport Resampler
from voiceband.dsp.sound cimport SoundGuard


cdef class OutboundChain:
    cdef Resampler _resampler
    cdef SoundGuard _guard
    cdef object _warn
    cdef int _codec

    cpdef Py_ssize_t append(self, pcm, bytearray wire) except -2
    cdef void _write(self, const int16_t *src, Py_ssize_t n, char *dst) noexcept
