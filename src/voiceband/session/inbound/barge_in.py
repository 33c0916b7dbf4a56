"""Barge-in: whether the caller speaks up while the agent does, or the agent hears itself."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from voiceband._checks import check_number
from voiceband.dsp.echo import EchoGuard
from voiceband.protocol.limits import FRAME_MS
from voiceband.session.inbound.frames import Frames

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from voiceband.session.heard import Heard
    from voiceband.session.outbound.outbound import Outbound
    from voiceband.session.transport import Transport

PAUSE_FRAMES = 15
"""Frames without speech, 300 ms, after which the caller's next sound is another attempt."""
HANG_MS = 100.0
"""How much longer than a sound the guard believes in it."""
MAX_MISSING = 50
"""Frames that are made up for messages that are missing; behind a longer hole the guard begins again."""


class BargeInSettings(msgspec.Struct, frozen=True, kw_only=True):
    """When a caller counts as speaking up.

    Parameters
    ----------
    speech_ms : float, optional
        How much of the caller's voice there must be, 20 to 1000.
    backchannel_ms : float, optional
        How long "mhm" and "yes" may be that do not count, 0 to 2000; 0 lets everything count. A `CallerSpoke` event
        comes that much later.

    Examples
    --------
    >>> BargeInSettings(backchannel_ms=400)
    BargeInSettings(speech_ms=60.0, backchannel_ms=400)
    """

    speech_ms: float = 60.0
    backchannel_ms: float = 0.0

    def __post_init__(self) -> None:
        check_number("speech_ms", self.speech_ms, 20, 1000)
        check_number("backchannel_ms", self.backchannel_ms, 0, 2000)


class EchoEar:
    """Hears the caller beside the echo of what is played to them.

    Parameters
    ----------
    settings : BargeInSettings
        When the caller counts as speaking up.
    transport : Transport
        Dates what comes from the caller.
    outbound : Outbound
        What is played to the caller.

    Attributes
    ----------
    score : float
        Of the latest frame; see `EchoGuard.process`.
    """

    __slots__ = (
        "_armed",
        "_began",
        "_end",
        "_frames",
        "_guard",
        "_need",
        "_outbound",
        "_quiet",
        "_settings",
        "_speech",
        "_transport",
        "score",
    )

    def __init__(self, settings: BargeInSettings, transport: Transport, outbound: Outbound) -> None:
        self._settings = settings
        self._transport = transport
        self._outbound = outbound
        self._need = max(1, round(settings.speech_ms / FRAME_MS))
        self._guard = EchoGuard(8000)
        self._frames = Frames(8000)
        self._end = -math.inf  # when the latest sample was spoken
        self._speech = 0.0  # frames of speech, less half of those without
        self._quiet = PAUSE_FRAMES  # frames since the last one with speech
        self._began = 0.0
        self._armed = True
        self.score = 0.0

    def open(self, rate: int) -> None:
        """Begin with a wire of this rate, unless it is the same."""
        if rate != self._guard.rate:
            self._guard = EchoGuard(rate)
        self._frames = Frames(rate)
        self._end = -math.inf

    def hear(self, pcm: NDArray[Any], now: float) -> float | None:
        """Take a message of the caller's; return how many ms before its end he spoke up, if that is sure now."""
        guard = self._guard
        rate, size = guard.rate, self._frames.size
        date = self._transport.date
        end = min(now, date) if date > -math.inf else now
        missing = end - self._end - len(pcm) / rate
        if missing <= -len(pcm) / rate and date > -math.inf:
            return None  # it comes twice, or too late
        if missing > MAX_MISSING * FRAME_MS / 1000:
            self._frames.drop()
        elif missing > 0.75 * FRAME_MS / 1000:
            hole = np.zeros(round(missing * 50) * size, np.int16)
            pcm = np.concatenate([hole, pcm])
        self._end = end
        frames = self._frames.cut(pcm)
        after = self._frames.n_left + len(frames) * size
        spoke = None
        for frame in frames:
            after -= size
            until = end - after / rate
            far = self._outbound.far(until, FRAME_MS)
            self.score = guard.process(frame, far.samples, bound_ms=min(far.bound_ms, 2000.0))
            if self._speaks_up(guard.kind in ("speech", "both"), until):
                spoke = (end - self._began) * 1000
        return spoke

    def heard(self, now: float) -> Heard:
        """Return what the caller has heard by now."""
        heard: Heard = self._outbound.heard(now)
        return heard

    def _speaks_up(self, speech: bool, until: float) -> bool:
        """Take a frame's verdict; return whether it is the one that makes sure."""
        if not speech:
            self._speech = max(self._speech - 0.5, 0.0)
            self._quiet += 1
            if self._quiet >= PAUSE_FRAMES:
                self._armed, self._speech = True, 0.0
            return False
        if self._quiet >= PAUSE_FRAMES:
            self._began = until - FRAME_MS / 1000
        self._speech = min(self._speech + 1, self._need)
        self._quiet = 0
        lasted_ms = (until - self._began) * 1000
        tolerated_ms = self._settings.backchannel_ms and self._settings.backchannel_ms + HANG_MS
        if not self._armed or self._speech < self._need or lasted_ms < tolerated_ms or not self._talked_over(until):
            return False
        self._armed = False
        return True

    def _talked_over(self, until: float) -> bool:
        """Whether the agent speaks, or is about to."""
        sender = self._outbound.sender
        if sender is None or self._outbound.stopped:
            return False
        return bool(sender.clock.ends_by() > until or self._outbound.talk.queued_ms)


def ear_of(barge_in: bool | BargeInSettings, transport: Transport, outbound: Outbound) -> EchoEar | None:
    """Return the ear that an option asks for."""
    if barge_in is False:
        return None
    if barge_in is not True and not isinstance(barge_in, BargeInSettings):
        raise TypeError(f"barge_in must be a bool or a BargeInSettings, not {barge_in!r}")
    return EchoEar(BargeInSettings() if barge_in is True else barge_in, transport, outbound)
