from libc.stddef cimport size_t
from libc.stdint cimport uint32_t, uint64_t

from voiceband.dsp._shared.buffer cimport View
from voiceband.dsp._shared.guard cimport vb_guard
from voiceband.dsp.cpu cimport vb_simd, vb_status

cdef extern from "vb_resample_design.h":
    ctypedef enum vb_resample_quality:
        pass
    ctypedef struct vb_resample_design:
        uint32_t up
        uint32_t down
        uint32_t delay
        uint32_t n_taps
    vb_status vb_resample_design_create(
        uint32_t up, uint32_t down, vb_resample_quality quality, vb_resample_design **design) nogil
    void vb_resample_design_destroy(vb_resample_design *design) nogil

cdef extern from "vb_resample.h":
    ctypedef enum vb_resample_format:
        VB_RESAMPLE_INT16
        VB_RESAMPLE_FLOAT32
    ctypedef struct vb_resample:
        pass
    void vb_resample_select(vb_simd level) nogil
    vb_status vb_resample_create(
        const vb_resample_design *design, vb_resample_format format, vb_resample **stream) nogil
    void vb_resample_destroy(vb_resample *stream) nogil
    void vb_resample_reset(vb_resample *stream, uint32_t fade_in, uint32_t fade_out) nogil
    void vb_resample_skip(vb_resample *stream, size_t n) nogil
    size_t vb_resample_output_len(const vb_resample *stream, size_t n) nogil
    size_t vb_resample_flush_len(const vb_resample *stream) nogil
    vb_status vb_resample_process(
        vb_resample *stream, const void *src, size_t n, void *dst, size_t dst_cap, size_t *n_out) nogil
    vb_status vb_resample_flush(vb_resample *stream, void *dst, size_t dst_cap, size_t *n_out) nogil
    uint64_t vb_resample_clipped(const vb_resample *stream) nogil
    size_t vb_resample_state_size(const vb_resample *stream) nogil
    void vb_resample_save(const vb_resample *stream, void *dst) nogil
    vb_status vb_resample_load(vb_resample *stream, const void *src, size_t n) nogil


cdef class _Design:
    cdef vb_resample_design *_c


cdef class Resampler:
    cdef vb_resample *_c
    cdef vb_guard _guard
    cdef _Design _design
    cdef int _type, _rate_in, _rate_out
    cdef double _cost        # multiplications an input sample
    cdef str _quality

    cdef int _run(self, View *src, char *dst, size_t room) except -1
    cdef Py_ssize_t most(self, Py_ssize_t n) noexcept
    cdef object convert(self, const void *src, Py_ssize_t n)
    cdef Py_ssize_t convert_into(self, const void *src, Py_ssize_t n, void *dst, size_t room) except -1
