cdef class Transport:
    cdef public long long messages_in, bytes_in
    cdef public double deadline
    cdef readonly double seen_at, behind_s
    cdef public object on_back
    cdef double _current, _before, _until, _least, _most, _jitter, _jitter_at, _stamp_s, _latest

    cpdef double at(self, double now) except? -1.0
    cdef bint is_back(self, double now) noexcept
    cdef void note(self, double stamp_s, double now) noexcept
    cdef void _look(self, double offset, double now) noexcept
    cpdef double jitter(self, double now) noexcept
