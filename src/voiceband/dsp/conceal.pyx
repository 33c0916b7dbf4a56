# cython: freethreading_compatible=True
"""Concealment of missing audio: extrapolation into a stall, and bridging of holes from both sides."""

cimport numpy as cnp
from libc.stdint cimport int16_t, int64_t, uint32_t
from libc.string cimport memset

from voiceband.dsp._shared.arguments cimport read_choice, read_count, read_rate
from voiceband.dsp._shared.buffer cimport View, release, view_samples
from voiceband.dsp._shared.guard cimport enter, vb_guard, vb_guard_leave
from voiceband.dsp._shared.saved cimport load_state, save_own
from voiceband.dsp.conceal cimport *
from voiceband.dsp.cpu cimport import_level

cnp.import_array()
vb_ar_select(import_level())

__all__ = ["Concealer"]

cdef tuple _METHODS = ("auto", "ar", "pitch")


cdef struct State:
    vb_conceal conceal
    vb_pause pause
    int64_t energy       # of the 10 ms block that is being filled
    int64_t lag1
    uint32_t filled
    int16_t before       # the sample ahead of the next


cdef inline cnp.ndarray _empty(Py_ssize_t n):
    cdef cnp.npy_intp shape = n
    return cnp.PyArray_EMPTY(1, &shape, cnp.NPY_INT16, 0)


cdef class Concealer:
    """Concealer(rate, *, method='auto')\n--\n\n\
    Fill lost or late audio of one stream of 8 or 16 kHz speech, without any delay of its own.

    Feed what arrives to `good`; for what is missing call `lost` while the next audio is unknown (a stall), or
    `bridge` when it is in hand (a message lost between two received ones), which sounds much better: the hole is
    filled from both sides. What the three methods return, in the order of the calls, is the stream to play.

    The signal before the hole is continued by linear prediction (Burg's method, order 128 over 60 ms at 8 kHz), which
    holds speech, tones (DTMF, ringback) and noise alike. `lost` keeps the full level for 30 ms, then fades over
    40 ms into noise with the level and colour of the background that `good` has measured in pauses.

    Parameters
    ----------
    rate : {8000, 16000}
        Sampling rate in Hz.
    method : {"auto", "ar", "pitch"}, optional
        "ar" predicts; "pitch" repeats the last pitch period, at a tenth of the cost; "auto" (the default) picks
        the best for the hole.

    Raises
    ------
    ValueError
        If `rate` or `method` is not one of those listed.
    TypeError
        If `rate` is no integer.

    Notes
    -----
    Latency: none. Any split of the input gives the same bits as one call. An object serves one stream and one thread
    at a time; a second thread gets a RuntimeError. Objects pickle with their state. A hole costs the most of all that
    this package does, some 300,000 instructions for "ar" at 8 kHz, and a tenth of that for "pitch".

    References
    ----------
    .. [1] J. P. Burg, "Maximum entropy spectral analysis", 37th meeting of the SEG, 1967.
    .. [2] I. Kauppinen and K. Roth, "Audio signal extrapolation - theory and applications", DAFx 2002.

    Examples
    --------
    >>> import numpy as np
    >>> plc = Concealer(8000)
    >>> tone = np.round(8000 * np.sin(np.arange(800) * 0.25)).astype(np.int16)
    >>> heard = plc.good(tone[:480])
    >>> filled = plc.bridge(160, tone[640:])
    >>> bool(np.abs(filled - tone[480:640].astype(int)).max() < 100)
    True
    """

    cdef State _s
    cdef vb_guard _guard
    cdef uint32_t _rate, _method

    def __cinit__(self, rate, *, method="auto"):
        self._rate = read_rate(rate)
        self._method = read_choice("method", method, _METHODS)
        self._begin()

    cdef void _begin(self) noexcept:
        memset(&self._s, 0, sizeof(State))
        vb_conceal_init(&self._s.conceal, self._rate, <vb_conceal_method>self._method)
        vb_pause_init(&self._s.pause, self._rate)

    @property
    def rate(self):
        """Sampling rate in Hz."""
        return self._rate

    @property
    def method(self):
        """How holes are filled: "auto", "ar" or "pitch"."""
        return _METHODS[self._method]

    @property
    def latency(self):
        """Delay of the audio in seconds: 0.0."""
        return 0.0

    cdef void _measure(self, const int16_t *x, Py_ssize_t n) noexcept nogil:
        """Judge every 10 ms of received audio, however it is split."""
        cdef uint32_t hop = self._rate // 100
        cdef Py_ssize_t m
        while n > 0:
            m = min(n, <Py_ssize_t>(hop - self._s.filled))
            vb_pause_sums(x, m, self._s.before, &self._s.energy, &self._s.lag1)
            self._s.before = x[m - 1]
            self._s.filled += <uint32_t>m
            x += m
            n -= m
            if self._s.filled == hop:
                vb_pause_judge(&self._s.pause, self._s.energy, self._s.lag1, hop)
                self._s.filled = 0
                self._s.energy = self._s.lag1 = 0

    def good(self, pcm):
        """Take audio that arrived, and return it as it should be played.

        Parameters
        ----------
        pcm : ndarray or buffer, shape (n,), int16
            The next samples of the stream.

        Returns
        -------
        pcm : ndarray, shape (n,), int16
            The same samples; after `lost`, the first 5 ms are cross-faded with the extrapolation.

        Raises
        ------
        TypeError
            If `pcm` has no buffer.
        ValueError
            If it has more than one channel, is not finite, or is of uint8 or bool.
        RuntimeError
            If another thread is inside this object.
        """
        cdef View v
        enter(&self._guard, self)
        try:
            view_samples(pcm, &v, "pcm", cnp.NPY_INT16)
            try:
                result = _empty(v.n)
                if v.n > 8000:
                    with nogil:
                        self._good(<int16_t *>v.data, <int16_t *>cnp.PyArray_DATA(<cnp.ndarray>result), v.n)
                else:
                    self._good(<int16_t *>v.data, <int16_t *>cnp.PyArray_DATA(<cnp.ndarray>result), v.n)
            finally:
                release(&v)
        finally:
            vb_guard_leave(&self._guard)
        return result

    cdef void _good(self, const int16_t *src, int16_t *dst, Py_ssize_t n) noexcept nogil:
        vb_conceal_good(&self._s.conceal, src, dst, n)
        self._measure(src, n)

    cdef void _open(self) noexcept nogil:
        """Hand the background over when a hole begins, and only then, so that no split of `good` shows in the noise."""
        cdef float rms, rho
        if not self._s.conceal.live or self._s.conceal.joining:
            vb_pause_background(&self._s.pause, &rms, &rho)
            vb_conceal_background(&self._s.conceal, rms, rho, vb_pause_floor(&self._s.pause))

    def lost(self, n):
        """Return `n` samples in place of audio that has not arrived.

        Parameters
        ----------
        n : int
            How many samples, 0 to 60 s of them.

        Returns
        -------
        pcm : ndarray, shape (n,), int16
            The extrapolation; call after call it goes on where it was.

        Raises
        ------
        TypeError
            If `n` is not an integer.
        ValueError
            If `n` is out of range.
        RuntimeError
            If another thread is inside this object.
        """
        cdef Py_ssize_t count = self._count(n)
        cdef int16_t *dst
        result = _empty(count)
        dst = <int16_t *>cnp.PyArray_DATA(<cnp.ndarray>result)
        enter(&self._guard, self)
        try:
            self._open()
            if count > 4000:
                with nogil:
                    vb_conceal_lost(&self._s.conceal, dst, count)
            else:
                vb_conceal_lost(&self._s.conceal, dst, count)
        finally:
            vb_guard_leave(&self._guard)
        return result

    def bridge(self, n, next_pcm):
        """Return `n` samples that lead from what was heard to what comes next.

        `next_pcm` is only looked at: pass it to `good` afterwards, which then returns it unchanged. If some of the
        hole was already played through `lost`, the bridge goes on from there.

        Parameters
        ----------
        n : int
            Length of the hole, or of what remains of it, in samples; 0 to 60 s of them.
        next_pcm : ndarray or buffer, shape (m,), int16
            What follows the hole; the first 35 ms are read. May be short or empty.

        Returns
        -------
        pcm : ndarray, shape (n,), int16
            The filling. Where a hole is longer than 140 ms its middle is background noise.

        Raises
        ------
        TypeError
            If `n` is not an integer, or `next_pcm` has no buffer.
        ValueError
            If `n` is out of range, or `next_pcm` has more than one channel, is not finite, or is of uint8 or bool.
        RuntimeError
            If another thread is inside this object.
        """
        cdef Py_ssize_t count = self._count(n)
        cdef View v
        cdef int16_t *dst
        enter(&self._guard, self)
        try:
            view_samples(next_pcm, &v, "next_pcm", cnp.NPY_INT16)
            try:
                result = _empty(count)
                dst = <int16_t *>cnp.PyArray_DATA(<cnp.ndarray>result)
                self._open()
                if count > 4000:
                    with nogil:
                        vb_conceal_bridge(&self._s.conceal, dst, count, <int16_t *>v.data, v.n)
                else:
                    vb_conceal_bridge(&self._s.conceal, dst, count, <int16_t *>v.data, v.n)
            finally:
                release(&v)
        finally:
            vb_guard_leave(&self._guard)
        return result

    cdef Py_ssize_t _count(self, n) except -1:
        return read_count("n", n, "samples", 0, 60 * self._rate)

    def reset(self):
        """Forget the stream, as if new."""
        enter(&self._guard, self)
        self._begin()
        vb_guard_leave(&self._guard)

    def __repr__(self):
        return f"Concealer({self.rate}, method={self.method!r})"

    def __reduce__(self):
        saved = save_own(&self._guard, self, &self._s, sizeof(State))
        arguments = type(self), self.rate, self.method, saved
        return _restore_concealer, arguments, getattr(self, "__dict__", None)  # only a subclass has one


def _restore_concealer(cls, rate, method, saved):
    cdef Concealer plc = cls(rate, method=method)
    cdef State *s = &plc._s
    load_state(saved, s, sizeof(State), "Concealer")
    if not vb_conceal_valid(&s.conceal) or s.conceal.rate_hz != plc._rate \
            or s.filled >= s.conceal.rate_hz // 100 or s.energy < 0 or s.pause.voiced > 1:
        raise ValueError("the pickled state of this Concealer is damaged")
    return plc
