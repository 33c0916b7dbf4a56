"""What the figures were measured on: they mean nothing without it."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import msgspec
import numpy as np

from voiceband import __version__, simd_level


class Machine(msgspec.Struct, frozen=True):
    """A machine, and the software on it that the figures depend on."""

    processor: str
    cores: int
    system: str
    python: str
    numpy: str
    simd: str
    voiceband: str

    def unlike(self, other: Machine) -> list[str]:
        """Return what differs, in words, of all that makes figures of the two no measure of each other."""
        names = ("processor", "system", "python", "numpy", "simd")
        pairs = [(name, getattr(self, name), getattr(other, name)) for name in names]
        return [f"{name} {mine!r}, not {its!r}" for name, mine, its in pairs if mine != its]


def this_machine() -> Machine:
    """Return what can be found out about this machine."""
    return Machine(
        processor=_processor(),
        cores=os.cpu_count() or 1,
        system=f"{platform.system()} {platform.machine()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        numpy=np.__version__,
        simd=simd_level(),
        voiceband=__version__,
    )


def _processor() -> str:
    """Return the processor's name, which Python does not know on Linux."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
