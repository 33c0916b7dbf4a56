"""What the stages of the inbound half are set to."""

from __future__ import annotations

import msgspec


class InboundOptions(msgspec.Struct):
    """What the inbound chains of a session are to do."""

    rate: int | None
    dtype: str
    byteorder: str
    buffer: str | None
    denoise: float | None
    gain_db: float
    guard: bool
