"""`voiceband report`: a stored call, or a clip, as one HTML page."""

from pathlib import Path
from typing import Annotated

from voiceband._whole_files import replacing
from voiceband.commands import _console
from voiceband.commands._arguments import Argument, Option
from voiceband.commands._sound import format_of
from voiceband.report import ReportError
from voiceband.report import report as make_report


def report(
    source: Annotated[
        Path,
        Argument("SOURCE", help="Folder of a call, its call.wav or wire.jsonl, or a sound file; - for standard input."),
    ],
    out: Annotated[
        Path, Option("-o", "--out", metavar="PAGE", help="Page to write; an existing one is replaced.")
    ] = Path("report.html"),
    form: Annotated[
        str | None,
        Option(
            "--format", metavar="MIME", help="What SOURCE holds if it is raw audio, such as audio/x-mulaw;rate=8000."
        ),
    ] = None,
    as_json: Annotated[bool, Option("--json", help="Print the page's name and size as JSON.")] = False,
) -> int:
    """Make one HTML page of a recorded call: what was heard, what happened, and why.

    A sound file that is not a call gives a page that compares levels of noise suppression. If a recording is cut short,
    the page shows the rest, with a note.

    Exit code 0: done. 2: there is nothing to report on, or the page cannot be written. 130: Ctrl-C.
    """
    if out.is_dir():
        _console.refuse(f"cannot write {out}: it is a folder")
    if not out.parent.is_dir():
        _console.refuse(f"cannot write {out}: there is no folder {out.parent}")
    if out.suffix.lower() not in (".html", ".htm"):
        _console.refuse(f"cannot write {out}: its name must end in .html")
    with _console.refusing(ReportError):
        page = make_report(source, format=format_of(form))
    try:
        with replacing([out]) as (part,):
            part.write_text(page, encoding="utf-8")
    except OSError as error:
        _console.refuse(f"cannot write {out}: {_console.problem_of(error, named=False)}")
    size = out.stat().st_size
    if as_json:
        _console.put_json({"page": str(out), "bytes": size})
    else:
        _console.say(f"wrote {out} ({size / 1e6:.1f} MB)")
    return _console.DONE
