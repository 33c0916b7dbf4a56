cdef class Run:
    cdef readonly object kind
    cdef readonly double ms
    cdef readonly object media_start_ms
    cdef readonly object media_end_ms


cdef class Pulled:
    cdef readonly object pcm
    cdef readonly tuple runs
