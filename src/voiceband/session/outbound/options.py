"""What the outbound half of a session is set to, in the units that it counts in."""

from __future__ import annotations

from typing import TYPE_CHECKING, SupportsFloat

import msgspec

from voiceband._checks import check_choice, check_number
from voiceband.session.checks import check_gain, check_lead, check_wire

if TYPE_CHECKING:
    from voiceband.formats import AudioFormat, ByteOrder


class OutboundOptions(msgspec.Struct):
    """How speech is encoded, paced and confirmed."""

    fallback: AudioFormat
    lead_s: float | None
    byteorder: ByteOrder
    gain_db: float
    every_ms: float | None
    max_queued_ms: float
    message_s: float
    join_s: float
    guard: bool
    far: bool


def outbound_options(
    *,
    fallback_format: AudioFormat,
    lead_ms: SupportsFloat | None,
    byteorder_out: ByteOrder,
    gain_out_db: SupportsFloat,
    checkpoint_every_ms: SupportsFloat | None,
    max_queued_ms: SupportsFloat,
    message_ms: SupportsFloat,
    join_ms: SupportsFloat,
    guard: bool,
    far: bool,
) -> OutboundOptions:
    """Return the options of a `Session` that are about speech, checked."""
    check_choice("byteorder_out", byteorder_out, ("little", "big"))
    every_ms = checkpoint_every_ms
    return OutboundOptions(
        fallback=check_wire("fallback_format", fallback_format),
        lead_s=check_lead(lead_ms),
        byteorder=byteorder_out,
        gain_db=check_gain("gain_out_db", gain_out_db),
        every_ms=None if every_ms is None else check_number("checkpoint_every_ms", every_ms, 1000, 600_000),
        max_queued_ms=check_number("max_queued_ms", max_queued_ms, 1000, 3_600_000),
        message_s=check_number("message_ms", message_ms, 20, 1000) / 1000,
        join_s=check_number("join_ms", join_ms, 100, 60_000) / 1000,
        guard=guard,
        far=far,
    )
