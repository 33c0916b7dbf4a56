"""What the caller heard of the agent: the sound, and where in it there is speech."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from voiceband.emulator.judge.lint.played_sound import BREAK_S
from voiceband.sound.noise_floor import USUAL, NoiseFloor
from voiceband.sound.speech import STEP_MS, Intervals, speech_intervals

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from voiceband.emulator.carrier.player import Player
    from voiceband.formats import AudioFormat


class Audible(NamedTuple):
    """Samples that were heard, where there is speech in them in ms, and the limit of power of each frame of 10 ms."""

    pcm: NDArray[np.int16]
    speech: Intervals
    limits: NDArray[np.float64] | float

    def limit(self, at_s: float) -> float:
        """Return the power above which there is speech at a time."""
        if isinstance(self.limits, float):
            return self.limits
        frame = min(max(int(at_s * 1000 / STEP_MS), 0), len(self.limits) - 1)
        return float(self.limits[frame])


def audible(player: Player, wire: AudioFormat, started: float, end: float) -> Audible:
    """Return what a player was heard to play from one time to another."""
    pcm = wire.decode(player.heard(started, end - started, wire.silence))
    rate = wire.sample_rate
    size = rate * STEP_MS // 1000
    floor = NoiseFloor(rate)
    played: list[tuple[int, int, int]] = []  # first and last sample of a run, and how many the floor had before it
    for run in player.runs:
        first = round((run.start - started) * rate)
        last = min(first + len(run.data) // wire.sample_bytes, len(pcm))
        if first < 0 or last <= first:
            continue
        if played and first - played[-1][1] > BREAK_S * rate:
            floor.pause()
        played.append((first, last, floor.at))
        floor.push(pcm[first:last])
    limits: NDArray[np.float64] | float = USUAL
    if floor.noisy:
        limits = np.full(len(pcm) // size, USUAL)
        for first, last, at in played:
            a, b = first // size, min(last // size + 1, len(limits))
            limits[a:b] = floor.limits(at + a * size - first, b - a, size)
    return Audible(pcm, speech_intervals(pcm, rate, limits), limits)


def speech_of(pcm: NDArray[np.int16], rate: int) -> Intervals:
    """Return where there is speech in a recording, whatever steady noise is behind it."""
    floor = NoiseFloor(rate)
    floor.push(pcm)
    size = rate * STEP_MS // 1000
    return speech_intervals(pcm, rate, floor.limits(0, len(pcm) // size, size))
