from libc.stdint cimport int16_t, int64_t, uint32_t, uint64_t
from libc.stddef cimport size_t

from voiceband.dsp._transport cimport vb_transport
from voiceband.dsp.runs cimport vb_run
from voiceband.dsp.timeline cimport vb_place_kind

cdef extern from "vb_jitter.h":
    enum:
        VB_JITTER_BUFFER_MS
        VB_RUN_KINDS
    ctypedef struct vb_target_part "vb_target":
        double target_ms
        float stalls_per_min
    ctypedef struct vb_jitter:
        int16_t *ring
        uint32_t rate_hz
        uint32_t fixed
        float stretch
        float delay_ms
        float max_ms
        vb_transport transport
        vb_target_part target
        int64_t pos
        int64_t end
        uint32_t playing
        uint32_t pulled
        double now_ms
        double shown_delay_ms
        double shown_hold_ms
        uint32_t n_runs
        vb_run run[16]
        uint64_t messages, duplicates, late, epochs, gaps, overflows, stalls, jumped
        uint64_t kinds[5]
    size_t vb_jitter_ring_size(uint32_t rate_hz) nogil
    void vb_jitter_init(vb_jitter *j, int16_t *ring, uint32_t rate_hz, uint32_t frame, float stalls_per_min,
                        float max_ms, float stretch, float fixed_ms) nogil
    vb_place_kind vb_jitter_push(vb_jitter *j, const int64_t *chunk, const double *stamp_ms, const int16_t *pcm,
                                 uint32_t n, double arrival_ms) nogil
    void vb_jitter_pull(vb_jitter *j, double now_ms, int16_t *dst, uint32_t n) nogil
    int vb_jitter_valid(const vb_jitter *j) nogil
