# cython: freethreading_compatible=True
"""The lossless timeline: every received sample at once, in order, with what is missing filled to the exact length."""

cimport cython
cimport numpy as cnp
from libc.stdint cimport int16_t, int64_t, uint32_t
from libc.string cimport memcpy, memset

from voiceband.dsp._shared.arguments cimport read_choice, read_milliseconds, read_rate, read_setting
from voiceband.dsp._shared.buffer cimport View, release
from voiceband.dsp._shared.guard cimport enter, vb_guard_enter, vb_guard_leave
from voiceband.dsp._message cimport Message, drift_of, open_message, read_place, transport_figures
from voiceband.dsp._shared.numbers cimport read_integer
from voiceband.dsp._shared.prefetch cimport VB_CACHE_LINE, vb_prefetch
from voiceband.dsp._transport cimport *
from voiceband.dsp._shared.saved cimport load_state, save_own
from voiceband.dsp.conceal cimport (
    VB_CONCEAL_AUTO, VB_CONCEAL_KEPT, vb_ar_select, vb_conceal, vb_conceal_background, vb_conceal_bridge,
    vb_conceal_heard, vb_conceal_init, vb_conceal_last, vb_conceal_valid, vb_pause_background, vb_pause_floor,
    vb_pause_init, vb_pause_judge, vb_pause_sums,
)
from voiceband.dsp.cpu cimport import_level
from voiceband.dsp.timeline cimport *

import numpy as np

from voiceband.dsp.playout_stats import SegmentKind, TimelineStats

cnp.import_array()
vb_ar_select(import_level())

__all__ = ["Segment", "Timeline"]

cdef object _AUDIO = SegmentKind.AUDIO
cdef object _FILL = SegmentKind.FILL
cdef tuple _FILLS = ("auto", "silence", None)
cdef double _BURST_MS = 2.0
cdef uint32_t _LISTEN = 8  # 10 ms are measured after every so many: a pause is soon found, at an eighth of the cost

include "_segment.pxi"


cdef class Timeline:
    """Timeline(rate, *, frame_ms=20, fill='auto')\n--\n\n\
    Put the messages of one track in audio order, without loss and without delay.

    For recognition, recording and speech-to-speech models: whatever arrives is handed over in the same call. A
    message that comes twice is dropped. Where messages are missing, the hole is known when the next one is in hand;
    it is then filled to its exact length, so that the place in the audio stays the caller's clock. While nothing
    arrives nothing is given out; `stalled_ms` tells timers that the caller is not silent but delayed.

    Parameters
    ----------
    rate : int
        Sampling rate in Hz, 8000 or 16000.
    frame_ms : float, optional
        Length of a usual message before one was seen, 1 to 1000 ms.
    fill : {"auto", "silence", None}, optional
        What holes are filled with: "auto" bridges them from both sides as `Concealer.bridge` does, with the
        background of the last pauses in the middle of long ones; "silence" gives zeros; None gives nothing, and the
        next segment's `start_sample` steps over the hole.

    Raises
    ------
    ValueError
        If an argument is not one of those listed.
    TypeError
        If `rate` is no integer.

    Notes
    -----
    Consecutive chunks are contiguous audio, whatever their timestamps say within a second. A step in the chunks
    that the timestamps confirm is a hole of up to 10 s (by chunks alone, or timestamps alone: 1 s). Counters that wrap
    at 2**16 or 2**32 go on, and so do timestamps that wrap at 2**32. All else is a new epoch: the audio goes on where
    it stands, `Segment.epoch` counts up, and transport and drift are measured again.

    By timestamps alone a hole is what goes beyond the scatter they have shown, at least 5 ms (16 ms before any were
    seen); shorter ones are made up for when they have added up to that. Audio is kept, without a hole, where its
    numbers are stuck or contradict each other, unless it is the same audio again.

    The last 256 messages are remembered. What comes from behind the last one is dropped and counted, as a duplicate of
    one that was received or as late for a hole that was filled, and the place in the audio does not move. Only numbers
    of a second before all that is remembered, or numbers used again for other audio, are a restart: from the first
    message on where the counter is back at 0 or 1 and a second has passed, else from the third.

    An object serves one track and one thread at a time; a second thread gets a RuntimeError. Memory is constant.
    Objects pickle with their state. `arrival` should be taken where the message is read from the socket.

    Examples
    --------
    >>> import numpy as np
    >>> timeline = Timeline(8000)
    >>> frame = np.zeros(160, np.int16)
    >>> [len(s.pcm) for s in timeline.push(1, 0, frame)]
    [160]
    >>> [(s.start_sample, len(s.pcm), s.kind.name) for s in timeline.push(3, "40", frame)]
    [(160, 160, 'FILL'), (320, 160, 'AUDIO')]
    >>> timeline.push(3, "40", frame)
    []
    """

    def __cinit__(self, rate, *, frame_ms=20, fill="auto"):
        self._rate = read_rate(rate)
        self._frame_ms = read_setting("frame_ms", frame_ms, 1, 1000)
        self._fill = read_choice("fill", fill, _FILLS)
        self._begin()

    cdef void _begin(self) noexcept:
        memset(&self._s, 0, sizeof(State))
        vb_timeline_init(&self._s.place, self._rate, <uint32_t>(self._rate * self._frame_ms / 1000 + 0.5))
        vb_transport_init(&self._s.transport)
        cdef vb_conceal conceal
        vb_conceal_init(&conceal, self._rate, VB_CONCEAL_AUTO)
        memcpy(self._s.conceal, &conceal, VB_CONCEAL_KEPT)
        vb_pause_init(&self._s.pause, self._rate)
        self._s.pause.window //= _LISTEN
        self._s.fill = self._fill

    @property
    def rate(self):
        """Sampling rate in Hz."""
        return self._rate

    @property
    def fill(self):
        """What holes are filled with: "auto", "silence" or None."""
        return _FILLS[self._fill]

    @property
    def frame_ms(self):
        """Length of a usual message before one was seen, in ms."""
        return self._frame_ms

    @property
    def next_sample(self):
        """Where the next audio goes: samples since the first message."""
        enter(&self._guard, self)
        at = self._s.next_sample
        vb_guard_leave(&self._guard)
        return at

    def push(self, chunk, timestamp_ms, pcm, *, seq=None, arrival=None):
        """Place one message, and return what it completes.

        Parameters
        ----------
        chunk : int, str or None
            The track's message counter. What cannot be read as a whole number is counted and taken as absent.
        timestamp_ms : int, float, str or None
            The sender's media time in ms, of any origin; likewise.
        pcm : ndarray or buffer, shape (n,), int16
            The samples; may be empty.
        seq : int, str or None, optional
            The connection's event counter: for the statistics only.
        arrival : float, optional
            When the message was received, in seconds of any monotonic clock. Without it there are no figures on
            stalls, transport and drift.

        Returns
        -------
        segments : list of Segment
            In audio order: the fill of a hole, if any, then the message's audio; empty for a duplicate. A buffer of
            int16 samples is handed through as it is, not copied.

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
        cdef bint timed = arrival is not None
        cdef double arrival_ms = read_milliseconds("arrival", arrival) if timed else 0.0
        cdef list segments
        open_message(&m, pcm, self._rate)
        try:
            enter(&self._guard, self)
            try:
                read_place(&m, chunk, timestamp_ms)
                segments = self._push(&m, pcm, seq, timed, arrival_ms)
            finally:
                vb_guard_leave(&self._guard)
        finally:
            release(&m.pcm)
        return segments

    cdef list _push(self, Message *m, pcm, seq, bint timed, double arrival_ms):
        cdef State *s = &self._s
        cdef View *v = &m.pcm
        cdef vb_place place
        cdef list segments = []
        if cnp.PyArray_CheckExact(pcm) and not v.held:
            audio = pcm
        else:
            audio = np.frombuffer(<object>v.buffer.obj, np.int16)  # of `pcm`, or of what it was converted to
        s.unreadable += m.unreadable
        s.messages += 1
        if seq is not None:
            self._count_seq(seq)
        place = vb_timeline_place(&s.place, m.chunk, m.stamp_ms, <int16_t *>v.data, <uint32_t>v.n)
        if place.kind == VB_PLACE_DUPLICATE or place.kind == VB_PLACE_LATE:
            if place.kind == VB_PLACE_DUPLICATE:
                s.duplicates += 1
            else:
                s.late += 1
            return segments
        if place.kind == VB_PLACE_EPOCH:
            s.epoch += 1
            vb_transport_restart(&s.transport)
        elif place.gap:
            s.gaps += 1
            s.filled += place.gap
            if s.fill != 2:
                segments.append(_segment(self._filling(place.gap, v), s.next_sample, _FILL, s.epoch))
            s.next_sample += place.gap
        if timed:
            self._time(arrival_ms)
        if v.n:
            self._hear(<int16_t *>v.data, v.n)
            segments.append(_segment(audio, s.next_sample, _AUDIO, s.epoch))
            s.next_sample += v.n
            s.samples += v.n
        return segments

    cdef void fetch(self) noexcept:
        """Ask for the memory that the next message needs."""
        vb_prefetch(&self._s, 3 * VB_CACHE_LINE)
        vb_prefetch(&self._s.transport, 3 * VB_CACHE_LINE)
        vb_prefetch(self._s.conceal, VB_CACHE_LINE)

    cdef int64_t follow(
            self, int64_t chunk, double stamp_ms, const int16_t *pcm, Py_ssize_t n, double arrival_ms) noexcept:
        """Place a message that simply goes on where the last one ended; return where it begins.

        Anything else gives -1 and changes nothing, and is for `push`. The numbers are in its range, and 0 < n.
        """
        cdef State *s = &self._s
        cdef int64_t start = -1
        if not vb_guard_enter(&self._guard):
            return -1
        if vb_timeline_goes_on(&s.place, chunk, stamp_ms):
            vb_timeline_place(&s.place, &chunk, &stamp_ms, pcm, <uint32_t>n)
            start = s.next_sample
            s.messages += 1
            self._time(arrival_ms)
            self._hear(pcm, n)
            s.next_sample = start + n
            s.samples += n
        vb_guard_leave(&self._guard)
        return start

    cdef void _hear(self, const int16_t *pcm, Py_ssize_t n) noexcept:
        """Keep what came for the next hole, and now and then measure whether it is background."""
        cdef uint32_t hop = self._s.place.rate_hz // 100
        cdef int64_t energy = 0, lag1 = 0
        cdef const int16_t *last
        vb_conceal_heard(<vb_conceal *>self._s.conceal, pcm, n)  # looks at nothing else
        self._s.unheard += <uint32_t>n
        if self._s.unheard >= _LISTEN * hop:
            self._s.unheard = 0
            last = vb_conceal_last(<vb_conceal *>self._s.conceal, hop)
            vb_pause_sums(last, hop, last[0], &energy, &lag1)
            vb_pause_judge(&self._s.pause, energy, lag1, hop)

    cdef object _filling(self, Py_ssize_t n, View *v):
        cdef cnp.npy_intp shape = n
        cdef float rms, rho
        cdef vb_conceal conceal
        if self._s.fill == 1:
            return cnp.PyArray_ZEROS(1, &shape, cnp.NPY_INT16, 0)
        vb_pause_background(&self._s.pause, &rms, &rho)
        memset(&conceal, 0, sizeof(conceal))
        memcpy(&conceal, self._s.conceal, VB_CONCEAL_KEPT)
        vb_conceal_background(&conceal, rms, rho, vb_pause_floor(&self._s.pause))
        fill = cnp.PyArray_EMPTY(1, &shape, cnp.NPY_INT16, 0)
        cdef int16_t *dst = <int16_t *>cnp.PyArray_DATA(<cnp.ndarray>fill)
        if n > 4000:
            with nogil:
                vb_conceal_bridge(&conceal, dst, n, <int16_t *>v.data, v.n)
        else:
            vb_conceal_bridge(&conceal, dst, n, <int16_t *>v.data, v.n)
        memcpy(self._s.conceal, &conceal, VB_CONCEAL_KEPT)
        return fill

    cdef void _count_seq(self, seq) except *:
        cdef int64_t number = 0
        cdef int found = read_integer(seq, &number)
        if found == 2:
            self._s.unreadable += 1
        elif found == 1:
            if self._s.has_seq and number != self._s.last_seq + 1:
                self._s.sequence_gaps += 1
            self._s.last_seq = number
            self._s.has_seq = 1

    cdef void _time(self, double arrival_ms) noexcept:
        cdef State *s = &self._s
        if s.transport.n_noted and arrival_ms - s.last_arrival_ms < _BURST_MS:
            s.burst += 1
            if s.burst == 6:
                s.bursts += 1
            if s.burst >= 6 and s.burst > s.longest:
                s.longest = s.burst
        else:
            s.burst = 1
        s.last_arrival_ms = arrival_ms
        vb_transport_note(&s.transport, arrival_ms, s.next_sample * 1000.0 / s.place.rate_hz)

    def stalled_ms(self, now):
        """How long the next audio is overdue, in ms.

        Parameters
        ----------
        now : float
            The time in seconds, of the clock that `arrival` is taken from.

        Returns
        -------
        ms : float
            Time since the next message would have come over the least delay of the last 30 s; 0.0 when it is not
            yet due, or when no arrivals were given.
        """
        cdef double now_ms = read_milliseconds("now", now), late_ms
        enter(&self._guard, self)
        late_ms = 0.0
        if self._s.transport.known:
            late_ms = now_ms - self._s.transport.least - self._s.next_sample * 1000.0 / self._rate
        vb_guard_leave(&self._guard)
        return late_ms if late_ms > 0.0 else 0.0

    @property
    def drift_ppm(self):
        """Growth of arrival minus media time, in parts per million; None before a minute of arrivals is known.

        Positive when the sender's clock runs slow against the clock of `arrival`.
        """
        enter(&self._guard, self)
        try:
            return drift_of(&self._s.transport)
        finally:
            vb_guard_leave(&self._guard)

    @property
    def stats(self):
        """Counts since the object was made or reset, as a frozen `TimelineStats`."""
        cdef State *s = &self._s
        enter(&self._guard, self)
        try:
            return TimelineStats(
                messages=s.messages, samples=s.samples, gaps=s.gaps, filled_samples=s.filled, duplicates=s.duplicates,
                late=s.late, epochs=s.epoch, unreadable=s.unreadable, sequence_gaps=s.sequence_gaps, bursts=s.bursts,
                longest_burst=s.longest, **transport_figures(&s.transport))
        finally:
            vb_guard_leave(&self._guard)

    def reset(self):
        """Forget the stream, as if new."""
        enter(&self._guard, self)
        self._begin()
        vb_guard_leave(&self._guard)

    def __repr__(self):
        return f"Timeline({self.rate}, frame_ms={self._frame_ms:g}, fill={self.fill!r})"

    def __reduce__(self):
        saved = save_own(&self._guard, self, &self._s, sizeof(State))
        arguments = type(self), self.rate, self._frame_ms, self.fill, saved
        return _restore_timeline, arguments, getattr(self, "__dict__", None)  # only a subclass has one


def _restore_timeline(cls, rate, frame_ms, fill, saved):
    cdef Timeline timeline = cls(rate, frame_ms=frame_ms, fill=fill)
    cdef State *s = &timeline._s
    cdef vb_conceal conceal
    memset(&conceal, 0, sizeof(conceal))
    load_state(saved, s, sizeof(State), "Timeline")
    memcpy(&conceal, s.conceal, VB_CONCEAL_KEPT)
    if not (vb_timeline_valid(&s.place) and vb_transport_valid(&s.transport) and vb_conceal_valid(&conceal)) \
            or conceal.live or s.place.rate_hz != timeline._rate or conceal.rate_hz != s.place.rate_hz \
            or s.fill != timeline._fill:
        raise ValueError("the pickled state of this Timeline is damaged")
    return timeline
