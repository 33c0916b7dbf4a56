"""What the inbound half of a session is set to."""

from __future__ import annotations

from typing import TYPE_CHECKING, SupportsFloat, SupportsIndex

import msgspec

from voiceband._checks import check_choice, check_flag
from voiceband.session.checks import check_buffer, check_dtype, check_gain, check_level, check_rate, check_tracks

if TYPE_CHECKING:
    from collections.abc import Collection


class InboundOptions(msgspec.Struct):
    """Which tracks are heard, and what their chains are to do."""

    rate: int | None
    dtype: str
    byteorder: str
    buffer: str | None
    denoise: float | None
    gain_db: float
    guard: bool
    tones: bool
    tracks: frozenset[str]


def inbound_options(
    *,
    rate: SupportsIndex | None,
    dtype: object,
    denoise: SupportsFloat | None,
    buffer: str | None,
    tracks: Collection[str],
    byteorder_in: str,
    gain_in_db: SupportsFloat,
    guard: bool,
    tones: bool,
) -> InboundOptions:
    """Return the options of a `Session` that are about the caller's audio, checked."""
    check_choice("byteorder_in", byteorder_in, ("little", "big", "auto"))
    return InboundOptions(
        rate=check_rate(rate),
        dtype=check_dtype(dtype),
        byteorder=byteorder_in,
        buffer=check_buffer(buffer),
        denoise=check_level(denoise),
        gain_db=check_gain("gain_in_db", gain_in_db),
        guard=check_flag("guard", guard),
        tones=check_flag("tones", tones),
        tracks=check_tracks(tracks),
    )
