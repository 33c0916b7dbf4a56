"""Packages that may be there: a rival that is not installed is left out, never an error."""

from __future__ import annotations

import importlib
import warnings
from importlib import metadata
from typing import Any

PACKAGES = {
    "audioop": "audioop-lts",
    "plivo_stream": "plivo-stream-sdk",
    "pipecat": "pipecat-ai",
    "pyrnnoise": "pyrnnoise",
    "speexdsp_ns": "speexdsp-ns",
    "webrtc_noise_gain": "webrtc-noise-gain",
}
"""Names of distributions, where they are not those of their modules."""


def optional(name: str) -> Any:
    """Import a module, or return None where it is not installed or does not work on this machine."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # audioop's and pipecat's deprecations are not ours
            return importlib.import_module(name)
    except (ImportError, OSError):  # OSError: a library that a package loads is not there
        return None


def version(name: str) -> str:
    """Return a module's version; a module of the standard library has Python's, which needs no mention."""
    try:
        return metadata.version(PACKAGES.get(name, name))
    except metadata.PackageNotFoundError:
        return ""
