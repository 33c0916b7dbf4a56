"""What all commands share: exit codes, lines for people, tables, JSON, progress, and what ends a command.

A command is a function of the module that has its name; `_arguments` makes its options from its signature. It returns
an exit code (None is 0), and says what went wrong in one line::

    from voiceband.commands import _console

    def count(source: Annotated[Path, Argument("FILE", help="Sound file.")]) -> int:
        with _console.refusing(FileError):      # "voiceband count: <the error>", exit code 2
            frames = ...
        if not frames:
            _console.refuse(f"{source} holds no sound; name another file")
        _console.put_table(("file", "frames"), [(str(source), f"{frames:,}")])
        return _console.DONE

==================  =======================================================================================
`DONE`, 0           done
`WRONG`, 1          done, and something is wrong: findings, bad files, failed calls, slower cases
`NOT_RUN`, 2        could not run, or not to its end: wrong arguments, no such file, a full disk
`interrupted()`     ended by Ctrl-C (130), SIGTERM (143) or SIGHUP (129), which act alike: a KeyboardInterrupt
==================  =======================================================================================

What is asked for goes to standard output (`put`, `put_table`, `put_json`); all else to standard error (`say`,
`note`, `note_rows`, `progress`). Colours and progress are shown on terminals only, and no colours where ``NO_COLOR`` is
set.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import json
import os
import shutil
import signal
import sys
import textwrap
import threading
import traceback
import warnings
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from types import FrameType

    from rich.console import Console
    from rich.progress import Progress

DONE, WRONG, NOT_RUN = 0, 1, 2
PIPE_CLOSED = 141
_PLAIN = {"±": "+/-", "–": "-", "—": "-", "…": "...", "“": '"', "”": '"', "‘": "'", "’": "'", "µ": "u", "×": "x"}

_name = ""
_signal = signal.SIGINT


class RefusedError(Exception):
    """The command cannot run, or not to its end; the text is said in one line."""


def refuse(problem: object) -> NoReturn:
    """End the command with one line that names what is wrong, the value, and what to do; exit code 2."""
    raise RefusedError(problem)


@contextlib.contextmanager
def refusing(*errors: type[Exception]) -> Iterator[None]:
    """End the command with the text of such an error, as `refuse` does."""
    try:
        yield
    except errors as error:
        raise RefusedError(error) from None


def auth_token(name: str) -> str:
    """Return the auth token that an environment variable holds; end the command if there is none."""
    token = os.environ.get(name)
    if not token:
        refuse(f"--auth-token-env: there is no environment variable {name}, or it is empty")
    return token


def interrupted(number: int | None = None) -> int:
    """Return the exit code of a command that was ended from outside: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP.

    `number` is the signal, where a command has seen to it itself.
    """
    return 128 + (_signal if number is None else number)


def say(line: object) -> None:
    """Say something in one line on standard error, after the command's name."""
    note(f"voiceband {_name}: {line}" if _name else f"voiceband: {line}")


def note(line: str, colour: str = "") -> None:
    """Print a line on standard error, in a colour if it has any."""
    print(_coloured(_harmless(line), colour), file=sys.stderr)  # noqa: T201


def note_rows(rows: Iterable[tuple[str, str]], colours: Mapping[int, str] | None = None) -> None:
    """Print names and texts on standard error, in two columns; texts are wrapped, some rows have names in colour."""
    rows, colours = list(rows), colours or {}
    size = max((len(name) for name, _ in rows), default=0) + 2
    for number, (name, text) in enumerate(rows):
        parts = textwrap.wrap(_harmless(text), max(width() - size, 20), break_on_hyphens=False, break_long_words=False)
        for first, part in zip([name, *[""] * len(parts)], parts or [""], strict=False):
            head = _coloured(first, colours.get(number, "")) + " " * (size - len(first))
            print(f"{head}{part}".rstrip(), file=sys.stderr)  # noqa: T201


_SGR = {"red": 31, "green": 32, "yellow": 33, "cyan": 36}


def _coloured(text: str, colour: str) -> str:
    if (
        not colour
        or not text
        or not sys.stderr.isatty()
        or os.environ.get("NO_COLOR")
        or os.environ.get("TERM") == "dumb"
    ):
        return text
    return f"\x1b[{_SGR[colour]}m{text}\x1b[0m"


def _harmless(text: str) -> str:
    """Escape what could steer a terminal: names of files, and what a peer has sent, may hold anything."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def put(text: str = "") -> None:
    """Print a line of what was asked for."""
    print(text)  # noqa: T201


def put_json(value: object) -> None:
    """Print what was asked for as JSON."""
    put(json.dumps(value, indent=2))


def put_table(head: Sequence[str], rows: Iterable[Sequence[str]], *, left: Sequence[int] = (0,)) -> None:
    """Print a table that fits: texts are wrapped, never cut.

    Parameters
    ----------
    head : sequence of str
        Names of the columns.
    rows : iterable of sequences of str
        A text a column; a row of one text is a heading.
    left : sequence of int
        The columns of texts: they begin on the left and may be wrapped, the last of them first. Others hold figures.
    """
    lines = [list(map(str, row)) for row in (head, *rows)]
    full = [row for row in lines if len(row) > 1]
    widths = [max(len(row[i]) for row in full) for i in range(len(head))]
    spare = sum(widths) + 2 * (len(widths) - 1) - width()
    for i in sorted(left, reverse=True):
        cut = min(max(spare, 0), max(0, widths[i] - 12))
        widths[i] -= cut
        spare -= cut
    for row in lines:
        if len(row) == 1:
            put(row[0])
            continue
        cells = [
            [f"{part:<{size}}" for part in _wrapped(text, size)] if i in left else [f"{text:>{size}}"]
            for i, (text, size) in enumerate(zip(row, widths, strict=True))
        ]
        for k in range(max(map(len, cells))):
            put("  ".join(cell[k] if k < len(cell) else " " * len(cell[0]) for cell in cells).rstrip())


def _wrapped(text: str, size: int) -> list[str]:
    indent = " " * (len(text) - len(text.lstrip()))
    return textwrap.wrap(text, size, subsequent_indent=f"{indent}  ", drop_whitespace=True) or [""]


def width() -> int:
    """Return how many columns there are: a terminal's, else 80, or what COLUMNS says."""
    return shutil.get_terminal_size((80, 24)).columns


def screen() -> Console:
    """Return what shows progress: standard error, for rich."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, markup=False, emoji=False)


def is_live(console: Console) -> bool:
    """Return whether a console can show something that changes."""
    return console.is_terminal and not console.is_dumb_terminal


def progress(*columns: Any, console: Console | None = None) -> Progress:
    """Return bars that are shown on a terminal only, and vanish at the end."""
    from rich.progress import Progress

    console = console or screen()
    return Progress(*columns, console=console, transient=True, disable=not is_live(console))


def run(name: str, work: Callable[[], int | None]) -> int:
    """Do what a command does; return its exit code.

    Parameters
    ----------
    name : str
        The command's, for what is said; empty for the program itself.
    work : callable
        Does it.
    """
    global _name
    _name = name
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="voiceband")  # type: ignore[union-attr]
    try:
        with _signals(), _warnings():
            code = work() or DONE
            sys.stdout.flush()
            return code
    except KeyboardInterrupt:
        return interrupted()
    except RefusedError as error:
        say(error)
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except OSError as error:
        say(problem_of(error))
    except ModuleNotFoundError as error:
        if "pip install" not in str(error):
            traceback.print_exc()
        else:
            say(error)
    except Exception:  # ours, not the user's: what there is to know of it goes into a report
        traceback.print_exc()
    return NOT_RUN


def problem_of(error: OSError, *, named: bool = True) -> str:
    """Return in one line what the system has against a file, and what to do about a full disk."""
    where = f"{error.filename}: " if named and error.filename else ""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return f"{where}{error.strerror or error}{'; make room and run it again' if full else ''}"


@contextlib.contextmanager
def _warnings() -> Iterator[None]:
    """Print what is odd about a sound file."""
    if not _name:  # --version and the like read none
        yield
        return
    from voiceband.sound.errors import SoundWarning

    with warnings.catch_warnings():
        show = warnings.showwarning

        def told(message: Warning | str, category: type[Warning], *place: Any, **options: Any) -> None:
            if issubclass(category, SoundWarning):
                say(message)
            else:
                show(message, category, *place, **options)

        warnings.showwarning = told
        warnings.simplefilter("default", SoundWarning)
        yield


@contextlib.contextmanager
def _signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end a command as Ctrl-C does, and remember which it was."""
    global _signal
    _signal = signal.SIGINT
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {}
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:  # nohup wants it ignored
            before[number] = signal.signal(number, _end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, frame: object) -> None:  # noqa: ARG001
    global _signal
    _signal = signal.Signals(number)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a background job of a shell
        raise KeyboardInterrupt
    signal.raise_signal(signal.SIGINT)


@contextlib.contextmanager
def kept_interrupts() -> Iterator[Callable[[], None]]:
    """Keep a Ctrl-C that comes inside a destructor, which swallows it; what is yielded raises it once more."""
    kept: list[int] = []

    def keep(number: int, frame: FrameType | None) -> None:
        kept.append(number)
        signal.default_int_handler(number, frame)

    def check() -> None:
        if kept:
            raise KeyboardInterrupt

    def swallowed(lost: sys.UnraisableHookArgs) -> None:
        if lost.exc_type is not KeyboardInterrupt:
            usual(lost)

    here = threading.current_thread() is threading.main_thread()
    if not here or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield check
        return
    usual, sys.unraisablehook = sys.unraisablehook, swallowed
    signal.signal(signal.SIGINT, keep)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.unraisablehook = usual


def _plain(error: UnicodeError) -> tuple[str, int]:
    """Write what a terminal's encoding lacks in ASCII."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    bad = error.object[error.start : error.end]
    return "".join(_PLAIN.get(c) or ascii(c)[1:-1] for c in bad), error.end


codecs.register_error("voiceband", _plain)
