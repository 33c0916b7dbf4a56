"""The guards of a session: one for each stream of sound, and the warnings that come of what it finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from voiceband.dsp.sound import SoundGuard
from voiceband.session.events import Warned

if TYPE_CHECKING:
    from collections.abc import Iterable

    from voiceband.dsp.sound_findings import SoundFinding
    from voiceband.session.codecs import Codec

RATES = range(8000, 48001)
"""What a guard can hear."""


def guard_of(codec: Codec | Literal["int16", "float32"], rate: int) -> SoundGuard | None:
    """Return a guard for bytes of a wire, or for samples; None for rates that it cannot hear."""
    if rate not in RATES:
        return None
    if codec == "l16-big":
        return SoundGuard("l16", rate, byteorder="big")
    return SoundGuard(codec, rate)


def warnings_of(found: Iterable[SoundFinding], track: str) -> list[Warned]:
    """Return the events of what was found."""
    return [Warned(f.kind, f.reason, track) for f in found]
