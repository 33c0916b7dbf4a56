from libc.stdint cimport int16_t, int64_t, uint32_t
from libc.stddef cimport size_t

cdef extern from "vb_ar.h":
    void vb_ar_select(int level) nogil

cdef extern from "vb_conceal.h":
    ctypedef enum vb_conceal_method:
        VB_CONCEAL_AUTO
        VB_CONCEAL_AR
        VB_CONCEAL_PITCH
    ctypedef struct vb_conceal:
        uint32_t rate_hz
        uint32_t method
        uint32_t live
        uint32_t joining
        uint32_t past_at
    enum:
        VB_CONCEAL_KEPT
        VB_CONCEAL_KEPT_WORDS
    void vb_conceal_init(vb_conceal *c, uint32_t rate_hz, vb_conceal_method method) nogil
    int vb_conceal_valid(const vb_conceal *c) nogil
    void vb_conceal_background(vb_conceal *c, float rms, float rho, float floor_rms) nogil
    void vb_conceal_heard(vb_conceal *c, const int16_t *src, size_t n) nogil
    const int16_t *vb_conceal_last(const vb_conceal *c, size_t n) nogil
    void vb_conceal_good(vb_conceal *c, const int16_t *src, int16_t *dst, size_t n) nogil
    void vb_conceal_lost(vb_conceal *c, int16_t *dst, size_t n) nogil
    void vb_conceal_bridge(vb_conceal *c, int16_t *dst, size_t n, const int16_t *next_, size_t n_next) nogil

cdef extern from "vb_pause.h":
    ctypedef struct vb_pause:
        uint32_t voiced
        uint32_t window
    void vb_pause_init(vb_pause *p, uint32_t rate_hz) nogil
    void vb_pause_sums(const int16_t *x, size_t n, int16_t before, int64_t *energy, int64_t *lag1) nogil
    int vb_pause_judge(vb_pause *p, int64_t energy, int64_t lag1, uint32_t n) nogil
    float vb_pause_floor(const vb_pause *p) nogil
    void vb_pause_background(const vb_pause *p, float *rms, float *rho) nogil
