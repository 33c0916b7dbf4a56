"""Whether the timestamps of a track agree with the sample rate of its stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voiceband.formats import AudioFormat
    from voiceband.protocol import Media

HOLE_MS = 100
"""Timestamps that are further apart than this, and twice the message, are those of a pause."""
WATCHED = 200
"""Messages after which the timestamps are believed."""


class StampedRate:
    """Compares how much audio came with how much time passed by its timestamps."""

    __slots__ = ("_chunk", "_elapsed_ms", "_last", "_left", "_samples", "_wire")

    def __init__(self, wire: AudioFormat) -> None:
        self._wire = wire
        self._left = WATCHED
        self._chunk: int | None = None  # number of the latest message
        self._last: int | None = None  # timestamp of the latest message
        self._samples = 0  # of messages that another followed, and how long they took by their timestamps
        self._elapsed_ms = 0

    @property
    def done(self) -> bool:
        """Whether enough has been seen."""
        return self._left <= 0

    def look(self, media: Media) -> str | None:
        """Take a message; return what is wrong, once."""
        self._left -= 1
        n = len(media.payload) // self._wire.sample_bytes
        if media.timestamp_ms is None or (media.chunk is not None and media.chunk == self._chunk):
            return None
        self._chunk = media.chunk
        step_ms = None if self._last is None else media.timestamp_ms - self._last
        self._last = media.timestamp_ms
        # A pause, or a message out of order, says nothing about the rate.
        if step_ms is None or not 0 <= step_ms <= HOLE_MS + 2 * n * 1000 / self._wire.sample_rate:
            return None
        self._samples += n
        self._elapsed_ms += step_ms
        if self._samples < self._wire.sample_rate or self._elapsed_ms <= 0:
            return None
        rate = self._samples * 1000 / self._elapsed_ms
        if 0.6 <= rate / self._wire.sample_rate <= 1.5:
            return None
        self._left = 0
        return (
            f"by the timestamps the audio has {rate:.0f} samples a second, and the stream is {self._wire}; decoded as "
            f"it is it sounds too {'low' if rate > self._wire.sample_rate else 'high'}"
        )
