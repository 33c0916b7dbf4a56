from libc.stdint cimport int16_t

from voiceband.dsp.cpu cimport vb_simd, vb_status

cdef extern from "vb_denoise.h":
    ctypedef struct vb_denoise:
        pass
    ctypedef struct vb_denoise_info:
        float noise_power
        float speech_power
        float speech_probability
    void vb_denoise_select(vb_simd level) nogil
    vb_status vb_denoise_create(int rate_hz, int low_latency, double level, vb_denoise **out) nogil
    void vb_denoise_destroy(vb_denoise *d) nogil
    void vb_denoise_reset(vb_denoise *d) nogil
    vb_status vb_denoise_set_level(vb_denoise *d, double level) nogil
    double vb_denoise_level(const vb_denoise *d) nogil
    size_t vb_denoise_hop(const vb_denoise *d) nogil
    size_t vb_denoise_latency(const vb_denoise *d) nogil
    size_t vb_denoise_pending(const vb_denoise *d) nogil
    size_t vb_denoise_max_out(const vb_denoise *d, size_t n) nogil
    vb_status vb_denoise_process_i16(vb_denoise *d, const int16_t *src, size_t n, int16_t *dst, size_t dst_cap,
                                     size_t *n_out) nogil
    vb_status vb_denoise_process_f32(vb_denoise *d, const float *src, size_t n, float *dst, size_t dst_cap,
                                     size_t *n_out) nogil
    void vb_denoise_get_info(const vb_denoise *d, vb_denoise_info *info) nogil
    size_t vb_denoise_state_size(const vb_denoise *d) nogil
    void vb_denoise_save(const vb_denoise *d, void *bytes) nogil
    vb_status vb_denoise_restore(vb_denoise *d, const void *bytes, size_t size) nogil
