"""libsndfile, as far as it is needed: found or not, and quiet."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING, Any

from voiceband.sound.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Iterator

_quiet = threading.Lock()


def soundfile(what: str = "FLAC, MP3, Ogg and whatever else is no WAV, AU, CAF or raw audio") -> Any:
    """Return the soundfile module, or say which extra brings it."""
    try:
        import soundfile  # type: ignore[import-untyped]
    except ModuleNotFoundError:
        raise FileError(f"{what} needs soundfile; pip install 'voiceband[batch]' brings it") from None
    return soundfile


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep a decoder's chatter, which it writes past Python, off standard error."""
    with _quiet:
        try:
            kept = os.dup(2)
        except OSError:  # there is none
            yield
            return
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 2)
            os.close(nowhere)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
