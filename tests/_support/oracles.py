"""Slow and obvious references, written from the standards; they share no code with the package."""

import numpy as np


def ulaw_outputs() -> np.ndarray:
    """Decoder outputs of ITU-T G.711 table 2 for codes 0-255, left-justified in 16 bits."""
    outputs = []
    for code in range(256):
        bits = code ^ 0xFF
        segment, step = bits >> 4 & 7, bits & 15
        magnitude = ((33 + 2 * step) << segment) - 33
        outputs.append((-magnitude if bits & 0x80 else magnitude) * 4)
    return np.array(outputs, np.int16)


def ulaw_codes(pcm: np.ndarray) -> np.ndarray:
    """Encode by G.711 table 2's decision values, magnitudes of negatives in one's complement as in G.191."""
    decisions = [0, *(((32 + 2 * step) << segment) - 33 for segment in range(8) for step in range(16))]
    del decisions[1]  # the first of them lies below zero
    x = pcm.astype(np.int64)
    magnitude = np.where(x < 0, ~x, x) >> 2
    code = np.searchsorted(decisions, magnitude, side="right") - 1
    return (np.where(x < 0, code + 128, code) ^ 0xFF).astype(np.uint8)


def alaw_outputs() -> np.ndarray:
    """Decoder outputs of ITU-T G.711 table 1 for codes 0-255, left-justified in 16 bits."""
    outputs = []
    for code in range(256):
        bits = code ^ 0x55
        segment, step = bits >> 4 & 7, bits & 15
        magnitude = 2 * step + 1 if segment == 0 else (2 * step + 33) << (segment - 1)
        outputs.append((magnitude if bits & 0x80 else -magnitude) * 8)
    return np.array(outputs, np.int16)


def alaw_codes(pcm: np.ndarray) -> np.ndarray:
    """Encode by G.711 table 1's decision values, magnitudes of negatives in one's complement as in G.191."""
    decisions = [*range(16), *((16 + step) << segment for segment in range(7) for step in range(16))]
    x = pcm.astype(np.int64)
    magnitude = np.where(x < 0, ~x, x) >> 4
    code = np.searchsorted(decisions, magnitude, side="right") - 1
    return (np.where(x < 0, code, code + 128) ^ 0x55).astype(np.uint8)
