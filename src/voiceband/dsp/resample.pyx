# cython: freethreading_compatible=True, auto_pickle=False
"""Sample-rate conversion for streams: exact sizes, a few milliseconds of delay, the same bits for any chunking."""

import threading
from math import gcd

import numpy as np  # no-cython-lint: for the examples in the docstrings

from libc.stdint cimport uint32_t
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
cimport numpy as cnp

from voiceband.dsp._shared.arguments cimport read_choice, read_count, read_index, read_setting
from voiceband.dsp._shared.buffer cimport View, refuse_overlap, release, sample_type_of, view_out_exactly, view_samples
from voiceband.dsp._shared.guard cimport enter, vb_guard_leave
from voiceband.dsp._shared.samples cimport item_size, not_finite, sample_dtype, sample_type
from voiceband.dsp.cpu cimport VB_ERR_DATA, VB_ERR_NOT_FINITE, VB_OK, import_level, vb_status

cnp.import_array()
vb_resample_select(import_level())

include "_filters.pxi"

cdef double FADE_MS_MAX = 1000.0

# From this many multiplications a call takes tens of microseconds, and other threads may run meanwhile.
cdef double NOGIL_MULTIPLICATIONS = 500_000.0


cdef class Resampler:
    """Resampler(rate_in, rate_out, *, dtype='int16', quality='voice')\n--\n\n\
    Convert a stream of samples from one rate to another, block by block.

    A push of a whole number of periods (20 ms is one at every telephony rate) returns exactly its share of output
    samples, from the first push on; any other split gives ``floor(n * rate_out / rate_in)`` samples after `n` inputs.
    The samples do not depend on how the stream was split, nor on the processor.

    Parameters
    ----------
    rate_in, rate_out : int, Hz
        Any two of 8000, 16000, 22050, 24000, 32000, 44100 and 48000, and any other rates from 4000 to 192000 Hz whose
        ratio in lowest terms has no term above 1000. Equal rates pass the samples through.
    dtype : {"int16", "float32"} or the numpy type, optional
        Of input and output. The arithmetic is float32 for both; int16 is rounded half to even and saturated.
    quality : {"voice", "wide", "fast"}, optional
        The filter, in units of the lower Nyquist frequency (4 kHz between 8 and 16 kHz): "voice" passes up to 0.85
        within 0.01 dB and rejects aliases and images from 1.15 by 90 dB, 2.3 ms late; "wide" 0.95, 1.05, 100 dB,
        7.7 ms; "fast" 0.75, 1.25 within 0.05 dB, 70 dB, 1.1 ms.

    Raises
    ------
    TypeError
        If a rate is not an integer or `dtype` is no type.
    ValueError
        If the rates, `dtype` or `quality` are not supported.

    Notes
    -----
    Latency: exactly `delay` output samples at every frequency.
    Threads: one object is for one thread at a time; a second one gets a RuntimeError. Long blocks release the GIL.
    Pickling keeps the state: a copy goes on with the same bits.
    Filters of K = 2, 3, 4 and 6 (the larger term of the ratio) are tables; others are designed at their first use and
    shared by all objects of the process.

    References
    ----------
    .. [1] R. E. Crochiere and L. R. Rabiner, "Multirate Digital Signal Processing", Prentice-Hall, 1983, ch. 4.
    .. [2] F. Mintzer, "On half-band, third-band, and Nth-band FIR filters and their design", IEEE Trans. ASSP 30(5),
       1982.

    Examples
    --------
    >>> resampler = Resampler(8000, 16000)
    >>> [len(resampler.process(np.zeros(160, np.int16))) for _ in range(3)]
    [320, 320, 320]
    >>> resampler.delay
    37
    """

    def __cinit__(self, rate_in, rate_out, *, dtype="int16", quality="voice"):
        self._type = sample_type(dtype)
        self._design = _design(rate_in, rate_out, quality)
        self._rate_in = rate_in
        self._rate_out = rate_out
        self._quality = quality
        self._cost = <double>self._design._c.n_taps / self._design._c.down
        if vb_resample_create(self._design._c, VB_RESAMPLE_INT16 if self._type == cnp.NPY_INT16 else
                              VB_RESAMPLE_FLOAT32, &self._c) != VB_OK:
            raise MemoryError("no memory for a resampling stream")

    def __dealloc__(self):
        vb_resample_destroy(self._c)

    cdef int _run(self, View *src, char *dst, size_t room) except -1:
        cdef vb_status status
        cdef size_t n_out
        if src.n * self._cost < NOGIL_MULTIPLICATIONS:
            status = vb_resample_process(self._c, src.data, src.n, dst, room, &n_out)
        else:
            with nogil:
                status = vb_resample_process(self._c, src.data, src.n, dst, room, &n_out)
        if status == VB_ERR_NOT_FINITE:
            raise ValueError(not_finite(src.data, src.n, "x"))
        return 0

    cdef Py_ssize_t most(self, Py_ssize_t n) noexcept:
        """How many samples n more give at the most, wherever in its period the stream is."""
        return (n * <Py_ssize_t>self._design._c.up + self._design._c.down - 1) // self._design._c.down

    cdef object convert(self, const void *src, Py_ssize_t n):
        """Do what `process` does for n samples of the right type in native memory, finite and not many."""
        cdef cnp.npy_intp length
        cdef size_t n_out
        enter(&self._guard, self)
        try:
            length = <cnp.npy_intp>vb_resample_output_len(self._c, n)
            y = cnp.PyArray_EMPTY(1, &length, self._type, 0)
            vb_resample_process(self._c, src, n, cnp.PyArray_DATA(<cnp.ndarray>y), length, &n_out)
        finally:
            vb_guard_leave(&self._guard)
        return y

    cdef Py_ssize_t convert_into(self, const void *src, Py_ssize_t n, void *dst, size_t room) except -1:
        """Likewise, into memory with enough room; return how many samples that gave."""
        cdef size_t n_out
        enter(&self._guard, self)
        vb_resample_process(self._c, src, n, dst, room, &n_out)
        vb_guard_leave(&self._guard)
        return <Py_ssize_t>n_out

    def process(self, x, out=None):
        """Convert the next samples of the stream.

        Parameters
        ----------
        x : ndarray or buffer, shape (n,) or (n, 1), of the resampler's dtype
            Samples, int16 of full scale 32768 or finite float32 of full scale 1.0. Any n, zero included. What is
            strided, or of another width, is copied first: integers saturate to int16, floats have full scale 1.0.
            Buffers of bytes hold samples in the machine's byte order.
        out : ndarray or writable buffer, shape (output_len(n),), of the same dtype, optional
            Where to write, C-contiguous, not overlapping `x`.

        Returns
        -------
        y : ndarray, shape (output_len(n),), of the resampler's dtype
            Samples at `rate_out`, `latency` seconds late; `out` itself when given.

        Raises
        ------
        TypeError
            If `x` or `out` has no buffer.
        ValueError
            If `x` has more than one channel or is of uint8 or bool, a float is NaN or infinite, or `out` has
            another dtype or length, is read-only or overlaps `x`. The stream is as before then.
        RuntimeError
            If another thread is using this object.

        Examples
        --------
        >>> Resampler(24000, 8000).process(np.zeros(480, np.int16)).shape
        (160,)
        """
        cdef View src, dst
        cdef cnp.npy_intp n_out
        cdef Py_ssize_t size = item_size(self._type)
        view_samples(x, &src, "x", self._type)
        try:
            enter(&self._guard, self)
            try:
                n_out = <cnp.npy_intp>vb_resample_output_len(self._c, src.n)
                if out is None:
                    y = cnp.PyArray_EMPTY(1, &n_out, self._type, 0)
                    self._run(&src, <char *>cnp.PyArray_DATA(<cnp.ndarray>y), n_out)
                    return y
                view_out_exactly(out, &dst, "out", self._type, n_out)
                refuse_overlap(&src, src.n * size, &dst, n_out * size, "x")
                try:
                    self._run(&src, dst.data, n_out)
                finally:
                    release(&dst)
                return out
            finally:
                vb_guard_leave(&self._guard)
        finally:
            release(&src)

    def flush(self):
        """Return what is still in the filter, and begin a new stream.

        The samples of all calls are then ``ceil(n * rate_out / rate_in) + delay`` for n inputs.

        Returns
        -------
        y : ndarray, of the resampler's dtype
            The end of the stream: what silence after it brings out, up to the middle of the filter's response to the
            last input, so that the last input comes out `latency` seconds late as all others do.

        Raises
        ------
        RuntimeError
            If another thread is using this object.

        Examples
        --------
        >>> resampler = Resampler(8000, 16000)
        >>> len(resampler.process(np.zeros(160, np.int16))) + len(resampler.flush()) == 320 + resampler.delay
        True
        """
        cdef cnp.npy_intp n
        cdef size_t n_out
        enter(&self._guard, self)
        try:
            n = <cnp.npy_intp>vb_resample_flush_len(self._c)
            y = cnp.PyArray_EMPTY(1, &n, self._type, 0)
            vb_resample_flush(self._c, cnp.PyArray_DATA(<cnp.ndarray>y), n, &n_out)
            return y
        finally:
            vb_guard_leave(&self._guard)

    def reset(self, *, fade_ms=0.0):
        """Forget the past: the next push begins a new stream.

        Parameters
        ----------
        fade_ms : float, optional
            0 to 1000 ms. Over this time the last sample that was returned falls smoothly to zero and the new input
            rises from zero, so that no step is heard; nothing else of the old stream is left. The steepest change of
            a sample is 1.5 times its size over `fade_ms`.

        Raises
        ------
        ValueError
            If `fade_ms` is not from 0 to 1000.
        RuntimeError
            If another thread is using this object.

        Examples
        --------
        >>> resampler = Resampler(24000, 8000)
        >>> resampler.reset(fade_ms=5)
        """
        cdef double ms = read_setting("fade_ms", fade_ms, 0.0, FADE_MS_MAX)
        enter(&self._guard, self)
        vb_resample_reset(self._c, <uint32_t>(ms * self._rate_in / 1000.0 + 0.5),
                          <uint32_t>(ms * self._rate_out / 1000.0 + 0.5))
        vb_guard_leave(&self._guard)

    def output_len(self, n):
        """Return how many samples the next push of `n` samples gives.

        Parameters
        ----------
        n : int
            Input samples, at least 0.

        Returns
        -------
        int
            Output samples.

        Raises
        ------
        ValueError
            If `n` is negative or above 2**40.
        RuntimeError
            If another thread is using this object.

        Examples
        --------
        >>> Resampler(44100, 8000).output_len(882)
        160
        """
        count = read_count("n", n, "samples", 0, 1 << 40)
        enter(&self._guard, self)
        length = vb_resample_output_len(self._c, count)
        vb_guard_leave(&self._guard)
        return length

    @property
    def rate_in(self):
        """Input rate, Hz."""
        return self._rate_in

    @property
    def rate_out(self):
        """Output rate, Hz."""
        return self._rate_out

    @property
    def dtype(self):
        """Type of input and output samples."""
        return sample_dtype(self._type)

    @property
    def quality(self):
        """Name of the filter preset."""
        return self._quality

    @property
    def delay(self):
        """How late the output is, in output samples; exact."""
        return self._design._c.delay

    @property
    def latency(self):
        """How late the output is, in seconds; exact."""
        return <double>self._design._c.delay / self._rate_out

    @property
    def clipped(self):
        """How many int16 samples had to be saturated since this object was made."""
        enter(&self._guard, self)
        count = vb_resample_clipped(self._c)
        vb_guard_leave(&self._guard)
        return count

    def __reduce__(self):
        enter(&self._guard, self)
        try:
            state = PyBytes_FromStringAndSize(NULL, vb_resample_state_size(self._c))
            vb_resample_save(self._c, PyBytes_AS_STRING(state))
        finally:
            vb_guard_leave(&self._guard)
        arguments = type(self), self._rate_in, self._rate_out, self.dtype.name, self._quality, state
        return _restore, arguments, getattr(self, "__dict__", None)  # only a subclass has one

    def __repr__(self):
        return (f"Resampler({self._rate_in}, {self._rate_out}, dtype={self.dtype.name!r}, "
                f"quality={self._quality!r})")


def _restore(cls, rate_in, rate_out, dtype, quality, bytes state not None):
    """Make a pickled stream again."""
    cdef Resampler made = cls(rate_in, rate_out, dtype=dtype, quality=quality)
    if vb_resample_load(made._c, PyBytes_AS_STRING(state), PyBytes_GET_SIZE(state)) == VB_ERR_DATA:
        raise ValueError(
            f"the pickled state of {len(state)} bytes does not belong to Resampler({rate_in}, {rate_out}, "
            f"dtype={dtype!r}, quality={quality!r}), or was made by another version or on another kind of machine")
    return made


def resample(x, rate_in, rate_out, *, quality="voice"):
    """Convert a whole signal from one rate to another, without delay.

    Parameters
    ----------
    x : ndarray or buffer, shape (n,) or (n, 1), int16 or float32
        Samples; other widths and strides are converted as by `Resampler.process`. Buffers of bytes are taken as int16.
    rate_in, rate_out : int, Hz
        As for `Resampler`.
    quality : {"voice", "wide", "fast"}, optional
        As for `Resampler`.

    Returns
    -------
    y : ndarray, shape (ceil(n * rate_out / rate_in),), int16 for integers, float32 for floats
        The samples that a `Resampler` gives, aligned with the input: y[0] and x[0] are of the same moment.

    Raises
    ------
    TypeError
        If `x` has no buffer or a rate is not an integer.
    ValueError
        If the rates or the quality are not supported, or `x` has more than one channel, is not finite, or is of uint8
        or bool.

    Notes
    -----
    Keeps no state; safe from any thread. Long signals release the GIL.

    Examples
    --------
    >>> resample(np.zeros(441, np.int16), 22050, 8000).shape
    (160,)
    """
    cdef View src
    cdef cnp.npy_intp n
    cdef size_t n_out
    cdef char *dst
    cdef int type_num = sample_type_of(x, "x")
    cdef Py_ssize_t size = item_size(type_num)
    cdef Resampler stream = Resampler(rate_in, rate_out, dtype=sample_dtype(type_num), quality=quality)
    view_samples(x, &src, "x", stream._type)
    try:
        n = (src.n * stream._design._c.up + stream._design._c.down - 1) // stream._design._c.down
        y = cnp.PyArray_EMPTY(1, &n, stream._type, 0)
        dst = <char *>cnp.PyArray_DATA(<cnp.ndarray>y)
        vb_resample_skip(stream._c, stream._design._c.delay)
        n_out = vb_resample_output_len(stream._c, src.n)
        stream._run(&src, dst, n_out)
        vb_resample_flush(stream._c, dst + n_out * size, n - n_out, &n_out)
        return y
    finally:
        release(&src)
