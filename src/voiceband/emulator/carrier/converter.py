"""`PlayerConverter`: audio in another format than the stream's, for its player."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voiceband.dsp.resample import Resampler

if TYPE_CHECKING:
    from voiceband.emulator.carrier.reading import Sound
    from voiceband.formats import AudioFormat


class PlayerConverter:
    """Turns an agent's audio into a stream's format, piece by piece, without a seam while the format stays.

    Parameters
    ----------
    wire : AudioFormat
        The stream's format.
    """

    def __init__(self, wire: AudioFormat) -> None:
        self._wire = wire
        self._resampler: Resampler | None = None
        self._rate = 0

    def convert(self, sound: Sound) -> bytes:
        """Return the same sound in the stream's format."""
        given, wire = sound.format, self._wire
        if given == wire:
            self.reset()
            return sound.payload
        pcm = given.decode(sound.payload)
        if given.sample_rate != wire.sample_rate:
            if self._resampler is None or self._rate != given.sample_rate:
                self._resampler = Resampler(given.sample_rate, wire.sample_rate, dtype="int16")
                self._rate = given.sample_rate
            pcm = self._resampler.process(pcm)
        return wire.encode(pcm)

    def reset(self) -> None:
        """Begin again: what comes is not the continuation of what came."""
        self._resampler = None
