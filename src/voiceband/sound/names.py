"""What the names of sound files say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voiceband.formats import AudioFormat, Encoding

if TYPE_CHECKING:
    from pathlib import PurePath

_MULAW, _ALAW = AudioFormat(Encoding.MULAW, 8000), AudioFormat(Encoding.ALAW, 8000)
_L16 = AudioFormat(Encoding.L16, 8000)

RAW = {
    **dict.fromkeys((".ulaw", ".ul", ".mu", ".mulaw", ".pcmu"), _MULAW),
    **dict.fromkeys((".alaw", ".al", ".pcma"), _ALAW),
    **dict.fromkeys((".sln", ".slin", ".l16"), _L16),
    ".sln16": AudioFormat(Encoding.L16, 16000),
}
"""Raw audio of one channel, by its suffix."""
UNSAID = (".raw", ".pcm", ".s16", ".sw", ".dat", ".bin")
"""Suffixes of raw audio that do not say what it is."""
CONTAINERS = {".wav": "WAV", ".flac": "FLAC", ".mp3": "MP3", ".ogg": "OGG", ".opus": "OGG"}
"""What can be written besides raw audio."""
WRITABLE = (*CONTAINERS, *RAW)
READABLE = (
    *WRITABLE,
    *(".wave", ".bwf", ".rf64", ".w64", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".oga", ".sph", ".voc"),
)
"""What is taken for sound by its name."""


def raw_format(path: PurePath, rate: int | None = None) -> AudioFormat | None:
    """Return the format of a file that is raw audio by its name, at another rate if one is given."""
    known = RAW.get(path.suffix.lower())
    return known if known is None or rate is None else AudioFormat(known.encoding, rate)
