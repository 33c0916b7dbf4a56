from libc.stdint cimport int32_t, int64_t, uint32_t

cdef extern from "vb_jitter.h":
    ctypedef struct vb_run:
        int32_t kind
        uint32_t n
        int64_t from_ "from"
        int64_t to
        double media_ms[2]


cdef class Run:
    cdef readonly object kind
    cdef readonly double ms
    cdef readonly object media_start_ms
    cdef readonly object media_end_ms


cdef class Pulled:
    cdef readonly object pcm
    cdef readonly tuple runs


cdef tuple runs_of(const vb_run *runs, uint32_t n, uint32_t rate_hz)
