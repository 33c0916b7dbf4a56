# cython: freethreading_compatible=True
"""The jitter buffer of the listening path, and the names of its neighbours: `Timeline` and `Concealer`."""

cimport cython
cimport numpy as cnp
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from libc.math cimport isfinite
from libc.stdint cimport int16_t, int64_t, uint32_t, uint64_t
from libc.string cimport memset

from voiceband.dsp._buffer cimport View, release, view_out_samples, view_samples
from voiceband.dsp._guard cimport enter, vb_guard, vb_guard_leave
from voiceband.dsp._numbers cimport read_integer, read_number
from voiceband.dsp._saved cimport load_state, save_state
from voiceband.dsp.conceal cimport vb_ar_select
from voiceband.dsp.cpu cimport import_level
from voiceband.dsp.jitter cimport *
from voiceband.dsp.timeline cimport vb_transport_drift, vb_transport_quantile

from voiceband.dsp.conceal import Concealer
from voiceband.dsp.playout import JitterStats, Push, RunKind, SegmentKind, TimelineStats
from voiceband.dsp.timeline import Segment, Timeline

cnp.import_array()
vb_ar_select(import_level())

__all__ = [
    "Concealer", "JitterBuffer", "JitterStats", "Pulled", "Push", "Run", "RunKind", "Segment", "SegmentKind",
    "Timeline", "TimelineStats",
]

cdef tuple _KINDS = (RunKind.NORMAL, RunKind.FAST, RunKind.SLOW, RunKind.CONCEAL, RunKind.WAIT)
cdef tuple _PUSHED = (Push.OK, Push.EPOCH, Push.DUPLICATE, Push.LATE)
_MODES = ("adaptive", "fixed")


@cython.freelist(16)
cdef class Run:
    """How a stretch of pulled audio was made.

    Attributes
    ----------
    kind : RunKind
        NORMAL, FAST, SLOW, CONCEAL or WAIT.
    ms : float
        How long it is heard.
    media_start_ms, media_end_ms : float or None
        The media it renders, in the sender's timestamps; None where it renders none (CONCEAL, WAIT).
    """

    cdef readonly object kind
    cdef readonly double ms
    cdef readonly object media_start_ms
    cdef readonly object media_end_ms

    def __init__(self, kind, ms, media_start_ms=None, media_end_ms=None):
        self.kind = kind
        self.ms = ms
        self.media_start_ms = media_start_ms
        self.media_end_ms = media_end_ms

    def __repr__(self):
        return f"Run({self.kind}, {self.ms}, {self.media_start_ms}, {self.media_end_ms})"

    def __eq__(self, other):
        return isinstance(other, Run) and self.__reduce__() == other.__reduce__()

    def __hash__(self):
        return hash((self.kind, self.ms, self.media_start_ms, self.media_end_ms))

    def __reduce__(self):
        return Run, (self.kind, self.ms, self.media_start_ms, self.media_end_ms)


@cython.freelist(16)
cdef class Pulled:
    """One tick of audio.

    Attributes
    ----------
    pcm : ndarray, shape (n,), int16
        The samples to play.
    runs : tuple of Run
        What they are, in order; the `ms` of the runs add up to the tick.
    """

    cdef readonly object pcm
    cdef readonly tuple runs

    def __init__(self, pcm, runs):
        self.pcm = pcm
        self.runs = tuple(runs)

    def __repr__(self):
        return f"Pulled(<{len(self.pcm)} samples>, {self.runs})"

    def __reduce__(self):
        return Pulled, (self.pcm, self.runs)


cdef class JitterBuffer:
    """Turn messages that stall and burst into a steady stream for a listener, with little delay.

    Delay is spent in speech and given back in pauses: in a pause the buffer plays what it has as soon as it has it
    (surplus silence is cut), and before the next talk spurt it holds the pause until the spurt has the delay that
    the path has lately needed. In speech the delay is corrected one pitch period at a time. When messages stall,
    the voice is extrapolated for some 70 ms, faded into the background noise, and joined in phase when they return:
    nothing received is dropped in speech. Missing messages are bridged from both sides.

    Parameters
    ----------
    rate : {8000, 16000}
        Sampling rate in Hz.
    stalls_per_min : float, optional
        How many stalls a minute may be heard, 0.1 to 600: the knob between little delay (20), the default (10) and
        smooth (4).
    max_ms : float, optional
        The most delay that is aimed at, 20 to 1500 ms.
    stretch : float or bool, optional
        Share of the time that speech may be played faster by, 0 to 0.15 (slower: at most 0.06). True is 0.08, False
        is 0.
    mode : {"adaptive", "fixed"}, optional
        "fixed" keeps `delay_ms` all the time, and recovers it by the same means after a stall.
    delay_ms : float, optional
        The delay of the fixed mode, 0 to 1500 ms; 60 if not given. Not for the adaptive mode.
    tick_ms : float, optional
        How much `pull` returns, 1 to 100 ms: usually 20 or 10.
    frame_ms : float, optional
        Length of a usual message before one was seen.

    Raises
    ------
    ValueError
        If an argument is out of range, or `delay_ms` is given for the adaptive mode.

    Notes
    -----
    Latency: `delay_ms` (over the least transport delay of the last 30 s), variable by nature. It is 0 to one tick on
    a clean path. At most 2 s of audio are kept; if more is waiting, all but the newest `max_ms` are jumped over and
    counted in `stats`. No clock is read: replaying the same calls gives the same bits. An object serves one stream
    and one thread at a time; a second thread gets a RuntimeError. Objects pickle with their state.

    Examples
    --------
    >>> import numpy as np
    >>> buffer = JitterBuffer(8000)
    >>> for k in range(5):
    ...     _ = buffer.push(k, 20 * k, np.full(160, 1000, np.int16), arrival=0.02 * k)
    ...     pulled = buffer.pull(0.02 * k + 0.021)
    >>> len(pulled.pcm), pulled.runs[-1].kind.name
    (160, 'NORMAL')
    """

    cdef vb_jitter _j
    cdef int16_t *_ring
    cdef vb_guard _guard
    cdef uint32_t _tick
    cdef uint32_t _frame
    cdef uint64_t _unreadable
    cdef object _arguments

    def __cinit__(self, rate, *, stalls_per_min=10, max_ms=400, stretch=0.08, mode="adaptive", delay_ms=None,
                  tick_ms=20, frame_ms=20):
        if isinstance(rate, bool) or rate not in (8000, 16000):
            raise ValueError(f"rate must be 8000 or 16000 Hz, not {rate!r}")
        stalls_per_min = _number("stalls_per_min", stalls_per_min, 0.1, 600)
        max_ms = _number("max_ms", max_ms, 20, 1500)
        if isinstance(stretch, bool):
            stretch = 0.08 if stretch else 0.0
        stretch = _number("stretch", stretch, 0, 0.15)
        if not isinstance(mode, str) or mode not in _MODES:
            raise ValueError(f"mode must be 'adaptive' or 'fixed', not {mode!r}")
        if mode == "adaptive" and delay_ms is not None:
            raise ValueError(f"delay_ms is for mode='fixed' only, not {delay_ms!r} with mode='adaptive'")
        if mode == "fixed":
            delay_ms = _number("delay_ms", 60 if delay_ms is None else delay_ms, 0, 1500)
        tick_ms = _number("tick_ms", tick_ms, 1, 100)
        frame_ms = _number("frame_ms", frame_ms, 1, 1000)
        self._tick = <uint32_t>(rate * tick_ms / 1000 + 0.5)
        self._frame = <uint32_t>(rate * frame_ms / 1000 + 0.5)
        self._arguments = (rate, stalls_per_min, max_ms, stretch, mode, delay_ms, tick_ms, frame_ms)
        self._ring = <int16_t *>PyMem_Calloc(vb_jitter_ring_size(rate), sizeof(int16_t))
        if self._ring == NULL:
            raise MemoryError
        self._begin()

    def __dealloc__(self):
        PyMem_Free(self._ring)

    cdef void _begin(self) except *:
        rate, stalls, max_ms, stretch, _, delay_ms, _, _ = self._arguments
        vb_jitter_init(&self._j, self._ring, rate, self._frame, stalls, max_ms, stretch,
                       -1.0 if delay_ms is None else delay_ms)
        self._unreadable = 0

    def __sizeof__(self):
        return (<Py_ssize_t>type(self).__basicsize__) + vb_jitter_ring_size(self._j.rate_hz) * sizeof(int16_t)

    @property
    def rate(self):
        """Sampling rate in Hz."""
        return self._j.rate_hz

    @property
    def tick_ms(self):
        """How much `pull` returns, in ms."""
        return self._arguments[6]

    @property
    def stalls_per_min(self):
        """How many stalls a minute may be heard."""
        return self._arguments[1]

    @property
    def max_ms(self):
        """The most delay that is aimed at, in ms."""
        return self._arguments[2]

    @property
    def stretch(self):
        """Share of the time that speech may be played faster by."""
        return self._arguments[3]

    @property
    def mode(self):
        """The mode: "adaptive" or "fixed"."""
        return self._arguments[4]

    @property
    def delay_ms(self):
        """Delay of the last tick's audio over the least transport delay of the last 30 s, in ms."""
        return self._j.shown_delay_ms

    @property
    def target_ms(self):
        """The delay that speech is to have now, in ms."""
        return self._j.shown_hold_ms if self._j.playing else self._j.target.target_ms

    @property
    def buffered_ms(self):
        """Audio that is waiting to be played, holes included, in ms."""
        return (self._j.end - self._j.pos) * 1000.0 / self._j.rate_hz

    def push(self, chunk, timestamp_ms, pcm, *, arrival):
        """Put one message in.

        Parameters
        ----------
        chunk : int, str or None
            The track's message counter. What cannot be read as a whole number is counted and taken as absent.
        timestamp_ms : int, float, str or None
            The sender's media time in ms, of any origin; likewise.
        pcm : ndarray or buffer, shape (n,), int16
            The samples; may be empty; at most 60 s of them.
        arrival : float
            When the message was received, in seconds of any monotonic clock.

        Returns
        -------
        pushed : Push
            OK, EPOCH, DUPLICATE or LATE.

        Raises
        ------
        TypeError
            If `pcm` has no buffer or `arrival` is no number.
        ValueError
            If the shape or dtype of `pcm` does not match, or `arrival` is not finite.
        RuntimeError
            If another thread is inside this object.
        """
        cdef View v
        cdef int64_t number = 0
        cdef double stamp_ms = 0.0, arrival_ms = _seconds("arrival", arrival)
        cdef int has_chunk, has_stamp, kind
        view_samples(pcm, &v, "pcm", cnp.NPY_INT16)
        try:
            if v.n > 60 * <Py_ssize_t>self._j.rate_hz:
                raise ValueError(f"pcm must be at most 60 s of samples, not {v.n}")
            enter(&self._guard, self)
            try:
                has_chunk = read_integer(chunk, &number)
                has_stamp = read_number(timestamp_ms, &stamp_ms)
                self._unreadable += (has_chunk == 2) + (has_stamp == 2)
                kind = vb_jitter_push(&self._j, &number if has_chunk == 1 else NULL,
                                      &stamp_ms if has_stamp == 1 else NULL, <int16_t *>v.data, <uint32_t>v.n,
                                      arrival_ms)
            finally:
                vb_guard_leave(&self._guard)
        finally:
            release(&v)
        return _PUSHED[kind]

    def pull(self, now):
        """Return the audio of the tick that begins now.

        Parameters
        ----------
        now : float
            The time in seconds, of the clock that `arrival` is taken from.

        Returns
        -------
        pulled : Pulled
            `pcm`, one tick of samples, and `runs`, what they are.

        Raises
        ------
        TypeError
            If `now` is no number.
        ValueError
            If `now` is not finite.
        RuntimeError
            If another thread is inside this object.
        """
        cdef double now_ms = _seconds("now", now)
        cdef cnp.npy_intp n = self._tick
        cdef Pulled pulled = Pulled.__new__(Pulled)
        pulled.pcm = cnp.PyArray_EMPTY(1, &n, cnp.NPY_INT16, 0)
        enter(&self._guard, self)
        vb_jitter_pull(&self._j, now_ms, <int16_t *>cnp.PyArray_DATA(<cnp.ndarray>pulled.pcm), self._tick)
        pulled.runs = self._runs()
        vb_guard_leave(&self._guard)
        return pulled

    def pull_into(self, out, now):
        """Write the audio of the tick that begins now to `out`.

        Parameters
        ----------
        out : ndarray or writable buffer, shape (n,), int16
            A tick of 1 to 100 ms.
        now : float
            The time in seconds, of the clock that `arrival` is taken from.

        Returns
        -------
        runs : tuple of Run
            What the samples are.

        Raises
        ------
        TypeError
            If `out` has no buffer or `now` is no number.
        ValueError
            If `out` is not such a buffer, or `now` is not finite.
        RuntimeError
            If another thread is inside this object.
        """
        cdef double now_ms = _seconds("now", now)
        cdef View v
        cdef tuple runs
        cdef Py_ssize_t n
        try:
            n = len(out)
        except TypeError:
            raise TypeError(f"out must be a buffer of int16 items, not {type(out).__name__}") from None
        if not self._j.rate_hz // 1000 <= n <= self._j.rate_hz // 10:
            raise ValueError(f"out must have room for 1 to 100 ms ({self._j.rate_hz // 1000} to "
                             f"{self._j.rate_hz // 10} samples), not {n}")
        view_out_samples(out, &v, "out", cnp.NPY_INT16, n)
        try:
            enter(&self._guard, self)
            vb_jitter_pull(&self._j, now_ms, <int16_t *>v.data, <uint32_t>n)
            runs = self._runs()
            vb_guard_leave(&self._guard)
        finally:
            release(&v)
        return runs

    cdef tuple _runs(self):
        cdef uint32_t i
        cdef list runs
        if self._j.n_runs == 1:
            return (_run(&self._j.run[0], self._j.rate_hz),)
        runs = []
        for i in range(self._j.n_runs):
            runs.append(_run(&self._j.run[i], self._j.rate_hz))
        return tuple(runs)

    @property
    def drift_ppm(self):
        """Growth of arrival minus media time, in parts per million; None before a minute of arrivals is known."""
        cdef double ppm
        return ppm if vb_transport_drift(&self._j.transport, &ppm) else None

    @property
    def stats(self):
        """Counts since the object was made or reset, as a frozen `JitterStats`."""
        cdef vb_jitter *j = &self._j
        cdef double ms = 1000.0 / j.rate_hz
        return JitterStats(
            messages=j.messages, duplicates=j.duplicates, late=j.late, epochs=j.epochs, unreadable=self._unreadable,
            gaps=j.gaps, overflows=j.overflows, stalls=j.stalls,
            played_ms=ms * (j.kinds[0] + j.kinds[1] + j.kinds[2] + j.kinds[3] + j.kinds[4]),
            normal_ms=ms * j.kinds[0], fast_ms=ms * j.kinds[1], slow_ms=ms * j.kinds[2], conceal_ms=ms * j.kinds[3],
            wait_ms=ms * j.kinds[4], jumped_ms=ms * j.jumped,
            transport_p50_ms=vb_transport_quantile(&j.transport, 0.5),
            transport_p95_ms=vb_transport_quantile(&j.transport, 0.95),
            transport_p99_ms=vb_transport_quantile(&j.transport, 0.99),
            transport_max_ms=j.transport.most_ms, drift_ppm=self.drift_ppm)

    def reset(self):
        """Forget the stream, as if new."""
        enter(&self._guard, self)
        self._begin()
        vb_guard_leave(&self._guard)

    def __reduce__(self):
        cdef vb_jitter copy
        enter(&self._guard, self)
        try:
            copy = self._j
            copy.ring = NULL
            state = save_state(&copy, sizeof(vb_jitter))
            ring = save_state(self._ring, vb_jitter_ring_size(copy.rate_hz) * sizeof(int16_t))
        finally:
            vb_guard_leave(&self._guard)
        return _restore_jitter_buffer, (*self._arguments, self._unreadable, state, ring)

    def _load(self, unreadable, state, ring):
        cdef vb_jitter copy
        memset(&copy, 0, sizeof(vb_jitter))
        load_state(state, &copy, sizeof(vb_jitter), "JitterBuffer")
        if not vb_jitter_valid(&copy) or copy.rate_hz != self._j.rate_hz or copy.fixed != self._j.fixed:
            raise ValueError("the pickled state of this JitterBuffer is damaged")
        load_state(ring, self._ring, vb_jitter_ring_size(copy.rate_hz) * sizeof(int16_t), "JitterBuffer")
        copy.ring = self._ring
        self._j = copy
        self._unreadable = unreadable


def _restore_jitter_buffer(rate, stalls_per_min, max_ms, stretch, mode, delay_ms, tick_ms, frame_ms, unreadable, state,
                           ring):
    buffer = JitterBuffer(rate, stalls_per_min=stalls_per_min, max_ms=max_ms, stretch=stretch, mode=mode,
                          delay_ms=delay_ms, tick_ms=tick_ms, frame_ms=frame_ms)
    buffer._load(unreadable, state, ring)
    return buffer


cdef Run _run(const vb_run *r, uint32_t rate_hz):
    cdef Run run = Run.__new__(Run)
    run.kind = _KINDS[r.kind]
    run.ms = r.n * 1000.0 / rate_hz
    if r.from_ <= r.to:
        run.media_start_ms = r.media_ms[0]
        run.media_end_ms = r.media_ms[1]
    return run


cdef double _seconds(str name, value) except? -1.0:
    cdef double ms = <double>value * 1000.0
    if not isfinite(ms) or not -1e15 < ms < 1e15:
        raise ValueError(f"{name} must be a finite time in seconds, not {value!r}")
    return ms


cdef double _number(str name, value, double low, double high) except? -1.0:
    cdef double number
    if isinstance(value, (bool, str)):
        raise ValueError(f"{name} must be a number from {low:g} to {high:g}, not {value!r}")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a number from {low:g} to {high:g}, not {value!r}") from None
    if not low <= number <= high:
        raise ValueError(f"{name} must be a number from {low:g} to {high:g}, not {value!r}")
    return number
