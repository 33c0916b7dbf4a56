# cython: freethreading_compatible=True
"""16-bit linear PCM: wire bytes in either byte order, and conversion to and from float."""

from libc.stdint cimport int16_t
from libc.string cimport memcpy
cimport numpy as cnp

from voiceband.dsp._shared.arguments cimport read_choice
from voiceband.dsp._shared.buffer cimport View, little_endian, mapped, release, sample_type_of, view_bytes, view_samples
from voiceband.dsp.cpu cimport VB_OK, import_level, vb_status

cnp.import_array()
vb_l16_select(import_level())

# Below this many samples the kernel is done before another thread could take the GIL.
cdef Py_ssize_t NOGIL_SAMPLES = 500_000


cdef vb_status _copy(const char *src, char *dst, size_t n) noexcept nogil:
    if n > 0:
        memcpy(dst, src, 2 * n)
    return VB_OK


cdef vb_status _swap(const char *src, char *dst, size_t n) noexcept nogil:
    vb_l16_swap(src, dst, n)
    return VB_OK


cdef vb_status _to_float(const char *src, char *dst, size_t n) noexcept nogil:
    vb_l16_to_float(<const int16_t *>src, <float *>dst, n)
    return VB_OK


cdef vb_status _to_int16(const char *src, char *dst, size_t n) noexcept nogil:
    return vb_l16_to_int16(<const float *>src, <int16_t *>dst, n)


cdef inline bint _foreign(object byteorder) except -1:
    """Return whether samples in this byte order must be swapped."""
    if byteorder == "little":
        return not little_endian()
    if byteorder == "big":
        return little_endian()
    return read_choice("byteorder", byteorder, ("little", "big"))


def l16_decode(data, *, byteorder="little", out=None):
    """Read wire bytes as 16-bit linear PCM.

    Parameters
    ----------
    data : bytes-like, shape (2 n,), uint8
        Two bytes per sample.
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
    cdef View src
    cdef bint swap = _foreign(byteorder)
    view_bytes(data, &src, "data")
    if src.n & 1:
        odd = src.n
        release(&src)
        raise ValueError(f"data must hold whole samples of 2 bytes, not {odd} bytes")
    return mapped(&src, "data", src.n, _swap if swap else _copy, src.n >> 1, out, cnp.NPY_INT16, src.n >> 1,
                  NOGIL_SAMPLES)


def l16_encode(pcm, *, byteorder="little", out=None):
    """Write 16-bit linear PCM as wire bytes.

    Parameters
    ----------
    pcm : ndarray or buffer, shape (n,), int16
        Samples, full scale 32768; other integers and floats are converted as `Resampler.process` does. Buffers of
        bytes are taken as samples in the machine's byte order.
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
        If `byteorder` is neither, a shape, item type or length does not match, a float is not finite, `out` is
        read-only, or the two overlap.

    Notes
    -----
    Keeps no state; safe from any thread. The GIL is released from 500 000 samples on.

    Examples
    --------
    >>> l16_encode(np.array([1, -2], np.int16)).hex()
    '0100feff'
    """
    cdef View src
    cdef bint swap = _foreign(byteorder)
    view_samples(pcm, &src, "pcm", cnp.NPY_INT16)
    return mapped(&src, "pcm", 2 * src.n, _swap if swap else _copy, src.n, out, cnp.NPY_UINT8, 2 * src.n, NOGIL_SAMPLES)


def to_float(pcm, *, out=None):
    """Convert 16-bit linear PCM to float, exactly: full scale 32768 becomes 1.0.

    Parameters
    ----------
    pcm : ndarray or buffer, shape (n,), int16
        Samples, full scale 32768; integers of other widths saturate.
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
    cdef View src
    if not (cnp.PyArray_CheckExact(pcm) and cnp.PyArray_TYPE(<cnp.ndarray>pcm) == cnp.NPY_INT16) \
            and sample_type_of(pcm, "pcm") == cnp.NPY_FLOAT32:
        raise ValueError(f"pcm must hold integers, not floats ({type(pcm).__name__}): those need no to_float")
    view_samples(pcm, &src, "pcm", cnp.NPY_INT16)
    return mapped(&src, "pcm", 2 * src.n, _to_float, src.n, out, cnp.NPY_FLOAT32, src.n, NOGIL_SAMPLES)


def to_int16(x, *, out=None):
    """Convert float samples to 16-bit linear PCM: full scale 1.0 becomes 32768, rounded half to even, saturated.

    Parameters
    ----------
    x : ndarray or buffer, shape (n,), float32
        Samples, full scale 1.0, all finite; floats of other widths become float32 first, integers stay as they are.
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
    cdef View src
    view_samples(x, &src, "x", cnp.NPY_FLOAT32)
    return mapped(&src, "x", 4 * src.n, _to_int16, src.n, out, cnp.NPY_INT16, src.n, NOGIL_SAMPLES)
