"""Telephone audio for voice agents."""

from typing import TYPE_CHECKING

from voiceband.dsp.conceal import Concealer
from voiceband.dsp.cpu import simd_level, simd_levels
from voiceband.dsp.denoise import Denoiser, denoise
from voiceband.dsp.echo import EchoGuard
from voiceband.dsp.g711 import alaw_decode, alaw_encode, ulaw_decode, ulaw_encode
from voiceband.dsp.jitter import JitterBuffer
from voiceband.dsp.l16 import l16_decode, l16_encode, to_float, to_int16
from voiceband.dsp.rechunk import Rechunker
from voiceband.dsp.resample import Resampler, resample
from voiceband.dsp.sound import SoundGuard
from voiceband.dsp.timeline import Timeline
from voiceband.dsp.tone_kinds import Tone
from voiceband.dsp.tones import ToneDetector

if TYPE_CHECKING:
    from voiceband.session import Session

__version__ = "0.1.0"
"""Version of the package; pyproject.toml reads it from here, so no program has to ask for the metadata."""

__all__ = [
    "__version__",
    "Concealer",
    "Denoiser",
    "EchoGuard",
    "JitterBuffer",
    "Rechunker",
    "Resampler",
    "Session",
    "SoundGuard",
    "Timeline",
    "Tone",
    "ToneDetector",
    "alaw_decode",
    "alaw_encode",
    "denoise",
    "l16_decode",
    "l16_encode",
    "resample",
    "simd_level",
    "simd_levels",
    "to_float",
    "to_int16",
    "ulaw_decode",
    "ulaw_encode",
]


if not TYPE_CHECKING:  # else a type checker would believe in any name

    def __getattr__(name: str) -> object:
        """Import `Session` when it is asked for: who uses kernels alone does not wait for it."""
        if name != "Session":
            raise AttributeError(f"module 'voiceband' has no attribute {name!r}")
        from voiceband.session import Session

        globals()[name] = Session
        return Session

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
