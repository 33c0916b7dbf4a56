# cython: freethreading_compatible=True
"""The noise suppressor: a stream (`Denoiser`), and whole recordings (`denoise`)."""

import numpy as np  # no-cython-lint: for the examples in the docstrings

from libc.math cimport log10
from libc.stdint cimport int16_t
from libc.string cimport memcpy, memset
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
cimport numpy as cnp

from voiceband.dsp._shared.arguments cimport read_choice, read_count, read_rate, read_setting
from voiceband.dsp._shared.buffer cimport View, refuse_overlap, release, sample_type_of, view_out_exactly, view_samples
from voiceband.dsp._shared.guard cimport enter, vb_guard, vb_guard_leave
from voiceband.dsp._shared.samples cimport item_size, not_finite, sample_dtype, sample_type
from voiceband.dsp._shared.saved cimport load_state, save_state
from voiceband.dsp.cpu cimport VB_OK, import_level, vb_status

cnp.import_array()
vb_denoise_select(import_level())

# Below this many samples the kernel is done (about 50 us) before another thread could take the GIL.
cdef Py_ssize_t NOGIL_SAMPLES = 3200

# The longest tail: the latency and one hop at 16 kHz.
cdef enum:
    TAIL = 480


cdef inline vb_status _push(vb_denoise *d, int type_num, const char *src, Py_ssize_t n, char *dst, Py_ssize_t cap,
                            size_t *n_out) noexcept nogil:
    if type_num == cnp.NPY_INT16:
        return vb_denoise_process_i16(d, <const int16_t *>src, n, <int16_t *>dst, cap, n_out)
    return vb_denoise_process_f32(d, <const float *>src, n, <float *>dst, cap, n_out)


cdef inline vb_status _run(vb_denoise *d, int type_num, const char *src, Py_ssize_t n, char *dst, Py_ssize_t cap,
                           size_t *n_out) noexcept:
    cdef vb_status status
    if n < NOGIL_SAMPLES:
        return _push(d, type_num, src, n, dst, cap, n_out)
    with nogil:
        status = _push(d, type_num, src, n, dst, cap, n_out)
    return status


def _restore(cls, rate, level, dtype, latency, state):
    """Rebuild a pickled suppressor."""
    cdef Denoiser d = cls(rate, level=level, dtype=dtype, latency=latency)
    cdef Py_ssize_t size = vb_denoise_state_size(d._c)
    plain = PyBytes_FromStringAndSize(NULL, size)
    load_state(state, PyBytes_AS_STRING(plain), size, "Denoiser")
    if vb_denoise_restore(d._c, PyBytes_AS_STRING(plain), size) != VB_OK:
        raise ValueError(f"the pickled state does not belong to Denoiser({rate}, dtype={dtype!r}, latency={latency!r})")
    return d


cdef class Denoiser:
    """Denoiser(rate, *, level=85, dtype='int16', latency='normal')\n--\n\n\
    Suppress the noise of one stream of telephone audio.

    Steady and slowly changing noise, hum and hiss are turned down by up to the floor that `level` sets; speech, and
    tones of up to a second, pass; so does ringback, up to two seconds a ring. A hum that sets in during the stream may
    take five seconds to go. The output is the
    input `latency` seconds late, so the first `latency` seconds of output are silence.

    Parameters
    ----------
    rate : {8000, 16000}
        Samples per second.
    level : float, optional
        How far noise is turned down, in [60, 100]: 60 to 70 is light and preserves most of the sound, 70 to 85 is
        balanced, 85 to 100 aggressive with audible artefacts. The floor is 6.5, 11, 22.5 and 30 dB at 60, 70, 85 and
        100, linear between, and as little as 0.7 of that where speech is hardly above the noise. See the attribute
        `level`.
    dtype : {"int16", "float32"}, optional
        Type of the samples, in and out. Full scale is 32768 or 1.0; float samples may exceed it.
    latency : {"normal", "low"}, optional
        20 ms, or 10 ms with a shorter window: noise between the harmonics of a voice is then heard a little more.

    Raises
    ------
    TypeError
        If `rate` is not an integer, `level` not a number, or `dtype` no type.
    ValueError
        If `rate`, `level`, `dtype` or `latency` is not one of the above.

    Notes
    -----
    Works in hops of 10 ms. Latency: 20 ms, 10 ms for ``latency="low"``; constant, the same for every frequency.

    One object is one stream and belongs to one thread at a time; a second thread that comes in between gets a
    RuntimeError. The GIL is released from 3200 samples a call on. Objects can be pickled and copied: the copy goes on
    with the same bits, in the same version of the package.

    References
    ----------
    .. [1] T. Gerkmann and R. C. Hendriks, "Unbiased MMSE-based noise power estimation with low complexity and low
       tracking delay", IEEE TASLP 20(4), 2012.
    .. [2] Y. Ephraim and D. Malah, "Speech enhancement using a minimum mean-square error log-spectral amplitude
       estimator", IEEE TASSP 33(2), 1985.
    .. [3] I. Cohen and B. Berdugo, "Speech enhancement for non-stationary noise environments", Signal Processing 81,
       2001.

    Examples
    --------
    >>> suppressor = Denoiser(8000, level=85)
    >>> suppressor.process(np.zeros(160, np.int16)).size
    160
    >>> suppressor.latency
    0.02
    """

    cdef vb_denoise *_c
    cdef int _type_num
    cdef bint _low
    cdef int _rate
    cdef double _latency  # seconds
    cdef vb_guard _guard

    def __cinit__(self, rate, *, level=85, dtype="int16", latency="normal"):
        self._rate = read_rate(rate)
        self._type_num = sample_type(dtype)
        self._low = read_choice("latency", latency, ("normal", "low")) == 1
        if vb_denoise_create(self._rate, self._low, read_setting("level", level, 60.0, 100.0), &self._c) != VB_OK:
            raise MemoryError("no memory for a suppressor")
        self._latency = <double>vb_denoise_latency(self._c) / self._rate

    def __dealloc__(self):
        vb_denoise_destroy(self._c)

    def __repr__(self):
        latency = ", latency='low'" if self._low else ""
        try:
            level = f"{self.level:g}"
        except RuntimeError:  # another thread is inside
            level = "?"
        return f"{type(self).__name__}({self._rate}, level={level}, dtype={self.dtype.name!r}{latency})"

    def __reduce__(self):
        enter(&self._guard, self)
        try:
            state = PyBytes_FromStringAndSize(NULL, vb_denoise_state_size(self._c))
            vb_denoise_save(self._c, PyBytes_AS_STRING(state))
            level = vb_denoise_level(self._c)
        finally:
            vb_guard_leave(&self._guard)
        form = "low" if self._low else "normal"
        saved = save_state(PyBytes_AS_STRING(state), len(state))
        arguments = type(self), self._rate, level, self.dtype.name, form, saved
        return _restore, arguments, getattr(self, "__dict__", None)  # only a subclass has one

    @property
    def rate(self):
        """Samples per second."""
        return self._rate

    @property
    def dtype(self):
        """Type of the samples, a numpy dtype."""
        return sample_dtype(self._type_num)

    @property
    def latency(self):
        """Seconds by which the output is later than the input."""
        return self._latency

    @property
    def level(self):
        """How far noise is turned down, in [60, 100].

        May be set between any two pushes; it holds from the next hop on, and the frames' overlap makes the change a
        smooth one. Setting raises a TypeError for what is not a number, a ValueError outside the range, and a
        RuntimeError while another thread is in `process`, `flush` or `reset`.
        """
        enter(&self._guard, self)
        level = vb_denoise_level(self._c)
        vb_guard_leave(&self._guard)
        return level

    @level.setter
    def level(self, value):
        cdef double level = read_setting("level", value, 60.0, 100.0)
        enter(&self._guard, self)
        vb_denoise_set_level(self._c, level)
        vb_guard_leave(&self._guard)

    @level.deleter
    def level(self):
        raise AttributeError("level cannot be deleted, only set")

    cdef vb_denoise_info _info(self) except *:
        cdef vb_denoise_info info
        enter(&self._guard, self)
        vb_denoise_get_info(self._c, &info)
        vb_guard_leave(&self._guard)
        return info

    @property
    def noise_dbfs(self):
        """Level of the noise, as of the last hop: dB relative to a mean square of full scale, at least -120.

        A by-product of the tracker: on steady noise its mean is within 0.5 dB of the truth, single values within 1 or
        2 dB; in the first 0.4 s of sound, and on noise that comes and goes, it reads low. Hops without a sample above 8
        of 32768 are no sound to it: in silence, and in noise that never gets there (about -84 dBFS), it keeps its last
        value, -120 where there was none.
        """
        cdef vb_denoise_info info = self._info()
        return max(10.0 * log10(info.noise_power + 1e-30), -120.0)

    @property
    def snr_db(self):
        """Estimated speech to estimated noise in the last hop, dB, in [-30, 60]; -30 in digital silence.

        A by-product of the gain, with its errors: on short sounds that are not speech it is high too.
        """
        cdef vb_denoise_info info = self._info()
        return min(max(10.0 * log10((info.speech_power + 1e-30) / (info.noise_power + 1e-20)), -30.0), 60.0)

    @property
    def speech_probability(self):
        """How much of the last hop was taken for something other than noise, 0 to 1.

        A by-product of the gain: the share of the window's power that passes as speech, 1 from 60 % on. It is no voice
        activity detector: music, tones and doors are not noise either, and it has no memory across pauses.
        """
        return self._info().speech_probability

    def output_len(self, n):
        """Return how many samples a push of `n` samples will return.

        Parameters
        ----------
        n : int
            Samples, not negative.

        Returns
        -------
        m : int
            The whole 10 ms hops in `n` and what is left over from earlier pushes: `n` itself while pushes hold whole
            hops.

        Raises
        ------
        TypeError
            If `n` is not an integer.
        ValueError
            If `n` is negative or above 2**40.
        RuntimeError
            If another thread is using this object.

        Examples
        --------
        >>> Denoiser(8000).output_len(100)
        80
        """
        count = read_count("n", n, "samples", 0, 1 << 40)
        enter(&self._guard, self)
        m = vb_denoise_max_out(self._c, <size_t>count)
        vb_guard_leave(&self._guard)
        return m

    def process(self, x, out=None):
        """Push samples, and get as many back, `latency` seconds late.

        Parameters
        ----------
        x : ndarray or buffer, shape (n,) or (n, 1), of `dtype`
            The next samples of the stream; float samples finite. Other widths and strides are converted as by
            `Resampler.process`.
        out : ndarray or writable buffer, shape (output_len(n),), of `dtype`, optional
            Where to write, C-contiguous, not overlapping `x`.

        Returns
        -------
        y : ndarray, shape (output_len(n),), of `dtype`
            The denoised samples; `out` itself when given. As long as `x` when pushes hold whole 10 ms hops, from the
            first push on; otherwise the whole hops so far. How a stream is cut into pushes changes no bit of it.

        Raises
        ------
        TypeError
            If `x` or `out` has no buffer.
        ValueError
            If `x` holds a NaN, an infinity or no samples, a shape or length does not match, `out` is of another type or
            read-only, or the two overlap. The state is then as it was.
        RuntimeError
            If another thread is using this object.

        Examples
        --------
        >>> suppressor = Denoiser(16000, dtype="float32")
        >>> [suppressor.process(np.zeros(n, np.float32)).size for n in (320, 100, 60)]
        [320, 0, 160]
        """
        cdef View src, dst
        cdef cnp.npy_intp m
        cdef size_t n_out
        cdef vb_status status
        cdef char *p
        cdef Py_ssize_t size = item_size(self._type_num)
        enter(&self._guard, self)
        src.held = dst.held = False
        try:
            view_samples(x, &src, "x", self._type_num)
            m = vb_denoise_max_out(self._c, src.n)
            if out is None:
                result = cnp.PyArray_EMPTY(1, &m, self._type_num, 0)
                p = <char *>cnp.PyArray_DATA(<cnp.ndarray>result)
            else:
                result = out
                view_out_exactly(out, &dst, "out", self._type_num, m)
                refuse_overlap(&src, size * src.n, &dst, size * m, "x")
                p = dst.data
            status = _run(self._c, self._type_num, src.data, src.n, p, m, &n_out)
            if status != VB_OK:
                raise ValueError(not_finite(src.data, src.n, "x"))
        finally:
            release(&src)
            release(&dst)
            vb_guard_leave(&self._guard)
        return result

    def flush(self):
        """End the stream: return what is still inside, and start afresh.

        Returns
        -------
        y : ndarray, of `dtype`
            The samples of an unfinished hop and the last `latency` seconds, so that all output together is `latency`
            seconds longer than all input. Afterwards the object is as after `reset`.

        Raises
        ------
        RuntimeError
            If another thread is using this object.

        Examples
        --------
        >>> suppressor = Denoiser(8000)
        >>> suppressor.process(np.zeros(200, np.int16)).size, suppressor.flush().size
        (160, 200)
        """
        cdef char zeros[4 * TAIL]
        cdef cnp.npy_intp n
        cdef size_t n_out
        memset(zeros, 0, sizeof(zeros))
        enter(&self._guard, self)
        try:
            n = vb_denoise_latency(self._c) + vb_denoise_hop(self._c)
            kept = vb_denoise_latency(self._c) + vb_denoise_pending(self._c)
            tail = cnp.PyArray_EMPTY(1, &n, self._type_num, 0)
            _push(self._c, self._type_num, zeros, n, <char *>cnp.PyArray_DATA(<cnp.ndarray>tail), n, &n_out)
            vb_denoise_reset(self._c)
        finally:
            vb_guard_leave(&self._guard)
        return tail[:kept].copy()

    def reset(self):
        """Start afresh, as a new stream of the same rate and level.

        Raises
        ------
        RuntimeError
            If another thread is using this object.
        """
        enter(&self._guard, self)
        vb_denoise_reset(self._c)
        vb_guard_leave(&self._guard)


include "_recording.pxi"
