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

    __slots__ = ("_before", "_jitter", "_jitter_at", "_least", "_since", "_threshold", "date", "seen_at")

    def __init__(self) -> None:
        self._least = math.inf  # of arrival minus timestamp, in this window
        self._before = math.inf  # and in the window before
        self._since = -math.inf
        self._jitter = 0.0
        self._jitter_at = 0.0
        self._threshold = -math.inf
        self.date = -math.inf
        """When the latest media message would have come at the least delay."""
        self.seen_at = -math.inf
        """When it came."""

    def media(self, timestamp_ms: int, now: float) -> None:
        """Note a media message."""
        offset = now - timestamp_ms * 0.001
        least = self._least
        if offset < least:
            if least - offset > 5.0 and least < math.inf:
                self.restart()  # another clock
            self._least = least = offset
        elif offset - least > 10.0:
            self.restart()
            self._least = least = offset
        if self._before < least:
            least = self._before
        self.date = least + timestamp_ms * 0.001
        self.seen_at = now
        late = offset - least
        if late > self._threshold or now > self._since + WINDOW_S:
            self._slow(late, now)

    def restart(self) -> None:
        """Forget the path: another clock, or another stream."""
        self._least = self._before = math.inf
        self._since = -math.inf

    def _slow(self, late: float, now: float) -> None:
        if now > self._since + WINDOW_S:
            if self._since > -math.inf:
                self._before, self._least = self._least, math.inf
            self._since = now
        self._jitter = max(late, self.jitter(now))
        self._jitter_at = now
        # What stays below half of it is not worth a closer look.
        self._threshold = self._jitter / 2

    def jitter(self, now: float) -> float:
        """How late messages can be: the greatest lateness, forgotten with a half-life of 20 s."""
        if not self._jitter:
            return 0.0
        return self._jitter * 0.5 ** (max(0.0, now - self._jitter_at) / HALF_LIFE_S)

    def flowing(self, now: float) -> bool:
        """Whether media has come lately, so that an answer that has not come is missing rather than held up."""
        return now - self.seen_at < 0.1
