"""Checks of arguments: a wrong type is a TypeError, a wrong value a ValueError. Numbers may be numpy scalars."""

from __future__ import annotations

import math
import numbers


def check_integer(name: str, value: object, low: int, high: int | None = None, *, unit: str = "") -> int:
    """Return `value` as an int from `low` to `high`, or from `low` on.

    Raises
    ------
    TypeError
        If it is no integer; True and False are none.
    ValueError
        If it is out of range.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be an integer{unit and ' in '}{unit}, not {value!r}")
    whole = int(value)
    if whole < low or (high is not None and whole > high):
        allowed = f"at least {low}" if high is None else f"from {low} to {high}"
        raise ValueError(f"{name} must be {allowed}{unit and ' '}{unit}, not {whole}")
    return whole


def check_number(
    name: str, value: object, low: float, high: float = math.inf, *, unit: str = "", above: bool = False
) -> float:
    """Return `value` as a float from `low` to `high`; the low end itself is left out with `above`.

    Raises
    ------
    TypeError
        If it is no real number; True and False are none.
    ValueError
        If it is out of range, NaN or infinite.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a number{unit and ' in '}{unit}, not {value!r}")
    number = float(value)
    if not low <= number <= high or math.isinf(number) or (above and number == low):
        least = f"more than {low:g}" if above else f"at least {low:g}"
        upper = f" and at most {high:g}" if above else f"from {low:g} to {high:g}"
        allowed = least if math.isinf(high) else least + upper if above else upper
        raise ValueError(f"{name} must be {allowed}{unit and ' '}{unit}, not {number:g}")
    return number


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> str:
    """Return `value`, one of some texts.

    Raises
    ------
    TypeError
        If it is no text.
    ValueError
        If it is none of them.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {value!r}")
    if value not in choices:
        raise ValueError(f"{name} must be {' or '.join(map(repr, choices))}, not {value!r}")
    return value
