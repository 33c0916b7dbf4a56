"""What the counters of a track's messages are worth: some peers repeat, restart or share them, or count samples.

The timeline believes the counters: a message whose number has been placed is dropped as a repetition, and a number that
is left out is a hole. Where they prove to mean something else, `Numbering` puts better ones in their place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voiceband.protocol import Media

MAX_DROPPED = 25
"""Messages dropped in a row that show that the counters are wrong: half a second of one track."""
MIN_SAMPLE_STEPS = 3
"""Messages in a row whose timestamps count samples that show that all do."""


class Numbering:
    """The counters of one track, and why they are not believed, if they are not."""

    __slots__ = ("_count", "_dropped", "_last", "_own", "_per_ms", "_shared", "_steps")

    def __init__(self) -> None:
        self._own = False  # whether messages are counted here, as they come
        self._shared = False  # whether all tracks share one counter
        self._per_ms = 1  # timestamps that make a millisecond
        self._count = 0
        self._dropped = 0
        self._last: tuple[int, int] | None = None  # the last timestamp, and the samples of its message
        self._steps = 0

    @property
    def plain(self) -> bool:
        """Whether counters are taken as they are."""
        return not self._own and not self._shared and self._per_ms == 1

    def share(self) -> None:
        """Count messages without timestamps here: their counter belongs to all tracks."""
        self._shared = True

    def read(self, media: Media) -> tuple[int | None, int | None]:
        """Return the chunk and the timestamp, in ms, that a message is to be placed by."""
        chunk, stamp = media.chunk, media.timestamp_ms
        if self._own or (self._shared and stamp is None):
            self._count += 1
            return self._count, None
        if chunk is not None:
            self._count = chunk
        if stamp is not None and self._per_ms != 1:
            stamp //= self._per_ms
        return chunk, stamp

    def follow(self, chunk: int, timestamp_ms: int, n_samples: int) -> None:
        """Learn of messages in order that were not looked at, from the last of them."""
        self._count, self._last, self._steps, self._dropped = chunk, (timestamp_ms, n_samples), 0, 0

    def look(self, media: Media, n_samples: int, rate: int, *, placed: bool) -> str | None:
        """Learn from a message that was read, and whether the timeline took it.

        Returns
        -------
        reason : str or None
            Why the counters are no longer believed, when that has just become clear: number from here on.
        """
        if self._own or not n_samples:
            return None
        stamp = media.timestamp_ms
        if stamp is not None and self._per_ms == 1:
            before, self._last = self._last, (stamp, n_samples)
            in_samples = before is not None and stamp - before[0] == before[1]
            self._steps = self._steps + 1 if in_samples else 0
            if self._steps == MIN_SAMPLE_STEPS:
                self._per_ms, self._dropped = rate // 1000, 0
                return f"timestamps count samples, not milliseconds: {stamp} follows {stamp - n_samples}"
        self._dropped = 0 if placed else self._dropped + 1
        if self._dropped < MAX_DROPPED:
            return None
        self._own = True
        return (
            f"{self._dropped} messages in a row repeat earlier numbers (chunk {media.chunk}, timestamp {stamp}); "
            "from here on they are taken in the order in which they come"
        )
