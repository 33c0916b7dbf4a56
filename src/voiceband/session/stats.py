"""Figures of a call: a frozen struct to read, a dict for JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from voiceband.session.counters import Counters
    from voiceband.session.inbound.inbound import Inbound
    from voiceband.session.outbound.outbound import Outbound
    from voiceband.session.transport import Transport


class SessionStats(msgspec.Struct, frozen=True, kw_only=True):
    """Counts since the session began; times in ms. `METRICS` has what a `metrics` hook is told of them."""

    messages_in: int
    """Messages received."""
    bytes_in: int
    """Size of the messages that could be read, in characters."""
    messages_out: int
    """Messages given out by `poll`."""
    bytes_out: int
    """Size of the messages given out, in characters."""
    malformed: int
    """Messages that could not be used."""
    gaps: int
    """Gaps in the audio of all tracks: places where messages are missing."""
    late: int
    """Media messages dropped because their place had been filled."""
    duplicates: int
    """Media messages dropped because they had come before."""
    dropped: int
    """Audio events dropped because nobody took them from the session in time."""
    concealed_ms: float
    """Audio made up in place of what did not come."""
    jitter_ms: float
    """How late messages have been recently."""
    frames_out: int
    """20 ms frames sent."""
    send_late_max_ms: float
    """How long after its deadline a frame that waited was sent, at most; a stall of the driver."""
    send_late_mean_ms: float
    """The same on average over messages."""
    lead_ms: float
    """How far what was sent last was ahead of playout without delay, when it was sent."""
    underruns: int
    """Times that the far end ran dry in the middle of an utterance."""
    queued_ms: float
    """Audio that waits here."""
    round_trip_ms: float | None
    """The shortest round trip; None before one was measured."""
    playout_delay_ms: float | None
    """From sending to sound at an idle player, by estimate; None before the first acknowledgement."""
    interruptions: int
    """Calls of `interrupt`."""
    barge_in_send_max_ms: float
    """From `interrupt` until its clearAudio left, at most."""
    barge_in_ms: float | None
    """From `interrupt` until the far end said that it has cleared, on average."""
    barge_in_max_ms: float | None
    """The same at most."""
    late_answers: int
    """Acknowledgements of checkpoints that nobody waited for any more."""
    late_pieces: int
    """Pieces given to `play` for utterances that were interrupted."""
    half_samples: int
    """Halves of L16 samples dropped because an utterance ended, or went on in another format, after them."""
    reconnects: int
    """Further start messages."""

    def as_dict(self) -> dict[str, Any]:
        """Return them rounded, for JSON."""
        return {k: round(v, 3) if isinstance(v, float) else v for k, v in msgspec.structs.asdict(self).items()}


def snapshot(count: Counters, transport: Transport, inbound: Inbound, outbound: Outbound) -> SessionStats:
    """Put the figures of all parts together."""
    tracks = inbound.tracks
    losses = [track.losses for track in tracks.values()]
    out = outbound.sender
    pacer = out.pacer if out is not None else None
    clock = out.clock if out is not None else None
    sends = max(1, pacer.sends) if pacer is not None else 1
    return SessionStats(
        messages_in=transport.messages_in,
        bytes_in=transport.bytes_in,
        messages_out=count.messages_out,
        bytes_out=count.bytes_out,
        malformed=count.malformed,
        gaps=sum(gaps for gaps, _, _ in losses),
        late=sum(late for _, late, _ in losses),
        duplicates=sum(duplicates for _, _, duplicates in losses),
        dropped=inbound.dropped,
        concealed_ms=sum(track.concealed_ms for track in tracks.values()),
        jitter_ms=transport.jitter(transport.seen_at) * 1000,
        frames_out=pacer.frames if pacer is not None else 0,
        send_late_max_ms=pacer.late_max_s * 1000 if pacer is not None else 0.0,
        send_late_mean_ms=pacer.late_sum_s / sends * 1000 if pacer is not None else 0.0,
        lead_ms=pacer.lead_s * 1000 if pacer is not None else 0.0,
        underruns=pacer.underruns if pacer is not None else 0,
        queued_ms=outbound.talk.queued_ms,
        round_trip_ms=clock.round_trip_s * 1000 if clock is not None and clock.round_trip_s is not None else None,
        playout_delay_ms=sum(clock.idle_delay_s) * 500 if clock is not None and clock.calibrated else None,
        interruptions=count.interruptions,
        barge_in_send_max_ms=count.reaction_max_s * 1000,
        barge_in_ms=count.cleared_sum_s / count.cleared_n * 1000 if count.cleared_n else None,
        barge_in_max_ms=count.cleared_max_s * 1000 if count.cleared_n else None,
        late_answers=out.late_answers if out is not None else 0,
        late_pieces=count.late_pieces,
        half_samples=out.half_samples if out is not None else 0,
        reconnects=count.reconnects,
    )
