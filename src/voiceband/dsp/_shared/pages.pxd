"""Memory that goes back to the system as soon as it is freed."""

cdef extern from "vb_pages.h":
    void *vb_pages_new(size_t n) nogil
    void vb_pages_free(void *p, size_t n) nogil
