"""Why nothing was reached at an address, in words: the system's numbers help nobody."""

from __future__ import annotations

import errno
import os
import re

NUMBERED = re.compile(r"\[Errno (-?\d+)\] ")
WORDS = {errno.ECONNREFUSED: "connection refused: nothing listens there"}


def why_unreached(error: BaseException) -> str:
    """Return in one line why a connection could not be made.

    Examples
    --------
    >>> why_unreached(ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 1)"))
    'connection refused: nothing listens there'
    """
    text = " ".join(str(error).split()) or type(error).__name__
    cause: BaseException | None = error
    while text.startswith("All connection attempts failed") and cause is not None:  # httpx has put the reason behind it
        if NUMBERED.search(str(cause)):
            text = str(cause)
        cause = cause.__cause__ or cause.__context__
    codes = dict.fromkeys(int(code) for code in NUMBERED.findall(text))
    if codes and all(code > 0 for code in codes):
        return " or ".join(WORDS.get(code) or os.strerror(code) for code in codes)
    return NUMBERED.sub("", text)
