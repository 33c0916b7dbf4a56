"""`ClipReport`: a recording before and after noise suppression at several levels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from voiceband.dsp.denoise import denoise
from voiceband.protocol.limits import FRAME_MS
from voiceband.sound.speech import frame_energies, speech_intervals

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from voiceband.report.page_sound import Recording

LEVELS = {60: "light", 70: "mild", 85: "balanced", 100: "aggressive"}
"""Levels of suppression that are compared, and what they are called."""
MOST_S = 600
QUIET_SHARE = 0.1
"""The level of the background is that of the quietest tenth."""
FRAME_S = FRAME_MS / 1000


class Version(NamedTuple):
    """The clip as it was, or after suppression: a key, a name, the samples, and figures as (name, text)."""

    key: str
    name: str
    pcm: NDArray[np.int16]
    figures: list[tuple[str, str]]


class ClipReport(NamedTuple):
    """What a report says of a clip."""

    name: str
    rate: int
    facts: list[tuple[str, str]]
    versions: list[Version]
    notes: list[str]

    @property
    def duration_s(self) -> float:
        """Length of the clip, in seconds."""
        return len(self.versions[0].pcm) / self.rate


def clip_report(name: str, sound: Recording) -> ClipReport:
    """Suppress the noise of a recording of one channel at each level."""
    notes = []
    pcm = sound.pcm[0]
    if sound.mixed:
        notes.append("Its channels were mixed into one.")
    if len(pcm) > MOST_S * sound.rate:
        notes.append(f"Only its first {MOST_S // 60} minutes are compared.")
        pcm = pcm[: MOST_S * sound.rate]
    before = background_dbfs(pcm, sound.rate)
    versions = [Version("before", "As it was", pcm, _figures(pcm, sound.rate, before))]
    for level, word in LEVELS.items():
        after = denoise(pcm, sound.rate, level=level)
        versions.append(Version(f"level-{level}", f"Level {level}, {word}", after, _figures(after, sound.rate, before)))
    if sound.rate == 16000 and not sound.was.startswith("16000 "):
        notes.append("Players and plots are at 16000 Hz: nothing above 8 kHz is in them.")
    if not np.any(pcm):
        notes.append("There is nothing but digital silence in it.")
    return ClipReport(name, sound.rate, [("File", sound.was)], versions, notes)


def background_dbfs(pcm: NDArray[np.int16], rate: int) -> float:
    """Return the level of the quietest tenth of 20 ms frames, in dB of full scale; -inf for digital silence."""
    size = round(FRAME_S * rate)
    whole = pcm[: max(1, len(pcm) // size) * size]
    power = np.sort(frame_energies(np.pad(whole, (0, -len(whole) % size)), size) / size)
    quiet = float(power[: max(1, round(len(power) * QUIET_SHARE))].mean()) / 32768**2
    return 10 * math.log10(quiet) if quiet else -math.inf


def _figures(pcm: NDArray[np.int16], rate: int, before_db: float) -> list[tuple[str, str]]:
    background_db = background_dbfs(pcm, rate)
    speech_s = sum(end - begin for begin, end in speech_intervals(pcm, rate)) / 1000
    figures = [("background", "digital silence" if math.isinf(background_db) else f"{background_db:.0f} dBFS")]
    if math.isfinite(background_db) and math.isfinite(before_db) and background_db < before_db - 0.05:
        figures.append(("lower by", f"{before_db - background_db:.0f} dB"))
    return [*figures, ("louder than -45 dBFS for", f"{speech_s:.1f} s")]
