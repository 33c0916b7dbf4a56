"""What notebooks show of calls and clips; drawn by the report, which is built upon the emulator."""

from __future__ import annotations

import importlib
from typing import Any


def drawn(function: str, *what: Any) -> str | None:
    """Return what a function of ``voiceband.report.notebook`` draws.

    It is found by its name: an import from here would point upwards, and be a circle.
    """
    html: str | None = getattr(importlib.import_module("voiceband.report.notebook"), function)(*what)
    return html
