from libc.stdint cimport int16_t, int64_t, uint32_t, uint64_t

from voiceband.dsp._shared.buffer cimport View
from voiceband.dsp._shared.guard cimport vb_guard
from voiceband.dsp._message cimport Message
from voiceband.dsp._transport cimport vb_transport
from voiceband.dsp.conceal cimport VB_CONCEAL_KEPT_WORDS, vb_pause

cdef extern from "vb_timeline.h":
    ctypedef enum vb_place_kind:
        VB_PLACE_NEXT
        VB_PLACE_EPOCH
        VB_PLACE_DUPLICATE
        VB_PLACE_LATE
    ctypedef struct vb_place:
        vb_place_kind kind
        uint32_t gap
        uint32_t back
    ctypedef struct vb_timeline:
        uint32_t rate_hz
        uint32_t frame
        uint32_t last_n
    void vb_timeline_init(vb_timeline *t, uint32_t rate_hz, uint32_t frame) nogil
    vb_place vb_timeline_place(vb_timeline *t, const int64_t *chunk, const double *stamp_ms, const int16_t *pcm,
                               uint32_t n) nogil
    int vb_timeline_goes_on(const vb_timeline *t, int64_t chunk, double stamp_ms) nogil
    int vb_timeline_valid(const vb_timeline *t) nogil


cdef struct State:
    # What every message needs comes first, and close together.
    int64_t next_sample
    uint64_t messages, samples, burst
    uint32_t unheard  # samples since the background was listened to
    double last_arrival_ms
    vb_timeline place
    vb_transport transport
    uint64_t conceal[VB_CONCEAL_KEPT_WORDS]  # what a vb_conceal keeps between holes
    int64_t epoch
    int64_t last_seq
    uint64_t gaps, filled, duplicates, late, unreadable, sequence_gaps, bursts, longest
    uint32_t has_seq, fill
    vb_pause pause


cdef class Timeline:
    cdef State _s
    cdef vb_guard _guard
    cdef double _frame_ms
    cdef uint32_t _rate, _fill

    cdef void _begin(self) noexcept
    cdef void fetch(self) noexcept
    cdef int64_t follow(
        self, int64_t chunk, double stamp_ms, const int16_t *pcm, Py_ssize_t n, double arrival_ms) noexcept
    cdef list _push(self, Message *m, pcm, seq, bint timed, double arrival_ms)
    cdef void _hear(self, const int16_t *pcm, Py_ssize_t n) noexcept
    cdef object _filling(self, Py_ssize_t n, View *v)
    cdef void _count_seq(self, seq) except *
    cdef void _time(self, double arrival_ms) noexcept
