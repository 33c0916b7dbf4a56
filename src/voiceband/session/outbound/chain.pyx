# cython: freethreading_compatible=True, auto_pickle=False
"""A synthesiser's usual piece in one go: samples at its rate -> the wire's bytes, behind those that wait."""

cimport numpy as cnp
from libc.stdint cimport int16_t, uint8_t
from libc.string cimport memcpy
from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_GET_SIZE, PyByteArray_Resize

from voiceband.dsp._shared.buffer cimport little_endian
from voiceband.dsp.cpu cimport import_level
from voiceband.dsp.g711 cimport vb_alaw_encode, vb_g711_select, vb_ulaw_encode
from voiceband.dsp.l16 cimport vb_l16_select, vb_l16_swap
from voiceband.dsp.resample cimport Resampler
from voiceband.dsp.sound cimport SoundGuard
from voiceband.session._codec cimport ALAW, L16_BIG, MULAW, codec_of

cdef extern from *:
    """
    enum { MAX_SAMPLES = 4096 }; /* of one piece on the wire: a quarter of a second of the fastest one */
    """
    enum:
        MAX_SAMPLES

cnp.import_array()
vb_g711_select(import_level())
vb_l16_select(import_level())


cdef class OutboundChain:
    """Turns int16 samples into wire bytes, on the very state of a `Resampler`.

    Parameters
    ----------
    codec : {"mulaw", "alaw", "l16", "l16-big"}
        What the wire carries.
    resampler : Resampler or None
        Of int16, to the wire's rate.
    guard : SoundGuard or None
        Hears the samples.
    warn : callable
        Takes the list of what it finds.
    """

    def __cinit__(self, str codec not None, Resampler resampler, SoundGuard guard, warn):
        self._codec = codec_of(codec)
        self._resampler = resampler
        self._guard = guard
        self._warn = warn

    cpdef Py_ssize_t append(self, pcm, bytearray wire) except -2:
        """Append what a piece gives, and return how many bytes that is.

        Parameters
        ----------
        pcm : object
            Samples; anything but a plain ndarray of int16, and a long one, is not taken.
        wire : bytearray
            Where to append.

        Returns
        -------
        int
            Bytes; -1 if the piece was not taken, and nothing has changed then.

        Raises
        ------
        BufferError
            If the bytearray cannot grow.
        RuntimeError
            If another thread is using the resampler. Nothing has changed then either.
        """
        cdef int16_t converted[MAX_SAMPLES]
        cdef const int16_t *src
        cdef Py_ssize_t n, before = PyByteArray_GET_SIZE(wire), size
        if not cnp.PyArray_CheckExact(pcm) or cnp.PyArray_TYPE(<cnp.ndarray>pcm) != cnp.NPY_INT16 \
                or cnp.PyArray_NDIM(<cnp.ndarray>pcm) != 1 or not cnp.PyArray_ISCARRAY_RO(<cnp.ndarray>pcm):
            return -1
        src = <const int16_t *>cnp.PyArray_DATA(<cnp.ndarray>pcm)
        n = cnp.PyArray_DIM(<cnp.ndarray>pcm, 0)
        if n > 16 * MAX_SAMPLES:
            return -1
        size = n if self._resampler is None else self._resampler.most(n)
        if size > MAX_SAMPLES:
            return -1
        size *= 1 if self._codec <= ALAW else 2
        PyByteArray_Resize(wire, before + size)  # may fail: before the resampler has taken the piece
        if self._resampler is not None:
            try:
                n = self._resampler.convert_into(src, n, converted, MAX_SAMPLES)
            except BaseException:
                PyByteArray_Resize(wire, before)
                raise
            src = converted
            size = n if self._codec <= ALAW else 2 * n
            PyByteArray_Resize(wire, before + size)
        self._write(src, n, PyByteArray_AS_STRING(wire) + before)
        if self._guard is not None:
            found = self._guard.hear(cnp.PyArray_DATA(<cnp.ndarray>pcm), 2 * cnp.PyArray_DIM(<cnp.ndarray>pcm, 0))
            if found is not None:
                self._warn(found)
        return size

    cdef void _write(self, const int16_t *src, Py_ssize_t n, char *dst) noexcept:
        if self._codec == MULAW:
            vb_ulaw_encode(src, <uint8_t *>dst, n)
        elif self._codec == ALAW:
            vb_alaw_encode(src, <uint8_t *>dst, n)
        elif (self._codec == L16_BIG) == little_endian():
            vb_l16_swap(src, dst, n)
        else:
            memcpy(dst, src, 2 * n)
