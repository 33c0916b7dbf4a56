# cython: freethreading_compatible=True
"""G.711 mu-law companding between 8-bit codes and 16-bit linear PCM."""

from libc.stdint cimport int16_t, uint8_t
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
cimport numpy as cnp

from voiceband.dsp._buffer cimport (
    View, refuse_overlap, release, view_bytes, view_out_bytes, view_out_samples, view_samples,
)
from voiceband.dsp.cpu cimport import_level, vb_simd

cdef extern from "vb_ulaw.h":
    void vb_ulaw_select(vb_simd level) nogil
    void vb_ulaw_decode(const uint8_t *src, int16_t *dst, size_t n) nogil
    void vb_ulaw_encode(const int16_t *src, uint8_t *dst, size_t n) nogil

cnp.import_array()
vb_ulaw_select(import_level())

# Below this many samples the kernel is done before another thread could take the GIL.
cdef Py_ssize_t NOGIL_SAMPLES = 200_000


cdef inline void _decode(const View *src, int16_t *dst) noexcept:
    if src.n < NOGIL_SAMPLES:
        vb_ulaw_decode(<const uint8_t *>src.data, dst, src.n)
    else:
        with nogil:
            vb_ulaw_decode(<const uint8_t *>src.data, dst, src.n)


cdef inline void _encode(const View *src, uint8_t *dst) noexcept:
    if src.n < NOGIL_SAMPLES:
        vb_ulaw_encode(<const int16_t *>src.data, dst, src.n)
    else:
        with nogil:
            vb_ulaw_encode(<const int16_t *>src.data, dst, src.n)


def ulaw_decode(data, *, out=None):
    """Expand G.711 mu-law codes to 16-bit linear PCM.

    Codes 0x7F and 0xFF both decode to zero.

    Parameters
    ----------
    data : bytes-like, shape (n,), uint8
        One mu-law code per sample, C-contiguous. Every code 0-255 is valid.
    out : ndarray or writable buffer, shape (n,), int16, optional
        Where to write, C-contiguous, not overlapping `data`.

    Returns
    -------
    pcm : ndarray, shape (n,), int16
        Samples in [-32124, 32124], full scale 32768; `out` itself when given.

    Raises
    ------
    TypeError
        If `data` or `out` has no buffer.
    ValueError
        If a shape, item type or length does not match, `out` is read-only, or the two overlap.

    Notes
    -----
    Keeps no state; safe from any thread. The GIL is released from 200 000 samples on.

    References
    ----------
    .. [1] ITU-T G.711 (11/88), table 2, decoder output values.

    Examples
    --------
    >>> ulaw_decode(b"\\xff\\x80\\x00").tolist()
    [0, 32124, -32124]
    """
    cdef View src, dst
    cdef cnp.npy_intp n
    view_bytes(data, &src, "data")
    if out is None:
        n = src.n
        try:
            pcm = cnp.PyArray_EMPTY(1, &n, cnp.NPY_INT16, 0)
            _decode(&src, <int16_t *>cnp.PyArray_DATA(<cnp.ndarray>pcm))
        finally:
            release(&src)
        return pcm
    try:
        view_out_samples(out, &dst, "out", cnp.NPY_INT16, src.n)
        refuse_overlap(&src, src.n, &dst, 2 * src.n, "data")
        _decode(&src, <int16_t *>dst.data)
        release(&dst)
    finally:
        release(&src)
    return out


def ulaw_encode(pcm, *, out=None):
    """Compress 16-bit linear PCM to G.711 mu-law codes.

    Parameters
    ----------
    pcm : ndarray or buffer, shape (n,), int16
        Samples, full scale 32768, C-contiguous. `bytes`, `bytearray` and memoryviews of bytes are taken as samples in
        the machine's byte order.
    out : writable buffer of n bytes, optional
        Where to write, C-contiguous, not overlapping `pcm`.

    Returns
    -------
    data : bytes, length n
        One mu-law code per sample; `out` itself when given.

    Raises
    ------
    TypeError
        If `pcm` or `out` has no buffer.
    ValueError
        If a shape, item type or length does not match, `out` is read-only, or the two overlap.

    Notes
    -----
    Negative samples are taken in one's complement, as the ITU's reference software does. `audioop.lin2ulaw` rounds
    towards minus infinity first, and so differs by one code on 508 of the 65 536 inputs, all negative.
    Keeps no state; safe from any thread. The GIL is released from 200 000 samples on.

    References
    ----------
    .. [1] ITU-T G.711 (11/88), table 2, and the software model of ITU-T G.191 (2019), module G711.

    Examples
    --------
    >>> ulaw_encode(np.array([0, -1, 32767], np.int16)).hex()
    'ff7f80'
    """
    cdef View src, dst
    view_samples(pcm, &src, "pcm", cnp.NPY_INT16)
    if out is None:
        try:
            data = PyBytes_FromStringAndSize(NULL, src.n)
            _encode(&src, <uint8_t *>PyBytes_AS_STRING(data))
        finally:
            release(&src)
        return data
    try:
        view_out_bytes(out, &dst, "out", src.n)
        refuse_overlap(&src, 2 * src.n, &dst, src.n, "pcm")
        _encode(&src, <uint8_t *>dst.data)
        release(&dst)
    finally:
        release(&src)
    return out
