"""Asking for memory that will be needed soon."""

cdef extern from "vb_prefetch.h":
    enum:
        VB_CACHE_LINE
    void vb_prefetch(const void *at, size_t n) nogil
