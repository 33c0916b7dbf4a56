"""What this machine could do at best: how fast one core copies, and how fast it multiplies and adds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from voiceband.bench.race import race

if TYPE_CHECKING:
    from voiceband.bench.cases import Work

COPIED = 128 * 1024
"""Bytes on each side of the copy: like ten seconds of companded audio, both stay in a core's own cache."""
SIZE = 384
"""Rows of the square matrices."""


class Limits(msgspec.Struct, frozen=True):
    """The physical limits of one core, as far as numpy reaches them.

    `bytes_s` counts both what is read and what is written. `multiply_adds_s` is of float32 in a matrix product, with
    fused multiply-adds, where the processor has them; the kernels here use none, so that every machine makes the same
    bits.
    """

    bytes_s: float
    multiply_adds_s: float

    def seconds(self, work: Work) -> float:
        """Return the least time for some work: data must be moved and multiplied, and the two can overlap."""
        return max(work.moved / self.bytes_s, work.multiply_adds / self.multiply_adds_s)

    def bound(self, work: Work) -> str:
        """Return which of the two limits the work: "bytes" or "multiply-adds"."""
        return "bytes" if work.moved / self.bytes_s >= work.multiply_adds / self.multiply_adds_s else "multiply-adds"


def measure_limits(rounds: int, round_s: float) -> Limits:
    """Measure both, the best of some rounds."""
    source = np.ones(COPIED, np.uint8)
    target = np.empty_like(source)
    matrix = np.random.default_rng(1).standard_normal((SIZE, SIZE), dtype=np.float32)
    product = np.empty_like(matrix)
    # One after the other: a matrix product's helper threads go on spinning for a while.
    copy = race({"copy": lambda: np.copyto(target, source)}, rounds=rounds, round_s=round_s)["copy"]
    matmul = race({"matmul": lambda: np.matmul(matrix, matrix, out=product)}, rounds=rounds, round_s=round_s)["matmul"]
    return Limits(2 * COPIED / min(copy), SIZE**3 / min(matmul))
