"""`report`: from files to a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from voiceband.report.clip import clip_report
from voiceband.report.model import call_report
from voiceband.report.page import call_page, clip_page
from voiceband.report.page_sound import Recording
from voiceband.report.stored import open_call

if TYPE_CHECKING:
    from voiceband.formats import AudioFormat


def report(path: str | Path, *, format: AudioFormat | str | None = None) -> str:  # noqa: A002 - as everywhere
    """Return the report of a stored call, or of a clip, as the text of one HTML page.

    Parameters
    ----------
    path : path-like
        The folder of a call; its ``call.wav`` or ``wire.jsonl``; the capture of a session; any sound file of two
        channels, which is taken for a call, caller left; or another sound file, which is a clip.
    format : AudioFormat or str, optional
        What a file of nothing but samples holds, as "audio/x-mulaw;rate=8000", whatever its name is.

    Returns
    -------
    html : str
        The whole page, in UTF-8. It asks nothing of any host.

    Raises
    ------
    ReportError
        If there is nothing to report on, or a package is missing; the text says which, and why.
    """
    path = Path(path)
    stored = open_call(path, format)
    if isinstance(stored, Recording):
        page = clip_page(clip_report(path.name, stored))
    else:
        page = call_page(call_report(stored))
    # A peer's JSON, and a file's name, may hold half a surrogate pair.
    return page.encode("utf-8", "replace").decode()
