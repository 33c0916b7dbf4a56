"""A caller who takes turns: says a sentence, waits for the answer to end, says the next."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from voiceband.emulator.call import Call

SPEECH_DBFS = -45.0
FRAME_MS = 20


def split_at_pauses(pcm: NDArray[np.int16], rate: int, *, pause_ms: float = 180) -> list[NDArray[np.int16]]:
    """Cut a clip into what lies between pauses, by the energy of 20 ms frames; the pauses are left out."""
    size = rate * FRAME_MS // 1000
    frames = pcm[: len(pcm) // size * size].reshape(-1, size).astype(np.float64) / 32768
    loud = np.flatnonzero(10 * np.log10(np.mean(frames**2, axis=1) + 1e-12) > SPEECH_DBFS)
    if not len(loud):
        return []
    breaks = np.flatnonzero(np.diff(loud) * FRAME_MS > pause_ms)
    firsts = [loud[0], *loud[breaks + 1]]
    lasts = [*loud[breaks], loud[-1]]
    # A frame more on both sides keeps soft beginnings and ends.
    return [pcm[max(0, (a - 1) * size) : (b + 2) * size] for a, b in zip(firsts, lasts, strict=True)]


class TurnTaker:
    """Drives a `Call`: `tick(now)` after every turn of its loop.

    Parameters
    ----------
    call : Call
        The call to speak on.
    sentences : list of ndarray
        What to say, at the call's rate.
    silence_s : float
        Silence of the agent that means it has finished.
    patience_s : float
        How long to wait for an answer that does not come.
    """

    def __init__(
        self, call: Call, sentences: list[NDArray[np.int16]], *, silence_s: float = 0.4, patience_s: float = 3.0
    ) -> None:
        self.call = call
        self.speech_ends: list[float] = []
        self._sentences = list(sentences)
        self._silence_s = silence_s
        self._patience_s = patience_s
        self._speaking = False
        self._since = math.inf  # when the caller's last sentence ended

    def tick(self, now: float) -> None:
        """Say the next sentence, or hang up, when it is time to."""
        if self._speaking:
            if self.call.unsaid_ms > 0:
                return
            self._speaking = False
            self._since = now
            self.speech_ends.append(now)
        if self.speech_ends and not self._answered(now):
            return
        if self._sentences:
            self.call.say(self._sentences.pop(0))
            self._speaking = True
        else:
            self.call.hang_up(now)

    def _answered(self, now: float) -> bool:
        """Whether the agent has spoken since, and has been silent for long enough; or never began."""
        player = self.call.player
        if not player.runs or player.runs[-1].start < self._since:
            return now - self._since > self._patience_s
        return player.queued_s(now - self._silence_s) == 0.0
