"""Where a worker stands that cannot say so itself: no thread of it gets a turn, or it is stopped."""

from __future__ import annotations

import faulthandler
import os
import re
import signal
import sys
import tempfile
from itertools import islice
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_CALLS = 6
WAIT_S = 0.2
"""How long a process has for writing its stack."""
_CALL = re.compile(r'^  File "(.*)", line (\d+) in (.*)$', re.MULTILINE)


def offer_stack() -> str:
    """Let this process write its stack when it is sent ``SIGRTMAX``, whatever it does; return where, for `stack_of`.

    Nothing is returned where there is no ``/proc``.
    """
    if sys.platform != "linux":
        return ""
    file = tempfile.TemporaryFile()  # noqa: SIM115, as long as the process
    faulthandler.register(signal.SIGRTMAX, file=file, all_threads=False)
    return f"/proc/{os.getpid()}/fd/{file.fileno()}"


def stack_of(pid: int | None, where: str) -> str:
    """Return where a silent process stands, in one line, with what `offer_stack` has returned there."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "and its stack could not be read"
    if state in "Tt":
        return "because it is stopped, by SIGSTOP or a debugger: there is no stack"
    calls = _written(pid, Path(where)) if pid is not None and where else []
    if calls:
        return f"in {in_one_line(calls)}"
    return f"and its stack could not be read (state {state})"


def _written(pid: int, where: Path) -> list[tuple[str, str, int]]:
    try:
        os.kill(pid, signal.SIGRTMAX)
        until = monotonic() + WAIT_S
        while monotonic() < until:
            sleep(WAIT_S / 10)
            calls = [(name, file, int(line)) for file, line, name in _CALL.findall(where.read_text())]
            if calls:
                return calls
    except OSError:  # it has ended meanwhile
        pass
    return []


def in_one_line(calls: Iterable[tuple[str, str, int | None]]) -> str:
    """Return names, files and lines of the innermost calls in one line, the innermost first."""
    shown = (f"{name} ({Path(file).name}:{line})" for name, file, line in islice(calls, MAX_CALLS))
    return " < ".join(shown) or "nowhere"
