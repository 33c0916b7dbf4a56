# What far.py's FarEnd is when compiled: it is told of each frame that leaves.
cimport cython


cdef class FarEnd:
    cdef object _clock, _decode
    cdef readonly object _past
    cdef readonly list _pieces
    cdef double _prune_at
    cdef long long _rate, _sample_bytes

    cpdef sent(self, long long position, bytes frames, double now)

    @cython.locals(piece=tuple, frames=bytes, position="long long", oldest="long long", over=Py_ssize_t)
    cpdef _prune(self, double now)
