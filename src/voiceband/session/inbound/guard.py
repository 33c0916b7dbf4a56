"""Is the wire what it says it is? The byte order of L16, and formats that only sound like an error.

Byte order: speech moves in small steps, and its swapped bytes jump. Over the audible messages so far the sum of the
differences of neighbouring samples is taken in both orders; the smaller one wins once the other is four times as large
and more than 256 a sample, which tones of up to 3.4 kHz and DTMF in the right order never are. Samples that are all
multiples of 256 in one order, as those of 8-bit recordings, say nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from voiceband.formats import Encoding

if TYPE_CHECKING:
    from voiceband.formats import AudioFormat, ByteOrder
    from voiceband.protocol import Media

    Kind = Literal["byteorder", "mulaw", "wav", "rate"]

RATIO = 4.0
AUDIBLE = 256
HOLE_MS = 100
"""Timestamps that are further apart than this, and twice the message, are those of a pause."""
WATCHED = 200
"""Messages after which the guard is content."""

# Magnitude of quiet and moderate speech in mu-law: codes 0x30-0x7F and 0xB0-0xFF. These are the others.
_LOUD = bytes(code for code in range(256) if code & 0x7F < 0x30)
_MIDDLE = bytes(range(0x10, 0xF0))
"""What the high bytes of quiet L16 are not."""

SOUNDS = {
    "byteorder": "the bytes of the L16 samples seem to be swapped; decoded as they are they sound like loud noise",
    "mulaw": "the payload seems to be mu-law on a stream of L16; decoded as it is it sounds like noise",
    "wav": "the payload begins with a WAV header; decoded as it is it sounds like a click",
    "rate": "the timestamps say another sample rate than the stream; decoded as it is it sounds too high or too low",
}


class ByteOrderDetector:
    """Decides on the order of the two bytes of L16 samples."""

    __slots__ = ("_big", "_little", "_n", "order")

    def __init__(self) -> None:
        self._little = self._big = 0
        self._n = 0
        self.order: ByteOrder | None = None

    def push(self, payload: bytes) -> bool:
        """Take a message; return whether it is audible, so that the order matters to it."""
        n = len(payload) // 2
        if n < 2 or not (any(payload[: 2 * n : 2]) and any(payload[1::2])):  # one byte of each pair is zero
            return False
        both = np.empty((2, n), np.int32)
        both[0] = np.frombuffer(payload, "<i2", n)
        both[1] = np.frombuffer(payload, ">i2", n)
        steps = both[:, 1:] - both[:, :-1]
        little, big = np.abs(steps, out=steps).sum(axis=1).tolist()
        if max(little, big) <= n * AUDIBLE:
            return False
        self._little += little
        self._big += big
        self._n += n
        if max(self._little, self._big) > self._n * AUDIBLE:
            if self._big > RATIO * self._little:
                self.order = "little"
            elif self._little > RATIO * self._big:
                self.order = "big"
        return True


class FormatGuard:
    """Looks at the first audible messages of a track, and says once what does not fit."""

    __slots__ = ("_byteorder", "_detector", "_elapsed_ms", "_last", "_left", "_mulaw", "_said", "_samples", "_wire")

    def __init__(self, wire: AudioFormat, byteorder: ByteOrder | None) -> None:
        self._wire = wire
        self._byteorder = byteorder  # None when it is found out anyway
        self._detector = ByteOrderDetector()
        self._left = WATCHED
        self._mulaw = 0
        self._last: int | None = None  # timestamp of the latest message
        self._samples = 0  # of messages that another followed, and how long they took by their timestamps
        self._elapsed_ms = 0
        self._said: set[str] = set()

    @property
    def done(self) -> bool:
        """Whether enough has been seen."""
        return self._left <= 0

    def look(self, media: Media) -> list[tuple[Kind, str]]:
        """Return what is wrong, each kind once, and what it would sound like."""
        self._left -= 1
        found: list[Kind] = []
        payload = media.payload
        if payload[:4] == b"RIFF" and payload[8:12] == b"WAVE":
            found.append("wav")
        if self._wire.encoding is Encoding.L16 and len(payload) >= 64:
            if self._looks_like_mulaw(payload):
                found.append("mulaw")
            elif self._byteorder is not None and "mulaw" not in self._said:
                self._detector.push(payload)
                if self._detector.order not in (None, self._byteorder):
                    found.append("byteorder")
        if self._wrong_rate(media):
            found.append("rate")
        new = [kind for kind in found if kind not in self._said]
        self._said.update(new)
        return [(kind, f"{SOUNDS[kind]} (the stream is {self._wire})") for kind in new]

    def _looks_like_mulaw(self, payload: bytes) -> bool:
        """Whether five messages in a row hold what mu-law does, and L16 does not; the first look is enough for most."""
        self._mulaw = self._mulaw + 1 if _like_mulaw(payload) else 0
        return self._mulaw >= 5

    def _wrong_rate(self, media: Media) -> bool:
        n = len(media.payload) // self._wire.sample_bytes
        if media.timestamp_ms is None:
            return False
        step_ms = None if self._last is None else media.timestamp_ms - self._last
        self._last = media.timestamp_ms
        # A pause, or a message out of order, says nothing about the rate.
        if step_ms is None or not 0 <= step_ms <= HOLE_MS + 2 * n * 1000 / self._wire.sample_rate:
            return False
        self._samples += n
        self._elapsed_ms += step_ms
        if self._samples < self._wire.sample_rate or self._elapsed_ms <= 0:
            return False
        ratio = self._samples * 1000 / self._elapsed_ms / self._wire.sample_rate
        return ratio > 1.5 or ratio < 0.6


def _like_mulaw(payload: bytes) -> bool:
    """Mu-law has its loud bit in nearly every byte, so both bytes of each pair look the same."""
    if len(payload.translate(None, _LOUD)) <= 0.95 * len(payload):
        return False
    # The high bytes of quiet L16 are 0x00 or 0xFF, far from typical or all alike.
    high = payload[1::2]
    if len(high.translate(None, _MIDDLE)) > 0.9 * len(high) and len(set(high)) <= 16:
        return False
    if len(set(payload)) < 8:
        return False
    pairs = np.frombuffer(payload, np.uint8, len(payload) // 2 * 2).reshape(-1, 2)
    even, odd = (pairs & 0x7F).sum(axis=0).tolist()
    signs = np.count_nonzero((pairs[:, 0] ^ pairs[:, 1]) & 0x80)
    return bool(abs(even - odd) < 8 * len(pairs) and signs < 0.6 * len(pairs))
