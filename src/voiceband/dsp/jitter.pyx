# cython: freethreading_compatible=True
"""The jitter buffer of the listening path, and the names of its neighbours: `Timeline` and `Concealer`."""

cimport numpy as cnp
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from libc.stdint cimport int16_t, uint32_t, uint64_t

from voiceband.dsp._shared.arguments cimport read_choice, read_milliseconds, read_rate, read_setting, shown
from voiceband.dsp._shared.buffer cimport View, release, view_out
from voiceband.dsp._shared.guard cimport enter, vb_guard, vb_guard_leave
from voiceband.dsp._message cimport Message, drift_of, open_message, read_place, transport_figures
from voiceband.dsp._shared.saved cimport load_state, save_state
from voiceband.dsp.conceal cimport vb_ar_select
from voiceband.dsp.cpu cimport import_level
from voiceband.dsp.jitter cimport *
from voiceband.dsp.runs cimport Pulled as _Pulled, runs_of

from voiceband.dsp.conceal import Concealer
from voiceband.dsp.playout_stats import JitterStats, Push, RunKind, SegmentKind, TimelineStats
from voiceband.dsp.runs import Pulled, Run
from voiceband.dsp.timeline import Segment, Timeline

import numpy as np

cnp.import_array()
vb_ar_select(import_level())

__all__ = [
    "Concealer", "JitterBuffer", "JitterStats", "Pulled", "Push", "Run", "RunKind", "Segment", "SegmentKind",
    "Timeline", "TimelineStats",
]

cdef tuple _PUSHED = (Push.OK, Push.EPOCH, Push.DUPLICATE, Push.LATE)
cdef tuple _MODES = ("adaptive", "fixed")
cdef double _STALLS_PER_MIN = 10.0, _MAX_MS = 400.0, _DELAY_MS = 60.0


cdef struct Shown:
    double delay_ms, target_ms, buffered_ms


cdef class JitterBuffer:
    """JitterBuffer(rate, *, stalls_per_min=None, max_ms=None, stretch=0.08, \
mode='adaptive', delay_ms=None, tick_ms=20, frame_ms=20)\n--\n\n\
    Turn messages that stall and burst into a steady stream for a listener, with little delay.

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
        smooth (4). Not for the fixed mode.
    max_ms : float, optional
        The most delay that is aimed at, 20 to 1500 ms; 400 if not given. Not for the fixed mode, which has its delay
        in its stead.
    stretch : float or bool, optional
        Share of the time that speech may be played faster or slower by, 0 to 0.15. True is 0.08, False is 0.
    mode : {"adaptive", "fixed"}, optional
        "fixed" keeps `delay_ms` all the time, and recovers it by the same means after a stall.
    delay_ms : float, optional
        The delay of the fixed mode, 0 to 1500 ms; 60 if not given. Not for the adaptive mode.
    tick_ms : float, optional
        How much `pull` returns, 1 to 100 ms: usually 20 or 10.
    frame_ms : float, optional
        Length of a usual message before one was seen, 1 to 1000 ms.

    Raises
    ------
    ValueError
        If an argument is out of range, or given for the mode that does not have it.
    TypeError
        If `rate` is no integer.

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
    cdef uint32_t _rate, _tick
    cdef uint64_t _unreadable
    cdef double _stalls, _most, _stretch, _delay, _tick_ms, _frame_ms
    cdef bint _fixed

    def __cinit__(self, rate, *, stalls_per_min=None, max_ms=None, stretch=0.08, mode="adaptive", delay_ms=None,
                  tick_ms=20, frame_ms=20):
        cdef uint32_t rate_hz = read_rate(rate)
        self._rate = rate_hz
        fixed = read_choice("mode", mode, _MODES) == 1
        for name, given, belongs in (("stalls_per_min", stalls_per_min, not fixed), ("max_ms", max_ms, not fixed),
                                     ("delay_ms", delay_ms, fixed)):
            if given is not None and not belongs:
                other = "adaptive" if fixed else "fixed"
                raise ValueError(f"{name} is for mode={other!r} only, not {shown(given)} with mode={mode!r}")
        if isinstance(stretch, (bool, np.bool_)):
            stretch = 0.08 if stretch else 0.0
        self._stalls = read_setting("stalls_per_min", _STALLS_PER_MIN if stalls_per_min is None else stalls_per_min,
                                    0.1, 600)
        self._delay = read_setting("delay_ms", _DELAY_MS if delay_ms is None else delay_ms, 0, 1500)
        self._most = self._delay if fixed else read_setting("max_ms", _MAX_MS if max_ms is None else max_ms, 20, 1500)
        self._stretch = read_setting("stretch", stretch, 0, 0.15)
        self._tick_ms = read_setting("tick_ms", tick_ms, 1, 100)
        self._frame_ms = read_setting("frame_ms", frame_ms, 1, 1000)
        self._fixed = fixed
        self._tick = <uint32_t>(rate_hz * self._tick_ms / 1000 + 0.5)
        self._ring = <int16_t *>PyMem_Calloc(vb_jitter_ring_size(rate_hz), sizeof(int16_t))
        if self._ring == NULL:
            raise MemoryError
        self._begin()

    def __dealloc__(self):
        PyMem_Free(self._ring)

    cdef void _begin(self) noexcept:
        vb_jitter_init(&self._j, self._ring, self._rate,
                       <uint32_t>(self._rate * self._frame_ms / 1000 + 0.5), self._stalls, max(self._most, 20.0),
                       self._stretch, self._delay if self._fixed else -1.0)
        self._unreadable = 0

    def __sizeof__(self):
        return (<Py_ssize_t>type(self).__basicsize__) + vb_jitter_ring_size(self._rate) * sizeof(int16_t)

    @property
    def rate(self):
        """Sampling rate in Hz."""
        return self._rate

    @property
    def tick_ms(self):
        """How much `pull` returns, in ms."""
        return self._tick_ms

    @property
    def stalls_per_min(self):
        """How many stalls a minute may be heard; None in the fixed mode."""
        return None if self._fixed else self._stalls

    @property
    def max_ms(self):
        """The most delay that is aimed at, in ms: in the fixed mode its delay."""
        return self._most

    @property
    def stretch(self):
        """Share of the time that speech may be played faster by."""
        return self._stretch

    @property
    def mode(self):
        """The mode: "adaptive" or "fixed"."""
        return _MODES[self._fixed]

    @property
    def delay_ms(self):
        """Delay of the last tick's audio over the least transport delay of the last 30 s, in ms."""
        return self._shown().delay_ms

    @property
    def target_ms(self):
        """The delay that speech is to have now, in ms: in the fixed mode `delay_ms` as it was given."""
        return self._delay if self._fixed else self._shown().target_ms

    @property
    def buffered_ms(self):
        """Audio that is waiting to be played, holes included, in ms."""
        return self._shown().buffered_ms

    cdef Shown _shown(self) except *:
        cdef Shown figures
        enter(&self._guard, self)
        figures.delay_ms = self._j.shown_delay_ms
        figures.target_ms = self._j.shown_hold_ms if self._j.playing else self._j.target.target_ms
        figures.buffered_ms = (self._j.end - self._j.pos) * 1000.0 / self._rate
        vb_guard_leave(&self._guard)
        return figures

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
            When the message was received, in seconds of any monotonic clock. A time before the last one counts as
            the same.

        Returns
        -------
        pushed : Push
            OK, EPOCH, DUPLICATE or LATE.

        Raises
        ------
        TypeError
            If `pcm` has no buffer or `arrival` is no number.
        ValueError
            If `pcm` has more than one channel, is not finite, or is of uint8 or bool, or `arrival` is not finite.
        RuntimeError
            If another thread is inside this object.
        """
        cdef Message m
        cdef double arrival_ms = read_milliseconds("arrival", arrival)
        cdef int kind
        open_message(&m, pcm, self._rate)
        try:
            enter(&self._guard, self)
            try:
                read_place(&m, chunk, timestamp_ms)
                self._unreadable += m.unreadable
                kind = vb_jitter_push(&self._j, m.chunk, m.stamp_ms, <int16_t *>m.pcm.data, <uint32_t>m.pcm.n,
                                      arrival_ms)
            finally:
                vb_guard_leave(&self._guard)
        finally:
            release(&m.pcm)
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
            If `now` is not finite, or before that of the last pull: nothing is changed then.
        RuntimeError
            If another thread is inside this object.
        """
        cdef double now_ms = read_milliseconds("now", now)
        cdef cnp.npy_intp n = self._tick
        cdef _Pulled pulled = _Pulled.__new__(_Pulled)
        pulled.pcm = cnp.PyArray_EMPTY(1, &n, cnp.NPY_INT16, 0)
        pulled.runs = self._pull(now, now_ms, <int16_t *>cnp.PyArray_DATA(<cnp.ndarray>pulled.pcm), self._tick)
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
            If `out` is not such a buffer, or `now` is not finite or before that of the last pull: nothing is changed
            then.
        RuntimeError
            If another thread is inside this object.
        """
        cdef double now_ms = read_milliseconds("now", now)
        cdef View v
        cdef uint32_t ms = self._rate // 1000
        view_out(out, &v, "out", cnp.NPY_INT16)
        try:
            if not ms <= v.n <= 100 * ms:
                raise ValueError(f"out must have room for 1 to 100 ms ({ms} to {100 * ms} samples), not {v.n}")
            return self._pull(now, now_ms, <int16_t *>v.data, <uint32_t>v.n)
        finally:
            release(&v)

    cdef tuple _pull(self, object now, double now_ms, int16_t *dst, uint32_t n):
        cdef double last_ms
        cdef tuple runs
        enter(&self._guard, self)
        if self._j.pulled and now_ms < self._j.now_ms:
            last_ms = self._j.now_ms
            vb_guard_leave(&self._guard)
            raise ValueError(
                f"now must not go back: {shown(now)} is before {last_ms / 1000}, the time of the last pull")
        try:
            vb_jitter_pull(&self._j, now_ms, dst, n)
            runs = runs_of(self._j.run, self._j.n_runs, self._rate)
        finally:
            vb_guard_leave(&self._guard)
        return runs

    @property
    def drift_ppm(self):
        """Growth of arrival minus media time, in parts per million; None before a minute of arrivals is known."""
        enter(&self._guard, self)
        try:
            return drift_of(&self._j.transport)
        finally:
            vb_guard_leave(&self._guard)

    @property
    def stats(self):
        """Counts since the object was made or reset, as a frozen `JitterStats`."""
        cdef vb_jitter *j = &self._j
        cdef double ms = 1000.0 / self._rate
        enter(&self._guard, self)
        try:
            return JitterStats(
                messages=j.messages, duplicates=j.duplicates, late=j.late, epochs=j.epochs,
                unreadable=self._unreadable, gaps=j.gaps, overflows=j.overflows, stalls=j.stalls,
                played_ms=ms * (j.kinds[0] + j.kinds[1] + j.kinds[2] + j.kinds[3] + j.kinds[4]),
                normal_ms=ms * j.kinds[0], fast_ms=ms * j.kinds[1], slow_ms=ms * j.kinds[2],
                conceal_ms=ms * j.kinds[3], wait_ms=ms * j.kinds[4], jumped_ms=ms * j.jumped,
                **transport_figures(&j.transport))
        finally:
            vb_guard_leave(&self._guard)

    def reset(self):
        """Forget the stream, as if new."""
        enter(&self._guard, self)
        self._begin()
        vb_guard_leave(&self._guard)

    def __repr__(self):
        if self._fixed:
            mode = f"mode='fixed', delay_ms={self._delay:g}"
        else:
            mode = f"stalls_per_min={self._stalls:g}, max_ms={self._most:g}"
        return f"JitterBuffer({self.rate}, {mode}, stretch={self._stretch:g}, tick_ms={self._tick_ms:g})"

    def __reduce__(self):
        cdef vb_jitter copy
        enter(&self._guard, self)
        try:
            copy = self._j
            copy.ring = NULL
            unreadable = self._unreadable
            state = save_state(&copy, sizeof(vb_jitter))
            ring = save_state(self._ring, vb_jitter_ring_size(copy.rate_hz) * sizeof(int16_t))
        finally:
            vb_guard_leave(&self._guard)
        knobs = {"stretch": self._stretch, "tick_ms": self._tick_ms, "frame_ms": self._frame_ms, "mode": self.mode}
        knobs |= {"delay_ms": self._delay} if self._fixed else {"stalls_per_min": self._stalls, "max_ms": self._most}
        arguments = type(self), self.rate, knobs, unreadable, state, ring
        return _restore_jitter_buffer, arguments, getattr(self, "__dict__", None)  # only a subclass has one

    def _load(self, unreadable, state, ring):
        cdef vb_jitter copy
        load_state(state, &copy, sizeof(vb_jitter), "JitterBuffer")
        if not vb_jitter_valid(&copy) or copy.rate_hz != self._rate or (copy.fixed != 0) != self._fixed:
            raise ValueError("the pickled state of this JitterBuffer is damaged")
        enter(&self._guard, self)
        try:
            load_state(ring, self._ring, vb_jitter_ring_size(copy.rate_hz) * sizeof(int16_t), "JitterBuffer")
            copy.ring = self._ring
            self._j = copy
            self._unreadable = unreadable
        finally:
            vb_guard_leave(&self._guard)


def _restore_jitter_buffer(cls, rate, knobs, unreadable, state, ring):
    buffer = cls(rate, **knobs)
    buffer._load(unreadable, state, ring)
    return buffer
