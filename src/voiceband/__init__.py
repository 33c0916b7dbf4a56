"""Telephone audio for voice agents."""

from voiceband.dsp.alaw import alaw_decode, alaw_encode
from voiceband.dsp.conceal import Concealer
from voiceband.dsp.cpu import simd_level, simd_levels
from voiceband.dsp.jitter import JitterBuffer
from voiceband.dsp.l16 import l16_decode, l16_encode, to_float, to_int16
from voiceband.dsp.timeline import Timeline
from voiceband.dsp.ulaw import ulaw_decode, ulaw_encode

__all__ = [
    "Concealer",
    "JitterBuffer",
    "Timeline",
    "alaw_decode",
    "alaw_encode",
    "l16_decode",
    "l16_encode",
    "simd_level",
    "simd_levels",
    "to_float",
    "to_int16",
    "ulaw_decode",
    "ulaw_encode",
]
