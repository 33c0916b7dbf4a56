# What tap.py's PlayerTap is when compiled.
cimport cython


cdef class PlayerTap:
    cdef object _stream
    cdef Py_ssize_t _run

    @cython.locals(width="long long", begin="long long", end="long long", a="long long", b="long long", rate=double)
    cpdef read(self, long long first, long long n)
