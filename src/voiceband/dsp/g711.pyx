# cython: freethreading_compatible=True
"""G.711 companding, mu-law and A-law, between 8-bit codes and 16-bit linear PCM."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
cimport numpy as cnp

from voiceband.dsp._shared.buffer cimport (
    View, refuse_overlap, release, view_bytes, view_out_bytes, view_out_samples, view_samples,
)
from voiceband.dsp.cpu cimport import_level

ctypedef void (*Decode)(const uint8_t *src, int16_t *dst, size_t n) noexcept nogil
ctypedef void (*Encode)(const int16_t *src, uint8_t *dst, size_t n) noexcept nogil

cnp.import_array()
vb_g711_select(import_level())

# Below this many samples the kernel is done before another thread could take the GIL.
cdef Py_ssize_t NOGIL_SAMPLES = 200_000


cdef inline void _run_decode(Decode kernel, const View *src, char *dst) noexcept:
    if src.n < NOGIL_SAMPLES:
        kernel(<const uint8_t *>src.data, <int16_t *>dst, src.n)
    else:
        with nogil:
            kernel(<const uint8_t *>src.data, <int16_t *>dst, src.n)


cdef inline void _run_encode(Encode kernel, const View *src, char *dst) noexcept:
    if src.n < NOGIL_SAMPLES:
        kernel(<const int16_t *>src.data, <uint8_t *>dst, src.n)
    else:
        with nogil:
            kernel(<const int16_t *>src.data, <uint8_t *>dst, src.n)


cdef inline object _decode(Decode kernel, object data, object out):
    """Expand codes by one of the laws, to `out` or to a new array."""
    cdef View src, dst
    cdef cnp.npy_intp n
    view_bytes(data, &src, "data")
    if out is None:
        n = src.n
        try:
            pcm = cnp.PyArray_EMPTY(1, &n, cnp.NPY_INT16, 0)
            _run_decode(kernel, &src, <char *>cnp.PyArray_DATA(<cnp.ndarray>pcm))
        finally:
            release(&src)
        return pcm
    try:
        view_out_samples(out, &dst, "out", cnp.NPY_INT16, src.n)
        refuse_overlap(&src, src.n, &dst, 2 * src.n, "data")
        _run_decode(kernel, &src, dst.data)
        release(&dst)
    finally:
        release(&src)
    return out


cdef inline object _encode(Encode kernel, object pcm, object out):
    """Compress samples by one of the laws, to `out` or to new bytes."""
    cdef View src, dst
    view_samples(pcm, &src, "pcm", cnp.NPY_INT16)
    if out is None:
        try:
            data = PyBytes_FromStringAndSize(NULL, src.n)
            _run_encode(kernel, &src, PyBytes_AS_STRING(data))
        finally:
            release(&src)
        return data
    try:
        view_out_bytes(out, &dst, "out", src.n)
        refuse_overlap(&src, 2 * src.n, &dst, src.n, "pcm")
        _run_encode(kernel, &src, dst.data)
        release(&dst)
    finally:
        release(&src)
    return out


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
    return _decode(vb_ulaw_decode, data, out)


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
    return _encode(vb_ulaw_encode, pcm, out)


def alaw_decode(data, *, out=None):
    """Expand G.711 A-law codes to 16-bit linear PCM.

    No code decodes to zero; the smallest magnitude is 8.

    Parameters
    ----------
    data : bytes-like, shape (n,), uint8
        One A-law code per sample, C-contiguous. Every code 0-255 is valid.
    out : ndarray or writable buffer, shape (n,), int16, optional
        Where to write, C-contiguous, not overlapping `data`.

    Returns
    -------
    pcm : ndarray, shape (n,), int16
        Samples in [-32256, 32256], full scale 32768; `out` itself when given.

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
    .. [1] ITU-T G.711 (11/88), table 1, decoder output values.

    Examples
    --------
    >>> alaw_decode(b"\\xd5\\xaa\\x2a").tolist()
    [8, 32256, -32256]
    """
    return _decode(vb_alaw_decode, data, out)


def alaw_encode(pcm, *, out=None):
    """Compress 16-bit linear PCM to G.711 A-law codes.

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
        One A-law code per sample; `out` itself when given.

    Raises
    ------
    TypeError
        If `pcm` or `out` has no buffer.
    ValueError
        If a shape, item type or length does not match, `out` is read-only, or the two overlap.

    Notes
    -----
    Negative samples are taken in one's complement, as the ITU's reference software does; `audioop.lin2alaw` agrees.
    Keeps no state; safe from any thread. The GIL is released from 200 000 samples on.

    References
    ----------
    .. [1] ITU-T G.711 (11/88), table 1, and the software model of ITU-T G.191 (2019), module G711.

    Examples
    --------
    >>> alaw_encode(np.array([0, -1, 32767], np.int16)).hex()
    'd555aa'
    """
    return _encode(vb_alaw_encode, pcm, out)
