# cython: freethreading_compatible=True, auto_pickle=False
"""How late messages are, told from the timestamps of the caller's media: a session's view of the path.

Media leaves the carrier at a steady pace and in order with everything else, so the media message before an
acknowledgement dates that acknowledgement to within one message, however long both were held up on the way.
"""

from libc.math cimport INFINITY, pow

cdef double WINDOW_S = 20.0
cdef double HALF_LIFE_S = 20.0
cdef double BACK_S = 1.0  # times that are so far behind the latest are of a clock that was set back


cdef class Transport:
    """Follows the delay of one direction over its least of the last 20 to 40 seconds, and counts what came.

    Attributes
    ----------
    seen_at : float
        When the latest media message came, in seconds; -inf before the first.
    behind_s : float
        How far the clock that times are given by is behind the session's own time, which does not go back.
    on_back : callable or None
        Called when it has gone back, with the seconds.
    messages_in, bytes_in : int
        Messages of any kind, and their characters; counted by the receiver.
    deadline : float
        When an answer may be overdue, or the session's metrics are due. Its schedule keeps it here, where the inbound
        chain sees it.
    """

    # _current        least of arrival minus timestamp in this window
    # _before         and in the window before
    # _until          when this window ends
    # _least          of both windows
    # _most           what is not later than this needs no closer look
    def __cinit__(self):
        self.seen_at = self._latest = -INFINITY
        self.deadline = INFINITY
        self.restart()

    @property
    def date(self):
        """When the latest media message would have come at the least delay."""
        return self._least + self._stamp_s if self._least < INFINITY else -INFINITY

    cpdef double at(self, double now) except? -1.0:
        """Return the session's time at `now`: where a clock has gone back, it goes on from where it was."""
        cdef double went_back_s
        now += self.behind_s
        if self.is_back(now):
            went_back_s = max(self._latest, self.seen_at) - now
            self.behind_s += went_back_s
            now += went_back_s
            if self.on_back is not None:
                self.on_back(went_back_s)
        self._latest = max(self._latest, now)
        return now

    cdef bint is_back(self, double now) noexcept:
        """Whether the session's time at `now` is so far behind what it has been that the clock was set back."""
        return now < self.seen_at - BACK_S or now < self._latest - BACK_S

    def media(self, timestamp_ms, double now):
        """Note a media message."""
        self.note(timestamp_ms * 0.001, now)

    cdef void note(self, double stamp_s, double now) noexcept:
        cdef double offset = now - stamp_s
        if not self._least <= offset <= self._most or now > self._until:
            self._look(offset, now)
        self._stamp_s = stamp_s
        self.seen_at = now

    def restart(self):
        """Forget the path: another clock, or another stream."""
        self._current = self._before = self._least = INFINITY
        self._until = self._most = -INFINITY

    cdef void _look(self, double offset, double now) noexcept:
        if self._least < INFINITY and not -5.0 < offset - self._least < 10.0:
            self.restart()
        if now > self._until:
            if self._until > -INFINITY:
                self._before, self._current = self._current, INFINITY
            self._until = now + WINDOW_S
        self._current = min(self._current, offset)
        self._least = min(self._current, self._before)
        self._jitter = max(offset - self._least, self.jitter(now))
        self._jitter_at = now
        self._most = self._least + self._jitter / 2

    cpdef double jitter(self, double now) noexcept:
        """How late messages can be: the greatest lateness, forgotten with a half-life of 20 s."""
        if not self._jitter:
            return 0.0
        return self._jitter * pow(0.5, max(0.0, now - self._jitter_at) / HALF_LIFE_S)
