"""How late messages are, told from the timestamps of the caller's media: the session's view of the path.

Media leaves the carrier at a steady pace and in order with everything else, so the media message before an
acknowledgement dates that acknowledgement to within one message, however long both were held up on the way.
"""

from __future__ import annotations

import math

WINDOW_S = 20.0
HALF_LIFE_S = 20.0


class Transport:
    """Follows the delay of one direction over its least of the last 20 to 40 seconds."""

    __slots__ = ("_before", "_current", "_jitter", "_jitter_at", "_least", "_most", "_stamp_ms", "_until", "seen_at")

    def __init__(self) -> None:
        self._current = math.inf  # least of arrival minus timestamp in this window
        self._before = math.inf  # and in the window before
        self._until = -math.inf  # when this window ends
        self._least = math.inf  # of both windows
        self._most = -math.inf  # what is not later than this needs no closer look
        self._jitter = 0.0
        self._jitter_at = 0.0
        self._stamp_ms = 0
        self.seen_at = -math.inf
        """When the latest media message came."""

    @property
    def date(self) -> float:
        """When the latest media message would have come at the least delay."""
        return self._least + self._stamp_ms * 0.001 if self._least < math.inf else -math.inf

    def media(self, timestamp_ms: int, now: float) -> None:
        """Note a media message."""
        offset = now - timestamp_ms * 0.001
        if not self._least <= offset <= self._most or now > self._until:
            self._look(offset, now)
        self._stamp_ms = timestamp_ms
        self.seen_at = now

    def restart(self) -> None:
        """Forget the path: another clock, or another stream."""
        self._current = self._before = self._least = math.inf
        self._until = self._most = -math.inf

    def _look(self, offset: float, now: float) -> None:
        if self._least < math.inf and not -5.0 < offset - self._least < 10.0:
            self.restart()
        if now > self._until:
            if self._until > -math.inf:
                self._before, self._current = self._current, math.inf
            self._until = now + WINDOW_S
        self._current = min(self._current, offset)
        self._least = min(self._current, self._before)
        self._jitter = max(offset - self._least, self.jitter(now))
        self._jitter_at = now
        self._most = self._least + self._jitter / 2

    def jitter(self, now: float) -> float:
        """How late messages can be: the greatest lateness, forgotten with a half-life of 20 s."""
        if not self._jitter:
            return 0.0
        forgotten: float = 0.5 ** (max(0.0, now - self._jitter_at) / HALF_LIFE_S)
        return self._jitter * forgotten

    def flowing(self, now: float) -> bool:
        """Whether media has come lately, so that an answer that has not come is missing rather than held up."""
        return now - self.seen_at < 0.1
