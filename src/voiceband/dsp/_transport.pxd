"""How late messages come, as the timeline and the jitter buffer measure it."""

from libc.stdint cimport uint32_t, uint64_t

cdef extern from "vb_transport.h":
    ctypedef struct vb_transport:
        double least
        double most_ms
        double newest_ms
        uint32_t known
        uint64_t n_noted
    void vb_transport_init(vb_transport *t) nogil
    void vb_transport_restart(vb_transport *t) nogil
    double vb_transport_note(vb_transport *t, double arrival_ms, double media_ms) nogil
    double vb_transport_quantile(const vb_transport *t, double share) nogil
    int vb_transport_drift(const vb_transport *t, double *ppm) nogil
    int vb_transport_valid(const vb_transport *t) nogil
