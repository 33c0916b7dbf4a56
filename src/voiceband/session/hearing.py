"""The part of a session that knows what the caller has heard: the ledger's view, interruptions, drained or cut off."""

from __future__ import annotations

from voiceband.protocol import ClearAudio
from voiceband.session.checkpoints import Clear, Waiting
from voiceband.session.checks import MAX_NOW, check_flag, check_now, within
from voiceband.session.events import Drained
from voiceband.session.ledger import MAX_INTERRUPTIONS, Heard
from voiceband.session.schedule import Schedule


class Hearing(Schedule):
    """What was heard, and the end of it."""

    __slots__ = ()

    def heard(self, now: float) -> Heard:
        """Say how much of what was said has been heard by now, and change nothing."""
        now = check_now(now)
        if self._out is None:
            return self._unsent.heard()
        return self._out.heard(now)

    def interrupt(self, now: float) -> Heard:
        """Stop speaking: drop what is queued here and at the far end, and say how much was heard.

        The clearAudio message is the first that the next `poll` returns. Pieces that `play` still gets for an
        interrupted utterance, and late answers to its checkpoints, are ignored and counted.
        """
        now = check_now(now)
        self._count.interruptions += 1
        if self._observe is not None:
            self._observe("interruptions", 1)
        unheard = self._unsent.heard()
        for piece in self._unsent.take():
            piece.utterance.ended = piece.utterance.interrupted = True
        self._drain = None
        if self._out is None:
            return unheard
        heard, events = self._out.interrupt(now)
        self._events.extend(events)
        self._control = [c for c in self._control if not isinstance(c, Waiting) or c.kind == "probe"]
        if self._recorder is not None:
            self._recorder.interrupted(now)
        if self.stream_id is not None and not self.stopped:
            self._interrupted_at = [*self._interrupted_at[1 - MAX_INTERRUPTIONS :], now]
            clear = Clear(ClearAudio(self.stream_id).encode(), now, self._out.ledger.interruptions[-1])
            self._send(clear, first=True)
        return heard

    @property
    def cut_off(self) -> bool:
        """Whether the stream has ended before all that was said was heard, so that nothing can drain any more."""
        return self.stopped and self._cut_off

    def drain(self, *, hangup_after_drain: bool = False) -> None:
        """Ask for a `Drained` event once all that was said has been heard.

        That is when the far end has confirmed the last utterance; where it does not, when the playout clock and its
        error bound say so and an answer is overdue. With `hangup_after_drain`, `hang_up_due` then tells the driver to
        end the call. A stream that stops before cuts the speech off: `Stopped` comes with `undrained` set then, and
        `Drained` only if another stream of the call says the rest. The same holds when it is asked for after that; see
        `cut_off`. An interruption calls it off.
        """
        self._drain = check_flag("hangup_after_drain", hangup_after_drain)
        self._check_drain()
        self._reschedule()

    def _check_drain(self) -> None:
        if self._drain is None or self._unsent.pieces or (self._out is not None and not self._out.idle):
            return
        if self.cut_off:
            return
        out = self._out
        self.hang_up_due = self._drain
        self._events.append(Drained(out is not None and out.last_by_clock, self._drain, out is not None and out.lost))
        self._drain = None
        if out is not None:
            out.lost = False

    def round_trip(self, seconds: float) -> None:
        """Tell the session a round trip that the driver has measured, such as a WebSocket ping's.

        The shortest counts. Before the start message there is no clock to learn it. ValueError for anything but a
        finite number of seconds from 0 on.
        """
        if not within(seconds, 0, MAX_NOW):
            raise ValueError(f"seconds must be a number from 0 on, and finite, not {seconds!r}")
        if self._out is not None:
            self._out.learn_round_trip(seconds)
