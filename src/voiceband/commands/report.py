"""`voiceband report`: a stored call, or a clip, as one HTML page."""

import os
from pathlib import Path
from typing import Annotated

from voiceband.commands import _console
from voiceband.commands._arguments import Argument, Option
from voiceband.report import ReportError
from voiceband.report import report as make_report


def report(
    source: Annotated[Path, Argument("SOURCE", help="Folder of a call, its call.wav or wire.jsonl, or a sound file.")],
    out: Annotated[Path, Option("-o", "--out", metavar="PAGE", help="The page, replaced if it is there.")] = Path(
        "report.html"
    ),
) -> int:
    """Make one HTML page of a stored call: what was heard, what happened, and why.

    A sound file that is no call gives a page that compares levels of noise suppression.
    """
    try:
        if out.is_dir():
            raise ReportError(f"cannot write {out}: it is a folder")
        if not out.parent.is_dir():
            raise ReportError(f"cannot write {out}: there is no folder {out.parent}")
        if out.suffix.lower() not in (".html", ".htm"):
            raise ReportError(f"cannot write {out}: its name must end in .html")
        _write(make_report(source), out)
    except ReportError as error:
        _console.refuse(error)
    _console.say(f"wrote {out} ({out.stat().st_size / 1e6:.1f} MB)")
    return _console.DONE


def _write(page: str, out: Path) -> None:
    """Write all of it or nothing."""
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        part.write_text(page, encoding="utf-8")
        part.replace(out)
    except OSError as error:
        raise ReportError(f"cannot write {out}: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)
