"""Hears echo between two channels of a recording while they pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from voiceband.batch.streams import EachChannel, resampling
from voiceband.batch.tone_watch import RATE
from voiceband.sound.echoes import EchoFinder

if TYPE_CHECKING:
    from voiceband.sound.codes import Channels
    from voiceband.sound.echoes import EchoSpan


class EchoWatch:
    """Lets the samples of all channels pass, and keeps where one of them brings another's voice back."""

    def __init__(self, near: int, far: int, rate: int, channels: int, dtype: str) -> None:
        self.clipped = 0
        self._sides = near, far
        heard = rate if rate in (8000, 16000) else RATE
        self._finder = EchoFinder(heard, dtype)
        self._resampled = None if heard == rate else EachChannel(lambda: resampling(rate, heard, dtype), 2)
        self._nothing: Channels = [np.empty(0, dtype)] * channels

    @property
    def echoes(self) -> list[EchoSpan]:
        """What is over so far."""
        return self._finder.spans

    def process(self, parts: Channels) -> Channels:
        """Hear the next samples of each channel, and return them."""
        sides = [parts[k] for k in self._sides]
        self._finder.hear(*(sides if self._resampled is None else self._resampled.process(sides)))
        return parts

    def flush(self) -> Channels:
        """End what lasts to the end of the sound; return nothing."""
        if self._resampled is not None:
            self._finder.hear(*self._resampled.flush())
        self._finder.end()
        return self._nothing
