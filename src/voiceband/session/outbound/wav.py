"""Takes the header off a WAV file that is played in pieces."""

from __future__ import annotations

import struct

from voiceband.session.checks import MAX_RATE, MIN_RATE

MAX_HEADER = 64 * 1024
"""How many bytes may come before the audio."""
STREAMED = 0x7FFF0000
"""From this length on, and with 0, a header does not know how long its audio is."""
_KINDS = {(1, 16): "l16", (6, 8): "alaw", (7, 8): "mulaw", (3, 32): "f32"}
_EXTENSIBLE = 0xFFFE


class WavHeader:
    """Reads the beginning of some bytes, piece by piece, until it is clear what they are.

    Attributes
    ----------
    decided : bool
        Whether it is; until then all bytes are kept.
    item, rate : str or None, int
        What the header says: one of `given.SIZES`, or None if there is no header; and the rate.
    """

    __slots__ = ("_kept", "_left", "decided", "item", "rate")

    def __init__(self) -> None:
        self._kept = b""
        self._left: int | None = None  # bytes of audio that are still to come, where the header says so
        self.decided = False
        self.item: str | None = None
        self.rate = 0

    def push(self, data: bytes) -> bytes:
        """Return the audio in some bytes; what is kept until it is clear what it is comes with a later piece.

        Raises
        ------
        ValueError
            If the header is one of sound that cannot be played. Nothing has changed then.
        """
        if self.decided:
            return self._audio(data)
        kept = self._kept + data
        if not _may_be_riff(kept):
            self.decided, self._kept = True, b""
            return kept
        found = _parse(kept)
        if found is None:
            self._kept = kept
            return b""
        self.item, self.rate, begins, self._left = found
        self.decided, self._kept = True, b""
        return self._audio(kept[begins:])

    def rest(self) -> bytes:
        """Return what is kept, which has turned out to be all there is."""
        kept, self._kept = self._kept, b""
        return b"" if len(kept) >= 12 else kept  # a header without audio is no audio

    def _audio(self, data: bytes) -> bytes:
        """Return bytes without what comes behind the audio."""
        if self._left is None:
            return data
        data = data[: self._left]
        self._left -= len(data)
        return data


def begins_wav(data: bytes) -> bool:
    """Whether bytes begin with the header of a WAV file, or are too few to say."""
    return data[:1] in (b"R", b"") and _may_be_riff(data)


def _may_be_riff(data: bytes) -> bool:
    return data[:4] == b"RIFF"[: len(data)] and data[8:12] == b"WAVE"[: max(0, len(data) - 8)]


def _parse(data: bytes) -> tuple[str, int, int, int | None] | None:
    """Return kind, rate, where the audio begins, and its bytes if that is said; None while the header goes on."""
    at, kind, rate = 12, None, 0
    while at + 8 <= len(data):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8
        if name == b"data":
            if kind is None:
                raise ValueError("data must have a fmt chunk in its WAV header before the audio, and has none")
            return kind, rate, at, size if 0 < size < STREAMED else None
        if at + size > MAX_HEADER:
            raise ValueError(f"data must have its audio within {MAX_HEADER} bytes of its WAV header")
        if name == b"fmt " and at + size <= len(data):
            kind, rate = _kind(data[at : at + size])
        at += size + size % 2
    return None


def _kind(chunk: bytes) -> tuple[str, int]:
    if len(chunk) < 16:
        raise ValueError(f"data must have a fmt chunk of 16 bytes or more in its WAV header, not {len(chunk)}")
    tag, channels, rate, _, _, bits = struct.unpack("<HHIIHH", chunk[:16])
    if tag == _EXTENSIBLE and len(chunk) >= 26:
        tag = int.from_bytes(chunk[24:26], "little")
    if channels != 1:
        raise ValueError(
            f"data must have one channel, and its WAV header says {channels}: choose one of them, or mix them"
        )
    if (tag, bits) not in _KINDS:
        raise ValueError(
            "data must be PCM of 16 bits, floats of 32, mu-law or A-law, and its WAV header says "
            f"format {tag} of {bits} bits: convert it first"
        )
    if not MIN_RATE <= rate <= MAX_RATE:
        raise ValueError(f"data must have {MIN_RATE} to {MAX_RATE} Hz, and its WAV header says {rate}")
    return _KINDS[tag, bits], rate
