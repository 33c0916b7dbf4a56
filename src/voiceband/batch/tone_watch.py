"""Hears tones in the channels of a recording while they pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from voiceband.batch.streams import resampling
from voiceband.dsp.tone_kinds import Tone
from voiceband.dsp.tones import ToneDetector

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from voiceband.sound.codes import Channels

RATE = 8000
"""Rate that others than 8000 and 16000 Hz are heard at."""


class ChannelTone(NamedTuple):
    """A tone of a recording: its channel, from 0 on, and what was told when it had ended, or the sound had."""

    channel: int
    tone: Tone


class ToneWatch:
    """Lets the samples of all channels pass, and keeps the tones in them, each once."""

    def __init__(self, rate: int, channels: int, dtype: str) -> None:
        self.clipped = 0
        self.tones: list[ChannelTone] = []
        heard = rate if rate in (8000, 16000) else RATE
        self._detectors = [ToneDetector(heard) for _ in range(channels)]
        self._resamplers = None if heard == rate else [resampling(rate, heard, dtype) for _ in range(channels)]
        self._nothing: Channels = [np.empty(0, dtype)] * channels
        self._open: list[dict[tuple[str, float], Tone]] = [{} for _ in range(channels)]  # a key can lie in a ringback

    def process(self, parts: Channels) -> Channels:
        """Hear the next samples of each channel, and return them."""
        for k, x in enumerate(parts):
            self._hear(k, x if self._resamplers is None else self._resamplers[k].process(x))
        return parts

    def flush(self) -> Channels:
        """Take what lasts to the end of the sound; return nothing."""
        for k in range(len(self._detectors)):
            if self._resamplers is not None:
                self._hear(k, self._resamplers[k].flush())
            self.tones += [ChannelTone(k, last) for last in self._open[k].values()]
        return self._nothing

    def _hear(self, k: int, x: NDArray[Any]) -> None:
        for tone in self._detectors[k].process(x):
            which = (tone.kind, tone.start_ms)
            if tone.end_ms is None:
                self._open[k][which] = tone
            else:
                self._open[k].pop(which, None)
                self.tones.append(ChannelTone(k, tone))
