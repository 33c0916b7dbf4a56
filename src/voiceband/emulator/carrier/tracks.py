"""The audio of one stream towards the agent: the caller's track, and what the caller hears."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from voiceband.dsp.denoise import Denoiser
from voiceband.emulator.carrier.player import Player
from voiceband.protocol.limits import FRAME_MS
from voiceband.sound.speech import Activity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from voiceband.formats import AudioFormat

MAX_ANNOUNCED_S = 24 * 3600.0


class Source(Protocol):
    """Where the caller's audio comes from, instead of `CarrierStream.say`: a line with its noise, a microphone, a file.

    It may have more: `say` and `unsaid_ms`, which the call's own then are; `hears`, called once with the call, for what
    depends on what the agent says; `dial`, for the tones of keys; and `speech`, what was said within the samples read
    last, without the line's noise and echo, or None for nothing. A `Line` has all of them.
    """

    def read(self, n_samples: int) -> NDArray[np.int16] | None:
        """Return the next `n_samples` at the wire's rate; None when this frame is lost on the way."""


class Microphone:
    """The caller's side: what is said waits here, and leaves frame by frame.

    Parameters
    ----------
    format : AudioFormat
        Of the wire.
    source : Source, optional
        Asked for every frame. What is said goes to its own `say`, if it has one.
    noise_cancellation_level : int, optional
        How strongly the carrier suppresses noise, 60 to 100; None for not at all.
    whole_hops : bool, optional
        Whether all frames will hold whole hops of the suppressor, 10 ms; otherwise it lags by one more.
    """

    def __init__(
        self,
        format: AudioFormat,  # noqa: A002
        source: Source | None,
        noise_cancellation_level: int | None,
        *,
        whole_hops: bool = True,
    ) -> None:
        self.format = format
        self.source = source
        self.spoken = bytearray()  # the track so far, as wire bytes; what was lost is silence
        self.activity = Activity(format.sample_rate)
        self._usual = format.frame_samples(FRAME_MS)
        self._speech = bytearray()  # int16
        rate = format.sample_rate
        self._denoiser = (
            None if noise_cancellation_level is None else Denoiser(rate, level=noise_cancellation_level, dtype="int16")
        )
        self._clean = np.zeros(0 if whole_hops else rate // 100, np.int16)

    def say(self, pcm: NDArray[np.int16]) -> None:
        """Queue speech."""
        if self.source is not None:
            say = getattr(self.source, "say", None)
            if say is None:
                raise RuntimeError("the caller's audio comes from a source that has no say method")
            say(pcm)
            return
        samples = np.asarray(pcm)
        if samples.dtype != np.int16 or samples.ndim != 1:
            raise ValueError(f"pcm must be a 1-D array of int16, not {samples.ndim}-D of {samples.dtype}")
        self._speech += samples.tobytes()

    @property
    def unsaid_ms(self) -> float:
        """How much of it has not left yet."""
        if self.source is not None:
            return float(getattr(self.source, "unsaid_ms", 0.0))
        return len(self._speech) / (2 * self.format.sample_rate) * 1000

    def frame(self, n: int) -> tuple[bytes | None, bool]:
        """Return the next `n` samples as wire bytes, and whether they arrive; None is 20 ms of plain silence."""
        pcm, arrives = self._read(n)
        self.activity.push(getattr(self.source, "speech", pcm) if self.source is not None else pcm, n)
        if pcm is not None and self._denoiser is not None:
            clean = np.concatenate([self._clean, self._denoiser.process(pcm)])
            pcm, self._clean = clean[:n], clean[n:]
        if pcm is None and n == self._usual:
            self.spoken += self.format.silence * n
            return None, arrives
        frame = self.format.silence * n if pcm is None else self.format.encode(pcm)
        self.spoken += frame
        return frame, arrives

    def _read(self, n: int) -> tuple[NDArray[np.int16] | None, bool]:
        if self.source is not None:
            pcm = self.source.read(n)
            if pcm is None:
                # The suppressor hears silence for what was lost before it.
                return (None if self._denoiser is None else np.zeros(n, np.int16)), False
            if not isinstance(pcm, np.ndarray) or pcm.dtype != np.int16 or pcm.shape != (n,):
                raise ValueError(f"source.read must return {n} samples of int16, not {pcm!r:.60}")
            return pcm, True
        if self._speech:
            piece = bytes(self._speech[: 2 * n])
            del self._speech[: 2 * n]
            return np.frombuffer(piece.ljust(2 * n, b"\0"), np.int16), True
        return (None if self._denoiser is None else np.zeros(n, np.int16)), True


class Earpiece:
    """What the caller hears: the agent's player, and announcements of the carrier beside it.

    Parameters
    ----------
    format : AudioFormat
        Of the wire.
    player : Player
        The agent's.
    """

    def __init__(self, format: AudioFormat, player: Player) -> None:  # noqa: A002
        self.format = format
        self.player = player
        self._announcer = Player(format.frame_bytes(1000), delay_s=0.0, max_queue_s=MAX_ANNOUNCED_S)

    def announce(self, pcm: NDArray[np.int16], now: float) -> None:
        """Let the caller hear something that is not the agent's."""
        self._announcer.play(self.format.encode(pcm), now)

    def silence(self, now: float) -> None:
        """End the announcements."""
        self._announcer.clear(now)

    def heard(self, start: float, seconds: float) -> bytes:
        """Return what was heard from `start` on, as wire bytes."""
        silence = self.format.silence
        if not self._announcer.runs:
            return self.player.heard(start, seconds, silence)
        if not self.player.runs:
            return self._announcer.heard(start, seconds, silence)
        both = [self.format.decode(p.heard(start, seconds, silence)) for p in (self.player, self._announcer)]
        mixed = np.clip(both[0].astype(np.int32) + both[1], -32768, 32767)
        return self.format.encode(mixed.astype(np.int16))
