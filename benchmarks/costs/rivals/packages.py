"""Packages that may be there: a rival that is not installed is left out, never an error."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Mapping
from importlib import metadata
from importlib.util import find_spec
from typing import Any

from voiceband.bench.race import Contender

PACKAGES = {
    "audioop": "audioop-lts",
    "plivo_stream": "plivo-stream-sdk",
    "pipecat": "pipecat-ai",
    "pyrnnoise": "pyrnnoise",
    "speexdsp_ns": "speexdsp-ns",
    "webrtc_noise_gain": "webrtc-noise-gain",
}
"""Names of distributions, where they are not those of their modules."""

RIVALS = (
    *("audioop", "orjson", "pybase64", "soxr", "samplerate", "scipy", "speexdsp_ns", "webrtc_noise_gain"),
    *("pyrnnoise", "noisereduce", "pipecat", "plivo_stream"),
)
"""Modules that are raced against where they are installed."""

Rivals = dict[tuple[str, str], Mapping[str, Contender | None]]
"""By a case's group and name, its rivals by their names."""


def optional(name: str) -> Any:
    """Import a module, or return None where it is not installed or does not work on this machine."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # audioop's and pipecat's deprecations are not ours
            return importlib.import_module(name)
    except (ImportError, OSError):  # OSError: a library that a package loads is not there
        return None


def versions() -> dict[str, str]:
    """Return the distributions that are raced against, and their versions."""
    return dict(map(_package, filter(find_spec, RIVALS)))


def _package(module: str) -> tuple[str, str]:
    try:
        return PACKAGES.get(module, module), metadata.version(PACKAGES.get(module, module))
    except metadata.PackageNotFoundError:
        return module, "of Python"
