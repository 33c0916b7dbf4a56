"""Finds in a call's sound what a report marks: tones on the caller's line, and the agent's voice coming back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from voiceband.dsp.resample import resample
from voiceband.dsp.tones import ToneDetector
from voiceband.report.kinds import PageMark
from voiceband.sound.echoes import EchoFinder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

RATE = 8000
NAMES = {
    "dial": "a dial tone",
    "ringback": "ringing",
    "busy": "a busy tone",
    "congestion": "a congestion tone",
    "sit": "a special information tone",
}


def sound_marks(caller: NDArray[np.int16], agent: NDArray[np.int16], rate: int) -> list[PageMark]:
    """Return what is heard in the two sides of a call, which begin together."""
    near, far = (resample(side, rate, RATE) for side in (caller, agent))
    return [*_tones(near), *_echoes(near, far)]


def _tones(near: NDArray[np.int16]) -> Iterator[PageMark]:
    detector = ToneDetector(RATE)
    # What lasts to the end of the call ends in the silence after it.
    for tone in detector.process(np.concatenate([near, np.zeros(6 * RATE, np.int16)])):
        if tone.end_ms is None:
            continue
        begin, end = tone.start_ms / 1000, min(tone.end_ms / 1000, len(near) / RATE)
        if tone.kind == "dtmf":
            yield PageMark("dtmf", begin, begin, f"The caller's line brings the tones of the key {tone.name}")
            continue
        name = f"{tone.name} Hz, a beep" if tone.kind == "beep" else NAMES.get(tone.kind, f"a fax, {tone.name}")
        yield PageMark("tone", begin, end, f"The caller's line brings {name}, for {end - begin:.1f} s.")


def _echoes(near: NDArray[np.int16], far: NDArray[np.int16]) -> Iterator[PageMark]:
    finder = EchoFinder(RATE)
    n = min(len(near), len(far))
    finder.hear(near[:n], far[:n])
    finder.end()
    for span in finder.spans:
        begin, end = span.start_ms / 1000, span.end_ms / 1000
        text = f"For {end - begin:.1f} s the caller's line brings nothing but the agent's own voice"
        yield PageMark("echo", begin, end, f"{text}, about {round(span.lag_ms, -1):.0f} ms late.")
