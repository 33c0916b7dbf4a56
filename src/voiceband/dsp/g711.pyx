# cython: freethreading_compatible=True
"""G.711 companding, mu-law and A-law, between 8-bit codes and 16-bit linear PCM."""

from libc.stdint cimport int16_t, uint8_t
cimport numpy as cnp

from voiceband.dsp._shared.buffer cimport View, mapped, view_bytes, view_samples
from voiceband.dsp.cpu cimport VB_OK, import_level, vb_status

cnp.import_array()
vb_g711_select(import_level())

# Below this many samples the kernel is done before another thread could take the GIL.
cdef Py_ssize_t NOGIL_SAMPLES = 200_000


cdef vb_status _ulaw_decode(const char *src, char *dst, size_t n) noexcept nogil:
    vb_ulaw_decode(<const uint8_t *>src, <int16_t *>dst, n)
    return VB_OK


cdef vb_status _ulaw_encode(const char *src, char *dst, size_t n) noexcept nogil:
    vb_ulaw_encode(<const int16_t *>src, <uint8_t *>dst, n)
    return VB_OK


cdef vb_status _alaw_decode(const char *src, char *dst, size_t n) noexcept nogil:
    vb_alaw_decode(<const uint8_t *>src, <int16_t *>dst, n)
    return VB_OK


cdef vb_status _alaw_encode(const char *src, char *dst, size_t n) noexcept nogil:
    vb_alaw_encode(<const int16_t *>src, <uint8_t *>dst, n)
    return VB_OK


def ulaw_decode(data, *, out=None):
    """Expand G.711 mu-law codes to 16-bit linear PCM.

    Codes 0x7F and 0xFF both decode to zero.

    Parameters
    ----------
    data : bytes-like, shape (n,), uint8
        One mu-law code per sample. Every code 0-255 is valid.
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
    cdef View src
    view_bytes(data, &src, "data")
    return mapped(&src, "data", src.n, _ulaw_decode, src.n, out, cnp.NPY_INT16, src.n, NOGIL_SAMPLES)


def ulaw_encode(pcm, *, out=None):
    """Compress 16-bit linear PCM to G.711 mu-law codes.

    Parameters
    ----------
    pcm : ndarray or buffer, shape (n,), int16
        Samples, full scale 32768; other integers and floats are converted as `Resampler.process` does. Buffers of
        bytes are taken as samples in the machine's byte order.
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
        If a shape, item type or length does not match, a float is not finite, `out` is read-only, or the two overlap.

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
    cdef View src
    view_samples(pcm, &src, "pcm", cnp.NPY_INT16)
    return mapped(&src, "pcm", 2 * src.n, _ulaw_encode, src.n, out, cnp.NPY_UINT8, src.n, NOGIL_SAMPLES)


def alaw_decode(data, *, out=None):
    """Expand G.711 A-law codes to 16-bit linear PCM.

    As `ulaw_decode`, but no code decodes to zero: the smallest magnitude is 8.

    Parameters
    ----------
    data : bytes-like, shape (n,), uint8
        One A-law code per sample.
    out : ndarray or writable buffer, shape (n,), int16, optional
        Where to write.

    Returns
    -------
    pcm : ndarray, shape (n,), int16
        Samples in [-32256, 32256], full scale 32768; `out` itself when given.

    References
    ----------
    .. [1] ITU-T G.711 (11/88), table 1, decoder output values.

    Examples
    --------
    >>> alaw_decode(b"\\xd5\\xaa\\x2a").tolist()
    [8, 32256, -32256]
    """
    cdef View src
    view_bytes(data, &src, "data")
    return mapped(&src, "data", src.n, _alaw_decode, src.n, out, cnp.NPY_INT16, src.n, NOGIL_SAMPLES)


def alaw_encode(pcm, *, out=None):
    """Compress 16-bit linear PCM to G.711 A-law codes.

    As `ulaw_encode`; negative samples are taken in one's complement too, and `audioop.lin2alaw` agrees on all of them.

    Parameters
    ----------
    pcm : ndarray or buffer, shape (n,), int16
        Samples, full scale 32768.
    out : writable buffer of n bytes, optional
        Where to write.

    Returns
    -------
    data : bytes, length n
        One A-law code per sample; `out` itself when given.

    References
    ----------
    .. [1] ITU-T G.711 (11/88), table 1, and the software model of ITU-T G.191 (2019), module G711.

    Examples
    --------
    >>> alaw_encode(np.array([0, -1, 32767], np.int16)).hex()
    'd555aa'
    """
    cdef View src
    view_samples(pcm, &src, "pcm", cnp.NPY_INT16)
    return mapped(&src, "pcm", 2 * src.n, _alaw_encode, src.n, out, cnp.NPY_UINT8, src.n, NOGIL_SAMPLES)
