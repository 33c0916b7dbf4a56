"""`Trace`: delays that were measured on a real connection, from a CSV file."""

from __future__ import annotations

import bisect
import csv
import math
from pathlib import Path
from typing import Any

COLUMNS = ["seq", "send_ms", "arrival_ms"]
MAX_ROWS = 5_000_000


class Trace:
    """The delay at any time of a measured connection; it starts again at its end.

    Parameters
    ----------
    path : path-like
        CSV with a first line ``seq,send_ms,arrival_ms`` and a line for every message: its number, and when it was sent
        and when it arrived, in ms from any origin. Numbers and send times must rise; a number that is left out was
        lost, and its delay is taken to lie between its neighbours'.

    Raises
    ------
    ValueError
        If the file cannot be read or says something else; the text has its name and the line's number.
    """

    def __init__(self, path: str | Path) -> None:
        self.sends: list[float] = []
        self.delays: list[float] = []
        try:
            with Path(path).open(newline="", encoding="utf-8-sig") as file:
                self._read(csv.reader(file))
        except OSError as error:
            raise ValueError(f"{path} cannot be read: {error.strerror}") from None
        except (csv.Error, ValueError) as error:
            raise ValueError(f"{path}: {error}") from None
        # The period has room for the message after the last, as if it came after the mean interval.
        n = len(self.sends)
        self.period = (self.sends[-1] - self.sends[0]) * n / (n - 1)

    def _read(self, rows: Any) -> None:
        header: list[str] = next(rows, [])
        if [name.strip() for name in header] != COLUMNS:
            raise ValueError(f"line 1 must be {','.join(COLUMNS)}, not {','.join(header)!r}")
        last = -math.inf
        for row in rows:
            if not row:
                continue
            where = f"line {rows.line_num}"
            if len(row) != len(COLUMNS):
                raise ValueError(f"{where} must have {len(COLUMNS)} columns, not {len(row)}")
            seq, send, arrival = (_number(where, *pair) for pair in zip(COLUMNS, row, strict=True))
            if seq <= last:
                raise ValueError(f"{where}: seq must rise, but {seq:g} follows {last:g}")
            if self.sends and send / 1000 <= self.sends[-1]:
                raise ValueError(f"{where}: send_ms must rise, but {send:g} follows {self.sends[-1] * 1000:g}")
            if arrival < send:
                raise ValueError(f"{where}: arrival_ms must not lie before send_ms, but {arrival:g} is before {send:g}")
            if len(self.sends) == MAX_ROWS:
                raise ValueError(f"{where}: there must not be more than {MAX_ROWS} messages")
            last = seq
            self.sends.append(send / 1000)
            self.delays.append((arrival - send) / 1000)
        if len(self.sends) < 2:
            raise ValueError(f"there must be at least two messages, not {len(self.sends)}")

    def delay(self, at_s: float) -> float:
        """Return the delay in seconds of a message that is sent `at_s` after the trace's start."""
        at = self.sends[0] + at_s % self.period
        after = bisect.bisect_left(self.sends, at)
        if after == 0 or after == len(self.sends):
            return self.delays[after - 1 if after else 0]
        before = after - 1
        part = (at - self.sends[before]) / (self.sends[after] - self.sends[before])
        return self.delays[before] + part * (self.delays[after] - self.delays[before])


def _number(where: str, column: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{where}: {column} must be a number, not {text!r}")
    return number
