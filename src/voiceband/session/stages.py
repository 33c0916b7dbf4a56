"""The part of a session that switches its stages while the call runs."""

from __future__ import annotations

from voiceband.session.checks import check_buffer, check_lead, check_level, check_rate
from voiceband.session.gain import check_gain
from voiceband.session.speaking import Speaking


class Stages(Speaking):
    """Settable stages of both directions, and muting."""

    __slots__ = ()

    def mute(self) -> None:
        """Stop giving out the caller's audio; its timeline goes on."""
        self._mute(True)

    def unmute(self) -> None:
        """Give out the caller's audio again."""
        self._mute(False)

    def _mute(self, muted: bool) -> None:
        self.muted = muted
        for track in self._tracks.values():
            track.muted = muted
            track.settle()

    @property
    def rate(self) -> int | None:
        """The rate that the agent hears at; None for the wire's own. Settable."""
        return self._options.rate

    @rate.setter
    def rate(self, value: int | None) -> None:
        self._options.rate = check_rate(value)
        for track in self._tracks.values():
            self._events.extend(track.set_rate())

    @property
    def denoise(self) -> float | None:
        """Level of the noise suppressor; None without one. Settable."""
        return self._options.denoise

    @denoise.setter
    def denoise(self, level: float | None) -> None:
        self._options.denoise = check_level(level)
        for track in self._tracks.values():
            self._events.extend(track.set_denoise(level))

    @property
    def buffer(self) -> str | None:
        """What puts the messages in order: "timeline", "jitter" or None. Settable."""
        return self._options.buffer

    @buffer.setter
    def buffer(self, kind: str | None) -> None:
        self._options.buffer = check_buffer(kind)
        for track in self._tracks.values():
            self._events.extend(track.set_buffer(kind))
        self._reschedule()

    @property
    def gain_in_db(self) -> float:
        """Gain on the caller's audio in dB. Settable."""
        return self._options.gain_db

    @gain_in_db.setter
    def gain_in_db(self, value: float) -> None:
        self._options.gain_db = check_gain("gain_in_db", value)
        for track in self._tracks.values():
            track.settle()

    @property
    def gain_out_db(self) -> float:
        """Gain on what is spoken in dB, but not on bytes in the wire's own format. Settable."""
        return self._gain_out_db

    @gain_out_db.setter
    def gain_out_db(self, value: float) -> None:
        self._gain_out_db = check_gain("gain_out_db", value)
        if self._out is not None:
            self._out.speech.gain_db = self._gain_out_db

    @property
    def lead_ms(self) -> float | None:
        """How far ahead of playout to send; None for at once. Settable."""
        return None if self._lead_s is None else self._lead_s * 1000

    @lead_ms.setter
    def lead_ms(self, value: float | None) -> None:
        self._lead_s = check_lead(value)
        if self._out is not None:
            self._out.pacer.set_lead(self._lead_s)
            self._reschedule()

    @property
    def latency_ms(self) -> float:
        """How much of the caller's audio the stages hold back; constant while they stay as they are."""
        return max((track.late_ms for track in self._tracks.values()), default=0.0)
