"""The stages behind the order of messages: the wire's samples become what the agent hears.

    samples in order --Denoiser--> gain --> dtype --Resampler--> samples at the session's rate

A stage that is taken out gives its tail first, and one that is put in keeps its first, empty output back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from voiceband.dsp.denoise import Denoiser
from voiceband.dsp.l16 import to_float
from voiceband.dsp.resample import Resampler
from voiceband.session.gain import apply_gain

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from voiceband.session.inbound.options import InboundOptions


class Conditioning:
    """Suppressor, gain, item type and resampler of one track.

    Parameters
    ----------
    rate : int
        The wire's, in Hz.
    options : InboundOptions
        Of all tracks; they change while the call runs.
    shift : float
        What `shift` begins with.

    Attributes
    ----------
    resampler : Resampler or None
        None where the agent hears at the wire's rate.
    shift : float
        How far what was given is ahead of what came, in samples of the wire: tails, held back.
    """

    __slots__ = ("_denoiser", "_keep_back", "_options", "_rate", "resampler", "shift")

    def __init__(self, rate: int, options: InboundOptions, shift: float) -> None:
        self._rate = rate
        self._options = options
        self._denoiser = None if options.denoise is None else Denoiser(rate, level=options.denoise)
        self._keep_back = 0
        self.shift = shift
        self.resampler = self._make_resampler()

    @property
    def latency_s(self) -> float:
        """How much audio they hold back."""
        denoise_s = self._denoiser.latency if self._denoiser is not None else 0.0
        return denoise_s + (self.resampler.latency if self.resampler is not None else 0.0)

    @property
    def only_resample(self) -> bool:
        """Whether no other stage than the resampler has anything to do."""
        return self._denoiser is None and not self._options.gain_db and self._options.dtype == "int16"

    def process(self, samples: NDArray[np.int16]) -> NDArray[Any]:
        """Take samples through all stages."""
        return self._behind(samples if self._denoiser is None else self._suppressed(self._denoiser, samples))

    def _suppressed(self, denoiser: Denoiser, samples: NDArray[np.int16]) -> NDArray[np.int16]:
        """Take samples through the suppressor; of one that was put in later, leave out the time before it."""
        quiet = denoiser.process(samples)
        if self._keep_back:
            n = min(self._keep_back, len(quiet))
            self._keep_back -= n
            quiet = quiet[n:]
        self.shift += len(quiet) - len(samples)
        return quiet

    def _behind(self, samples: NDArray[Any]) -> NDArray[Any]:
        """Take samples through the stages behind the suppressor."""
        if not len(samples):
            return samples
        if self._options.gain_db:
            samples = apply_gain(samples, self._options.gain_db)
        if self._options.dtype == "float32":
            samples = to_float(samples)
        return samples if self.resampler is None else self.resampler.process(samples)

    def set_denoise(self, level: float | None) -> NDArray[Any]:
        """Put the suppressor in, take it out, or change its level; return its tail, through the other stages."""
        tail: NDArray[np.int16] = np.zeros(0, np.int16)
        if level is not None and self._denoiser is not None:
            self._denoiser.level = level
        elif level is not None:
            self._denoiser = Denoiser(self._rate, level=level)
            self._keep_back = round(self._denoiser.latency * self._rate)
        elif self._denoiser is not None:
            tail, self._denoiser = self._denoiser.flush()[self._keep_back :], None
            self._keep_back = 0
            self.shift += len(tail)
        return self._behind(tail)

    def set_rate(self) -> NDArray[Any]:
        """Follow a change of the session's rate; return the tail at the old one."""
        tail = np.zeros(0, np.int16)
        if self.resampler is not None:
            tail = self.resampler.flush()
            self.shift += len(tail) * self._rate / self.resampler.rate_out
        self.resampler = self._make_resampler()
        return tail

    def _make_resampler(self) -> Resampler | None:
        rate = self._options.rate
        if rate is None or rate == self._rate:
            return None
        return Resampler(self._rate, rate, dtype=self._options.dtype)
