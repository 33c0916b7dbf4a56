"""Samples of files as bytes: how each kind becomes int16 where that is exact, and float32 where it is not."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from voiceband.dsp.g711 import alaw_decode, ulaw_decode

Channels = list[NDArray[Any]]
"""A block of samples: an array a channel."""


class Codes(NamedTuple):
    """A kind of samples: libsndfile's name of it, bytes a sample, and whether the most significant comes first."""

    subtype: str
    size: int
    big: bool = False

    @property
    def dtype(self) -> str:
        """What `decode` gives: "int16" where it holds all of them, else "float32"."""
        return "int16" if self.subtype in EXACT_INT16 else "float32"

    def decode(self, data: bytes) -> NDArray[Any]:
        """Return the samples of whole codes, full scale 32768 or 1.0."""
        order = ">" if self.big else "<"
        match self.subtype:
            case "ULAW":
                return ulaw_decode(data)
            case "ALAW":
                return alaw_decode(data)
            case "PCM_16":
                return np.frombuffer(data, f"{order}i2").astype(np.int16)
            case "PCM_U8":
                return (np.frombuffer(data, np.uint8).astype(np.int16) - 128) << 8
            case "PCM_S8":
                return np.frombuffer(data, np.int8).astype(np.int16) << 8
            case "PCM_24":
                return self._wide(data, order)
            case "PCM_32":
                return (np.frombuffer(data, f"{order}i4") / 2**31).astype(np.float32)
            case "FLOAT":
                return np.frombuffer(data, f"{order}f4").astype(np.float32)
            case _:
                with np.errstate(over="ignore"):
                    return np.frombuffer(data, f"{order}f8").astype(np.float32)

    @staticmethod
    def _wide(data: bytes, order: str) -> NDArray[Any]:
        """Put 24 bits at the top of 32."""
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        triples = np.frombuffer(data, np.uint8).reshape(-1, 3)
        if order == "<":
            wide[:, 1:] = triples
        else:
            wide[:, :3] = triples
        return (wide.view(f"{order}i4")[:, 0] / 2**31).astype(np.float32)


EXACT_INT16 = ("PCM_16", "PCM_S8", "PCM_U8", "ULAW", "ALAW")
"""Kinds that int16 holds as they are."""
PCM_BYTES = {1: "PCM_U8", 2: "PCM_16", 3: "PCM_24", 4: "PCM_32"}
FLOAT_BYTES = {4: "FLOAT", 8: "DOUBLE"}
G711 = {"ULAW": Codes("ULAW", 1), "ALAW": Codes("ALAW", 1)}
