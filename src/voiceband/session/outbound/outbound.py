"""The outbound half: what the agent says, from `play` to what the caller has heard of it.

play --> Talk --> Unsent (while no format is known) --> Sender --> poll --> texts
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, SupportsFloat

from voiceband._checks import check_flag, check_number
from voiceband.protocol import ClearAudio, SendDtmf
from voiceband.session.checks import MAX_NOW, check_gain, check_lead
from voiceband.session.events import Cleared, Drained, Refused, Warned
from voiceband.session.guard import warnings_of
from voiceband.session.outbound.checkpoints import PendingClear, Waiting
from voiceband.session.outbound.control import Control
from voiceband.session.outbound.far import silence
from voiceband.session.outbound.ledger import Utterance, end_utterance
from voiceband.session.outbound.refusal import concerned
from voiceband.session.outbound.sender import Sender
from voiceband.session.outbound.talk import Talk, check_name
from voiceband.session.outbound.unsent import Unsent

if TYPE_CHECKING:
    from collections.abc import Callable

    from voiceband.dsp.sound_findings import SoundFinding
    from voiceband.formats import AudioFormat
    from voiceband.protocol import IncorrectPayload
    from voiceband.session.counters import Counters
    from voiceband.session.events import SessionEvent
    from voiceband.session.heard import Heard
    from voiceband.session.outbound.far import Far
    from voiceband.session.outbound.options import OutboundOptions
    from voiceband.session.transport import Transport

_INF = math.inf


class Outbound:
    """Queues speech, gives out the texts that are due, and keeps the ledger.

    Parameters
    ----------
    transport : Transport
        What is known of the path.
    events : list of SessionEvent
        The session's; what comes up outside of an answer is put there.
    count : Counters
        The session's.
    recorder : Recorder or None
        Told of all that is sent.
    observe : callable or None
        The session's metrics hook.
    options : OutboundOptions
        Some change while the call runs.

    Attributes
    ----------
    due : float
        When `poll` has something to do; inf for never as things stand, -inf for at once.
    """

    def __init__(
        self,
        transport: Transport,
        events: list[SessionEvent],
        count: Counters,
        recorder: Any,
        observe: Callable[[str, float], None] | None,
        options: OutboundOptions,
    ) -> None:
        self._options = options
        self._transport = transport
        self._events = events
        self._count = count
        self._recorder = recorder
        self._observe = observe
        self.stream_id: str | None = None
        self.stopped = False
        self.hangup_due = False
        self.held = False  # whether the carrier takes no audio
        self.sender: Sender | None = None  # None until the format is known
        self._unsent = Unsent()
        self._control = Control(count)
        self._ahead = self._control.waiting  # looked at in every poll
        self.talk = Talk(self._unsent, count, options.fallback.sample_rate, options.max_queued_ms, options.join_s)
        self.on_end: Any = None  # called with the name of an utterance that was ended by itself, for a capture
        self._cut_off = False  # whether the stream stopped before all was heard
        self._drain: bool | None = None  # whether to hang up then
        self.due = _INF

    # ---- time

    def reschedule(self) -> None:
        """Work out when `poll` has something to do."""
        due = _INF
        sender = self.sender
        if sender is not None and not self.stopped:
            if sender.checkpoints.waiting:
                due = sender.checkpoints.alarm(ends=self._drain is not None)
            if not self.held:
                due = min(due, sender.pacer.next_due(), self.talk.due())
        self.due = -_INF if self._ahead and not self.stopped else due

    def _send(self, item: str | Waiting) -> None:
        self._ahead.append(item)
        self.due = -_INF

    def hold(self, held: bool) -> None:
        """Keep all audio here, for the carrier would not play it, or send it again."""
        self.held = held
        if held and self.sender is not None:
            self.sender.pacer.waiting = False  # what leaves after that is not late
        self.reschedule()

    def _queued(self) -> None:
        """Note that more is queued, or that it has come to an end."""
        if self.sender is None or self.held or self.stopped:
            return
        self.due = min(self.due, self.sender.pacer.next_due(), self.talk.due())

    # ---- speech

    def play(self, data: Any, rate: Any, format: Any, name: Any, end: bool) -> Utterance:  # noqa: A002
        """See `Session.play`."""
        if self.stopped:
            raise RuntimeError("the call has ended; nothing can be played any more")
        utterance = self.talk.play(data, rate, format, name, end)
        if utterance._owner is None and not utterance.ended:
            utterance._owner = self
        self.hangup_due = False  # there is more to say
        self._queued()
        return utterance

    def end_of(self, utterance: Utterance) -> None:
        """End an utterance if it is the one that is open, or was interrupted while it was."""
        if self.talk.end_of(utterance):
            self._queued()
        if self.on_end is not None:
            self.on_end(utterance.name)

    @property
    def gain_db(self) -> float:
        """Gain on what is spoken in dB, but not on bytes in the wire's own format. Settable."""
        return self._options.gain_db

    @gain_db.setter
    def gain_db(self, value: SupportsFloat) -> None:
        self._options.gain_db = check_gain("gain_out_db", value)
        if self.sender is not None:
            self.sender.converters.gain_db = self._options.gain_db
        if self.talk.utterance is not None:
            self.talk.utterance._rate = 0  # not the quick way, until its next piece has found out

    @property
    def lead_ms(self) -> float | None:
        """How far ahead of playout to send; None for at once. Settable."""
        return None if self._options.lead_s is None else self._options.lead_s * 1000

    @lead_ms.setter
    def lead_ms(self, value: SupportsFloat | None) -> None:
        self._options.lead_s = check_lead(value)
        if self.sender is not None:
            self.sender.pacer.set_lead(self._options.lead_s)
            self.reschedule()

    # ---- what else goes out

    def checkpoint(self, name: str, timeout_s: SupportsFloat) -> None:
        """See `Session.checkpoint`."""
        if self.stopped:
            raise RuntimeError("the call has ended; no checkpoint can be sent any more")
        sender = self.sender
        if sender is None or self.stream_id is None:
            raise RuntimeError("a checkpoint needs a stream that has started")
        timeout_s = check_number("timeout_s", timeout_s, 0, MAX_NOW, unit="s", above=True, infinite=True)
        name = check_name(name)
        if self.talk.joins(name):
            raise ValueError(f"name must be unique, and {name!r} is in use")
        self.talk.check_free(name)
        entry = Waiting(name, "own", sender.clock.position, timeout_s, None)
        sender.checkpoints.add(entry)
        self._send(entry)

    def send_dtmf(self, digits: str) -> None:
        """See `Session.send_dtmf`."""
        if self.stopped:
            raise RuntimeError("the call has ended; no keys can be sent any more")
        self._send(SendDtmf(digits).encode())

    def poll(self, now: float, notes: list[dict[str, Any]] | None) -> list[str]:
        """Return the texts that are due; `notes`, for a capture, gets what they do not say themselves."""
        texts: list[str] = []
        if self._ahead and not self.stopped:
            self._control.take(now, self.sender, self.stream_id, texts, notes)
        if self.sender is not None and not self.stopped:
            if not self.held:
                self.sender.take(now, texts, notes)
                if self.talk.lapse(now):
                    self.sender.take(now, texts, notes)
                    self.check_drain()
                stalled_s, self.sender.pacer.stalled_s = self.sender.pacer.stalled_s, 0.0
                if stalled_s:
                    reason = f"speech left {stalled_s:.1f} s late: nothing polled, or the far end took nothing"
                    self._events.append(Warned("stall", reason, ""))
            if self._recorder is not None:
                self._recorder.tick(now)
        if texts:
            self._count.sent(texts)
        self.reschedule()
        return texts

    def expire(self, now: float) -> None:
        """Give up answers that are overdue."""
        if self.sender is not None and not self.stopped:
            self._events.extend(self.sender.overdue(now))
            self.check_drain()

    # ---- what the caller has heard

    def heard(self, now: float) -> Heard:
        """See `Session.heard`."""
        return self._unsent.heard() if self.sender is None else self.sender.heard(now)

    def far(self, now: float, ms: float) -> Far:
        """See `Session.far`."""
        if not self._options.far:
            raise RuntimeError("far needs far=True: give it to serve, CallHandle or Session")
        if self.sender is None or self.sender.far is None:
            return silence(now, ms, self._options.fallback.sample_rate)
        return self.sender.far.far(now, ms)

    def interrupt(self, now: float) -> Heard:
        """See `Session.interrupt`."""
        self._count.interruptions += 1
        if self._observe is not None:
            self._observe("interruptions", 1)
        unheard = self._unsent.heard()
        for piece in self._unsent.take():
            end_utterance(piece.utterance, "interrupted")
        self._drain = None
        sender = self.sender
        if sender is None:
            self.talk.cancel()
            return unheard
        heard, events = sender.interrupt(now)
        self.talk.cancel()
        self._events.extend(events)
        self._control.interrupt()
        if self._recorder is not None:
            self._recorder.interrupted(now)
        if self.stream_id is not None and not self.stopped:
            clear = PendingClear(ClearAudio(self.stream_id).encode(), sender.ledger.interruptions[-1])
            self._ahead.insert(0, clear)
            self.due = -_INF
        return heard

    def answered(self, name: str, now: float, out: list[SessionEvent]) -> None:
        """Take the answer to a checkpoint."""
        if self.sender is None:
            return
        events, probes = self.sender.answered(name, now)
        out.extend(events)
        for probe in probes:
            self._send(probe)
        if self._drain is not None:
            self.check_drain()
            out.extend(self._events)
            self._events.clear()

    def cleared(self, now: float) -> Cleared:
        """Take the answer to a clearAudio."""
        sender = self.sender
        if sender is None:
            return Cleared(None)
        interruptions = sender.ledger.interruptions
        if interruptions and interruptions[0].sent_at <= now:
            sender.learn_round_trip(now - interruptions[0].sent_at)
            self._count.cleared(now - interruptions[0].at)
        return Cleared(sender.ledger.cleared(now))

    def refused(self, message: IncorrectPayload, now: float) -> Refused:
        """Return what a refusal means."""
        return Refused(message.reason, message.raw, concerned(message.raw, self.sender, self._control.keys_at, now))

    def round_trip(self, seconds: SupportsFloat) -> None:
        """See `Session.round_trip`."""
        seconds = check_number("seconds", seconds, 0, MAX_NOW)
        if self.sender is not None:
            self.sender.learn_round_trip(seconds)

    # ---- drained, or cut off

    @property
    def cut_off(self) -> bool:
        """See `Session.cut_off`."""
        return self.stopped and self._cut_off

    @property
    def undrained(self) -> bool:
        """Whether somebody waits for something that was cut off."""
        return self._cut_off and self._drain is not None

    def drain(self, hangup: bool) -> None:
        """See `Session.drain`."""
        self._drain = check_flag("hangup_after_drain", hangup)
        self.talk.end()
        self.check_drain()
        self.reschedule()

    def check_drain(self) -> None:
        """Tell that all was heard, if that is so and somebody waits for it."""
        sender = self.sender
        if self._drain is None or self.cut_off or self.talk.utterance is not None or self._unsent.pieces:
            return
        if sender is not None and not sender.idle:
            return
        self.hangup_due = self._drain
        by_clock = sender is not None and sender.last_by_clock
        self._events.append(Drained(by_clock, self._drain, sender is not None and sender.lost))
        self._drain = None
        if sender is not None:
            sender.lost = False

    # ---- the stream begins, and ends

    def begin(self, stream_id: str | None) -> None:
        """Note that a stream has started."""
        self.stream_id = stream_id
        self.stopped = self._cut_off = self.held = False

    def reconnect(self, now: float, out: list[SessionEvent]) -> None:
        """Go on with another stream of the same call.

        What was sent may have been heard, so it is not sent again; what is still here goes to the new stream. The old
        stream's answers will not come. Its player stopped when it did, as far as is known: with its last media.
        """
        self._count.reconnects += 1
        if self.sender is not None:
            out.extend(self.sender.close())
            at = min(now, self._transport.seen_at) if self._transport.seen_at > 0 else now
            if self._recorder is not None:
                self._recorder.reconnecting(at)
            self.sender.reopen(self.stream_id, at)
        self._control.leave()

    def leave(self, wire: AudioFormat, now: float, out: list[SessionEvent]) -> Sender | None:
        """End like an interruption if a stream in another format follows: what is queued here is in the old one.

        Returns the sender that has ended, for `open`.
        """
        before = self.sender
        if before is None or before.wire == wire:
            return None
        lost = before.lost or not before.idle
        heard, missed = before.interrupt(now)
        out.extend([*missed, Cleared(heard)])
        before.last_by_clock = before.lost = lost
        self._control.leave()
        if self._recorder is not None:
            self._recorder.interrupted(now)
        self.talk.drop("closed")
        self.sender = self.talk.sender = None
        return before

    def open(self, wire: AudioFormat, before: Sender | None, out: list[SessionEvent]) -> None:
        """Settle the format, and send what has been waiting for it."""
        sender = self.sender
        if sender is None:
            warn = self._warn if self._options.guard else None
            sender = self.sender = Sender(wire, self._transport, self._options, warn)
            sender.observe = self._observe
            if before is not None:
                sender.follow(before)
            if self._recorder is not None:
                self._recorder.open(wire, self._options.byteorder, self._transport, sender.clock, sender.ledger)
                sender.on_sent = self._recorder.sent
        sender.stream_id = self.stream_id
        self.talk.open(sender, out)

    def _warn(self, found: list[SoundFinding]) -> None:
        """Tell the agent what is wrong with what it plays."""
        self._events.extend(warnings_of(found, ""))

    def close(self) -> list[SessionEvent]:
        """Expect no answers any more, and send nothing; return the checkpoints that this leaves open."""
        self.stopped = True
        self._cut_off = bool(self._unsent.pieces) or (self.sender is not None and not self.sender.idle)
        if self.sender is None:  # else it goes on with another stream
            self.talk.drop("closed")
        for piece in self._unsent.take():
            end_utterance(piece.utterance, "closed")
        self._control.leave()
        self.due = _INF
        return [] if self.sender is None else self.sender.close()
