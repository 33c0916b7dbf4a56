"""Reads what the caller hears, as the player truly played it: for the line's echo, and for a caller who listens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from voiceband.emulator.carrier.carrier_stream import CarrierStream


class PlayerTap:
    """What a stream's player has played, by sample number from its start; to be read forwards.

    Parameters
    ----------
    stream : CarrierStream
        Started before anything is read.
    """

    def __init__(self, stream: CarrierStream) -> None:
        self._stream = stream
        self._run = 0  # runs before this one have been read to their end

    def read(self, first: int, n: int) -> NDArray[np.int16] | None:
        """Return samples `first` to `first + n`, which must have been played by now; None for plain silence."""
        stream = self._stream
        wire, player = stream.format, stream.player
        # A millisecond more than rounding takes: most of what a caller hears is nothing.
        if stream.started_at + first / wire.sample_rate > player.end_s + 0.001:
            return None
        runs = player.runs
        width, heard = wire.sample_bytes, None
        while self._run < len(runs):
            run = runs[self._run]
            begin = round((run.start - stream.started_at) * wire.sample_rate)
            end = begin + len(run.data) // width
            # A run that may still grow is kept: only a later run shows that it does not.
            if end <= first and self._run + 1 < len(runs):
                self._run += 1
                continue
            break
        for run in runs[self._run :]:
            begin = round((run.start - stream.started_at) * wire.sample_rate)
            if begin >= first + n:
                break
            a, b = max(first - begin, 0), min(first + n - begin, len(run.data) // width)
            if b > a:
                if heard is None:
                    heard = np.zeros(n, np.int16)
                heard[begin + a - first : begin + b - first] = wire.decode(bytes(run.data[a * width : b * width]))
        return heard
