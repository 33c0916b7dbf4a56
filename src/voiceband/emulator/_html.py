"""What notebooks and folders show of calls and clips; drawn by the report, which is built upon the emulator."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def drawn(function: str, *what: Any) -> str | None:
    """Return what a function of ``voiceband.report.notebook`` draws.

    It is found by its name: an import from here would point upwards, and be a circle.
    """
    html: str | None = getattr(importlib.import_module("voiceband.report.notebook"), function)(*what)
    return html


def page(folder: Path) -> str | None:
    """Return the report of a stored call; None if a package is missing."""
    module = importlib.import_module("voiceband.report")
    try:
        html: str = module.report(folder)
    except module.ReportError:
        return None
    return html
