# cython: freethreading_compatible=True
"""16-bit linear PCM: wire bytes in either byte order, and conversion to and from float."""

from libc.string cimport memcpy
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
cimport numpy as cnp

from voiceband.dsp._shared.buffer cimport (
    View, little_endian, refuse_overlap, release, view_bytes, view_out_bytes, view_out_samples, view_samples,
)
from voiceband.dsp._shared.samples cimport not_finite
from voiceband.dsp.cpu cimport VB_OK, import_level, vb_status

cnp.import_array()
vb_l16_select(import_level())

# Below this many samples the kernel is done before another thread could take the GIL.
cdef Py_ssize_t NOGIL_SAMPLES = 500_000


cdef inline bint _foreign(object byteorder) except -1:
    """Return whether samples in this byte order must be swapped."""
    if byteorder == "little":
        return not little_endian()
    if byteorder == "big":
        return little_endian()
    raise ValueError(f'byteorder must be "little" or "big", not {byteorder!r}')


cdef inline void _copy(const char *src, char *dst, Py_ssize_t n, bint swap) noexcept nogil:
    if swap:
        vb_l16_swap(src, dst, n)
    elif n > 0:
        memcpy(dst, src, 2 * n)


cdef inline void _run(const char *src, char *dst, Py_ssize_t n, bint swap) noexcept:
    if n < NOGIL_SAMPLES:
        _copy(src, dst, n, swap)
    else:
        with nogil:
            _copy(src, dst, n, swap)


def l16_decode(data, *, byteorder="little", out=None):
    """Read wire bytes as 16-bit linear PCM.

    Parameters
    ----------
    data : bytes-like, shape (2 n,), uint8
        Two bytes per sample, C-contiguous, at any address.
    byteorder : {"little", "big"}, optional
        Order of the two bytes on the wire. Plivo's streams are little-endian in both directions, although RFC 3551
        defines L16 as big-endian.
    out : ndarray or writable buffer, shape (n,), int16, optional
        Where to write, C-contiguous, not overlapping `data`.

    Returns
    -------
    pcm : ndarray, shape (n,), int16
        Samples, full scale 32768, always a copy; `out` itself when given.

    Raises
    ------
    TypeError
        If `data` or `out` has no buffer.
    ValueError
        If the number of bytes is odd, `byteorder` is neither, a shape, item type or length does not match, `out` is
        read-only, or the two overlap.

    Notes
    -----
    Keeps no state; safe from any thread. The GIL is released from 500 000 samples on.

    Examples
    --------
    >>> l16_decode(b"\\x01\\x00\\xff\\xff").tolist()
    [1, -1]
    >>> l16_decode(b"\\x01\\x00", byteorder="big").tolist()
    [256]
    """
    cdef View src, dst
    cdef cnp.npy_intp n
    cdef bint swap = _foreign(byteorder)
    view_bytes(data, &src, "data")
    try:
        if src.n & 1:
            raise ValueError(f"data must hold whole samples of 2 bytes, not {src.n} bytes")
        n = src.n >> 1
        if out is None:
            result = cnp.PyArray_EMPTY(1, &n, cnp.NPY_INT16, 0)
            _run(src.data, <char *>cnp.PyArray_DATA(<cnp.ndarray>result), n, swap)
        else:
            result = out
            view_out_samples(out, &dst, "out", cnp.NPY_INT16, n)
            refuse_overlap(&src, src.n, &dst, src.n, "data")
            _run(src.data, dst.data, n, swap)
            release(&dst)
    finally:
        release(&src)
    return result


def l16_encode(pcm, *, byteorder="little", out=None):
    """Write 16-bit linear PCM as wire bytes.

    Parameters
    ----------
    pcm : ndarray or buffer, shape (n,), int16
        Samples, full scale 32768, C-contiguous. `bytes`, `bytearray` and memoryviews of bytes are taken as samples in
        the machine's byte order.
    byteorder : {"little", "big"}, optional
        Order of the two bytes on the wire.
    out : writable buffer of 2 n bytes, optional
        Where to write, C-contiguous, not overlapping `pcm`.

    Returns
    -------
    data : bytes, length 2 n
        Two bytes per sample; `out` itself when given.

    Raises
    ------
    TypeError
        If `pcm` or `out` has no buffer.
    ValueError
        If `byteorder` is neither, a shape, item type or length does not match, `out` is read-only, or the two overlap.

    Notes
    -----
    Keeps no state; safe from any thread. The GIL is released from 500 000 samples on.

    Examples
    --------
    >>> l16_encode(np.array([1, -2], np.int16)).hex()
    '0100feff'
    """
    cdef View src, dst
    cdef bint swap = _foreign(byteorder)
    view_samples(pcm, &src, "pcm", cnp.NPY_INT16)
    try:
        if out is None:
            result = PyBytes_FromStringAndSize(NULL, 2 * src.n)
            _run(src.data, PyBytes_AS_STRING(result), src.n, swap)
        else:
            result = out
            view_out_bytes(out, &dst, "out", 2 * src.n)
            refuse_overlap(&src, 2 * src.n, &dst, 2 * src.n, "pcm")
            _run(src.data, dst.data, src.n, swap)
            release(&dst)
    finally:
        release(&src)
    return result


def to_float(pcm, *, out=None):
    """Convert 16-bit linear PCM to float, exactly: full scale 32768 becomes 1.0.

    Parameters
    ----------
    pcm : ndarray or buffer, shape (n,), int16
        Samples, full scale 32768, C-contiguous.
    out : ndarray or writable buffer, shape (n,), float32, optional
        Where to write, C-contiguous, not overlapping `pcm`.

    Returns
    -------
    x : ndarray, shape (n,), float32
        Samples in [-1.0, 32767/32768]; `out` itself when given.

    Raises
    ------
    TypeError
        If `pcm` or `out` has no buffer.
    ValueError
        If a shape, item type or length does not match, `out` is read-only, or the two overlap.

    Notes
    -----
    Keeps no state; safe from any thread. The GIL is released from 500 000 samples on.

    Examples
    --------
    >>> to_float(np.array([16384, -32768], np.int16)).tolist()
    [0.5, -1.0]
    """
    cdef View src, dst
    cdef cnp.npy_intp n
    cdef float *p
    view_samples(pcm, &src, "pcm", cnp.NPY_INT16)
    dst.held = False
    try:
        n = src.n
        if out is None:
            result = cnp.PyArray_EMPTY(1, &n, cnp.NPY_FLOAT32, 0)
            p = <float *>cnp.PyArray_DATA(<cnp.ndarray>result)
        else:
            result = out
            view_out_samples(out, &dst, "out", cnp.NPY_FLOAT32, n)
            refuse_overlap(&src, 2 * n, &dst, 4 * n, "pcm")
            p = <float *>dst.data
        if n < NOGIL_SAMPLES:
            vb_l16_to_float(<const int16_t *>src.data, p, n)
        else:
            with nogil:
                vb_l16_to_float(<const int16_t *>src.data, p, n)
    finally:
        release(&src)
        release(&dst)
    return result


def to_int16(x, *, out=None):
    """Convert float samples to 16-bit linear PCM: full scale 1.0 becomes 32768, rounded half to even, saturated.

    Parameters
    ----------
    x : ndarray or buffer, shape (n,), float32
        Samples, full scale 1.0, C-contiguous, all finite.
    out : ndarray or writable buffer, shape (n,), int16, optional
        Where to write, C-contiguous, not overlapping `x`.

    Returns
    -------
    pcm : ndarray, shape (n,), int16
        Samples in [-32768, 32767]; `out` itself when given.

    Raises
    ------
    TypeError
        If `x` or `out` has no buffer.
    ValueError
        If `x` holds a NaN or an infinity (what `out` then holds is undefined), a shape, item type or length does not
        match, `out` is read-only, or the two overlap.

    Notes
    -----
    Keeps no state; safe from any thread. The GIL is released from 500 000 samples on.

    Examples
    --------
    >>> to_int16(np.array([0.5, 1.0, -2.0], np.float32)).tolist()
    [16384, 32767, -32768]
    """
    cdef View src, dst
    cdef cnp.npy_intp n
    cdef int16_t *p
    cdef vb_status status
    view_samples(x, &src, "x", cnp.NPY_FLOAT32)
    dst.held = False
    try:
        n = src.n
        if out is None:
            result = cnp.PyArray_EMPTY(1, &n, cnp.NPY_INT16, 0)
            p = <int16_t *>cnp.PyArray_DATA(<cnp.ndarray>result)
        else:
            result = out
            view_out_samples(out, &dst, "out", cnp.NPY_INT16, n)
            refuse_overlap(&src, 4 * n, &dst, 2 * n, "x")
            p = <int16_t *>dst.data
        if n < NOGIL_SAMPLES:
            status = vb_l16_to_int16(<const float *>src.data, p, n)
        else:
            with nogil:
                status = vb_l16_to_int16(<const float *>src.data, p, n)
        if status != VB_OK:
            raise ValueError(not_finite(src.data, n))
    finally:
        release(&src)
        release(&dst)
    return result
