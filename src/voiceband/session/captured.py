"""A session that notes in its capture what is done to it; `Session` makes itself one when it is given a capture.

A class of its own, so that a session without a capture does not even ask.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from voiceband.session.capture import SETTABLE
from voiceband.session.checks import check_now
from voiceband.session.ledger import Utterance
from voiceband.session.stages import Stages

if TYPE_CHECKING:
    from voiceband.formats import AudioFormat
    from voiceband.session.capture import Capture
    from voiceband.session.events import SessionEvent
    from voiceband.session.ledger import Heard
    from voiceband.session.session import Session as Front
else:
    Front = Stages


class Captured(Front):
    """Goes in front of `Session`. Each call is noted once it has succeeded; those with events of their own before."""

    __slots__ = ()

    _capture: Capture

    def play(
        self,
        data: Any,
        rate: int | None = None,
        *,
        format: AudioFormat | str | None = None,  # noqa: A002
        name: str | None = None,
        utterance: Utterance | None = None,
        end: bool = True,
    ) -> Utterance:
        """Do as `Session.play` does."""
        late = isinstance(utterance, Utterance) and utterance.interrupted
        spoken = super().play(data, rate, format=format, name=name, utterance=utterance, end=end)
        details: dict[str, Any] = {"name": spoken.name, "again": utterance is not None, "late": late}
        if not late:
            # A class of its own may say anything of its length.
            array = np.asarray(data) if format is None else None
            details |= {
                "n": memoryview(data).nbytes if array is None else len(array),
                "dtype": None if array is None else str(array.dtype),
                "rate": rate,
                "format": None if format is None else str(format),
                "end": bool(end),
            }
        self._capture.called("play", **details)
        return spoken

    def poll(self, now: float) -> list[str]:
        """Do as `Session.poll` does."""
        now = check_now(now)
        self._capture.at(now)
        if now >= self._due:
            self._capture.called("poll")
        return super().poll(now)

    def events(self) -> list[SessionEvent]:
        """Do as `Session.events` does."""
        if self._events:
            self._capture.called("events")
        return super().events()

    def close(self, reason: str | None = None) -> list[SessionEvent]:
        """Do as `Session.close` does."""
        self._capture.called("close", reason=reason)
        return super().close(reason)

    def interrupt(self, now: float) -> Heard:
        """Do as `Session.interrupt` does."""
        now = check_now(now)
        heard = super().interrupt(now)
        self._capture.at(now)
        self._capture.called("interrupt")
        return heard

    def drain(self, *, hangup_after_drain: bool = False) -> None:
        """Do as `Session.drain` does."""
        super().drain(hangup_after_drain=hangup_after_drain)
        self._capture.called("drain", hangup_after_drain=bool(hangup_after_drain))

    def checkpoint(self, name: str, *, timeout_s: float = 30.0) -> None:
        """Do as `Session.checkpoint` does."""
        super().checkpoint(name, timeout_s=timeout_s)
        self._capture.called("checkpoint", name=name, timeout_s=timeout_s)

    def send_dtmf(self, digits: str) -> None:
        """Do as `Session.send_dtmf` does."""
        super().send_dtmf(digits)
        self._capture.called("send_dtmf", digits=digits)

    def round_trip(self, seconds: float) -> None:
        """Do as `Session.round_trip` does."""
        super().round_trip(seconds)
        self._capture.called("round_trip", seconds=seconds)

    def mute(self) -> None:
        """Do as `Session.mute` does."""
        super().mute()
        self._capture.called("mute")

    def unmute(self) -> None:
        """Do as `Session.unmute` does."""
        super().unmute()
        self._capture.called("unmute")

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in SETTABLE:
            self._capture.called("set", stage=name, value=value)
