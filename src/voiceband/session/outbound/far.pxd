# What far.py's FarEnd is when compiled: it is told of each frame that leaves.
cimport cython


cdef class FarEnd:
    cdef object _clock, _decode
    cdef readonly object _past
    cdef readonly bytearray _kept
    cdef double _prune_at
    cdef long long _rate, _sample_bytes, _first

    cpdef sent(self, long long position, bytes frames, double now)

    @cython.locals(over="long long")
    cpdef _prune(self, double now)
