"""Checks of arguments: a wrong type is a TypeError, a wrong value a ValueError. Numbers may be numpy scalars."""

from __future__ import annotations

import math
import numbers
from types import NoneType
from typing import TypeGuard

import numpy as np


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value is a real number, and no flag."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


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
    name: str,
    value: object,
    low: float,
    high: float = math.inf,
    *,
    unit: str = "",
    above: bool = False,
    infinite: bool = False,
) -> float:
    """Return `value` as a float from `low` to `high`; without the low end itself with `above`, or inf with `infinite`.

    Raises
    ------
    TypeError
        If it is no real number; True and False are none.
    ValueError
        If it is out of range, NaN or infinite.
    """
    if not is_number(value):
        raise TypeError(f"{name} must be a number{unit and ' in '}{unit}, not {value!r}")
    try:
        number = float(value)
    except OverflowError:  # an integer beyond every float
        number = math.inf if value > 0 else -math.inf
    if infinite and value == math.inf:
        return number
    if not low <= number <= high or math.isinf(number) or (above and number == low):
        least = f"more than {low:g}" if above else f"at least {low:g}"
        upper = f" and at most {high:g}" if above else f"from {low:g} to {high:g}"
        allowed = least if math.isinf(high) else least + upper if above else upper
        allowed += unit and f" {unit}"
        raise ValueError(f"{name} must be {allowed}{', or inf' if infinite else ''}, not {number:g}")
    return number


def check_choice(name: str, value: object, choices: tuple[str | None, ...]) -> None:
    """Raise unless `value` is one of `choices`, which may include None.

    Raises
    ------
    TypeError
        If it is not a text.
    ValueError
        If it is another text.
    """
    if isinstance(value, (str, NoneType)) and value in choices:
        return
    listed = f"{', '.join(map(repr, choices[:-1]))} or {choices[-1]!r}"
    raise (ValueError if isinstance(value, str) else TypeError)(f"{name} must be {listed}, not {value!r}")


def check_flag(name: str, value: object) -> bool:
    """Return True or False, numpy's too.

    Raises
    ------
    TypeError
        If it is anything else.
    """
    if value is True or value is False:
        return value
    if not isinstance(value, np.bool_):
        raise TypeError(f"{name} must be True or False, not {value!r}")
    return bool(value)


def check_text(name: str, value: object, rule: str = "a text") -> str:
    """Return a text; `rule` says in an error what it must be.

    Raises
    ------
    TypeError
        If it is none.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be {rule}, not {value!r}")
    return value
