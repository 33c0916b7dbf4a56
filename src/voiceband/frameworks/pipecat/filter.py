"""`DenoiserFilter`: noise suppression in a pipecat transport."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipecat.audio.filters.base_audio_filter import BaseAudioFilter
from pipecat.frames.frames import FilterControlFrame, FilterEnableFrame

from voiceband.dsp.denoise import Denoiser

if TYPE_CHECKING:
    from typing import Literal, SupportsFloat


class DenoiserFilter(BaseAudioFilter):  # type: ignore[misc]
    """Suppress noise in what a transport hears, before its voice activity detector and its recogniser.

    Give it to a transport's params as ``audio_in_filter=``. `FilterEnableFrame` switches it off and on.

    Parameters
    ----------
    level : float, optional
        How strongly noise is suppressed, 60 to 100; may be set at any time.
    latency : {"normal", "low"}, optional
        Whether to trade some quality for half the delay.

    Raises
    ------
    ValueError
        If `level` or `latency` is out of range; from `start`, if the transport's rate is neither 8000 nor 16000 Hz.
    """

    def __init__(self, level: SupportsFloat = 85, *, latency: Literal["normal", "low"] = "normal") -> None:
        Denoiser(8000, level=level, latency=latency)  # raises for a bad value here, not when the call starts
        self._level, self._latency = float(level), latency
        self._denoiser: Denoiser | None = None
        self._enabled = True

    @property
    def level(self) -> float:
        """Strength of the suppression, 60 to 100."""
        return self._level

    @level.setter
    def level(self, value: SupportsFloat) -> None:
        denoiser = self._denoiser or Denoiser(8000)
        denoiser.level = value
        self._level = denoiser.level

    async def start(self, sample_rate: int) -> None:
        """Make the suppressor of the transport's rate."""
        try:
            self._denoiser = Denoiser(sample_rate, level=self._level, latency=self._latency)
        except ValueError as error:
            raise ValueError(f"{error}; set audio_in_sample_rate=16000 in the transport's params") from None

    async def stop(self) -> None:
        """Let the suppressor go."""
        self._denoiser = None

    async def process_frame(self, frame: FilterControlFrame) -> None:
        """Switch off or on; what was heard before a pause is not mixed with what comes after it."""
        if isinstance(frame, FilterEnableFrame):
            if frame.enable and not self._enabled and self._denoiser is not None:
                self._denoiser.reset()
            self._enabled = frame.enable

    async def filter(self, audio: bytes) -> bytes:
        """Return as many samples of 16 bits as came in, whole frames of 10 ms given, with less noise."""
        if self._denoiser is None or not self._enabled:
            return audio
        return self._denoiser.process(audio).tobytes()
