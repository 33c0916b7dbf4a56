"""One message as it is pushed: what the timeline and the jitter buffer read alike."""

cimport numpy as cnp
from libc.stdint cimport int64_t, uint32_t

from voiceband.dsp._shared.buffer cimport View, release, view_samples
from voiceband.dsp._shared.numbers cimport read_integer, read_number
from voiceband.dsp._transport cimport vb_transport, vb_transport_drift, vb_transport_quantile


cdef struct Message:
    View pcm
    int64_t number
    double milliseconds
    const int64_t *chunk     # &number, or NULL
    const double *stamp_ms   # &milliseconds, or NULL
    int unreadable           # how many of the two were no numbers


cdef inline int open_message(Message *m, object pcm, uint32_t rate_hz) except -1:
    """View the samples; `release(&m.pcm)` afterwards."""
    view_samples(pcm, &m.pcm, "pcm", cnp.NPY_INT16)
    if m.pcm.n > 60 * <Py_ssize_t>rate_hz:
        given = m.pcm.n
        release(&m.pcm)
        raise ValueError(f"pcm must be at most 60 s of samples, not {given}")
    return 0


cdef inline int read_place(Message *m, object chunk, object stamp) except -1:
    cdef int has_chunk = read_integer(chunk, &m.number), has_stamp = read_number(stamp, &m.milliseconds)
    m.chunk = &m.number if has_chunk == 1 else NULL
    m.stamp_ms = &m.milliseconds if has_stamp == 1 else NULL
    m.unreadable = (has_chunk == 2) + (has_stamp == 2)
    return 0


cdef inline object drift_of(const vb_transport *t):
    cdef double ppm
    return ppm if vb_transport_drift(t, &ppm) else None


cdef inline dict transport_figures(const vb_transport *t):
    """The part of the statistics that tells how late messages came."""
    return {
        "transport_p50_ms": vb_transport_quantile(t, 0.5),
        "transport_p95_ms": vb_transport_quantile(t, 0.95),
        "transport_p99_ms": vb_transport_quantile(t, 0.99),
        "transport_max_ms": t.most_ms,
        "drift_ppm": drift_of(t),
    }
