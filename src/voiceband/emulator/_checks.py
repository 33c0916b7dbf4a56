"""Checks of parameters that the emulator's parts share."""

from __future__ import annotations


def check_number(name: str, value: object, low: float, high: float) -> float:
    """Return a number from `low` to `high`; a ValueError names parameter and value otherwise."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise ValueError(f"{name} must be {low:g} to {high:g}, not {value!r}")
    return float(value)
