cdef extern from "vb_status.h":
    ctypedef enum vb_status:
        VB_OK
        VB_ERR_MEMORY
        VB_ERR_ARGUMENT
        VB_ERR_NOT_FINITE
        VB_ERR_ROOM
        VB_ERR_DATA

cdef extern from "vb_cpu.h":
    ctypedef enum vb_simd:
        VB_SIMD_SCALAR
        VB_SIMD_AVX2
        VB_SIMD_AVX512
    vb_simd vb_cpu_best() nogil
    vb_status vb_cpu_level(vb_simd *level) nogil
    const char *vb_cpu_name(vb_simd level) nogil


cdef inline vb_simd import_level() except *:
    """Return the level that a kernel module selects when it is imported."""
    cdef vb_simd level
    if vb_cpu_level(&level) != VB_OK:
        import os
        raise ImportError(f"VOICEBAND_SIMD must be scalar, avx2 or avx512, not {os.environ.get('VOICEBAND_SIMD')!r}")
    return level
