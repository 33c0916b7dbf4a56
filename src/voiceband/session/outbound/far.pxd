# What far.py's FarEnd is when compiled: it is told of each frame that leaves.
cdef class FarEnd:
    cdef object _clock, _decode
    cdef readonly object _past, _pieces
    cdef double _prune_at
    cdef long long _rate, _sample_bytes

    cpdef sent(self, long long position, bytes frames, double now)
