"""`CarrierStream`: the carrier's end of one stream, sans-IO: texts and time in, texts out. It mirrors `Session`."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any

from voiceband._checks import check_choice, check_number, check_text
from voiceband.emulator.carrier import reading
from voiceband.emulator.carrier.agent_commands import NOT_ANSWERED, AgentCommands
from voiceband.emulator.carrier.log import CallLog
from voiceband.emulator.carrier.message_writer import MessageWriter, random_uuid, start_epoch_ms
from voiceband.emulator.carrier.pace import Backlog, MediaClock
from voiceband.emulator.carrier.player import Player
from voiceband.emulator.carrier.reading import RefusedMessageError
from voiceband.emulator.carrier.tracks import Earpiece, Microphone
from voiceband.formats import PLIVO_FORMATS, PLIVO_MULAW_8K, AudioFormat
from voiceband.markup import Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from voiceband.emulator.carrier.tracks import Source

MAX_PROBLEMS = 1000


class CarrierStream:
    """One audio stream of a phone call, as the carrier runs it.

    Parameters
    ----------
    format : AudioFormat, optional
        What the wire carries; mu-law at 8000 Hz when neither this nor `element` is given.
    element : Stream, optional
        The XML element whose attributes hold, instead of `format`. Without it the stream is bidirectional.
    call_id, stream_id : str, optional
        UUIDs are made up otherwise, from `seed`.
    account_id : str, optional
        As the start message carries it.
    extra_headers : str, optional
        As the messages carry them; by default those of `element`, with semicolons between them, as the wire has them.
    playout_delay_ms : float, optional
        From the arrival of audio at an idle player to its sound, 0 to 5000.
    epoch_ms : int, optional
        Timestamp of the first media message; by default now, or with a seed always the same.
    source : Source, optional
        What the caller's audio is read from, 20 ms at a time, instead of `say`.
    frame_ms : iterator of int, optional
        The length of every media message, 1 to 1000 ms, without end; 20 without it.
    profile : {"observed", "documented"}, optional
        What to do where documents and real programs disagree. Observed: doubtful messages are obeyed, media say their
        format, and a stop message comes before the end. Documented: as the schema of Plivo's reference has it.
    send_stop : bool, optional
        Whether a stop message comes before the end, if not as the profile says.
    max_backlog_s : float, optional
        How much audio may wait for an agent that reads slowly, see `backed_up`.
    seed : int, optional
        Of the identifiers; without it they are different every time.
    log : CallLog, optional
        Where to note what happens; a new one otherwise.
    on_event : callable, optional
        Called with (name, now, detail) for everything but media: the names are those of the log's entries of way
        "event", and "playedStream" and "clearedAudio" when those are sent.

    Attributes
    ----------
    log : CallLog
        Everything that can be seen from outside.
    player : Player
        What the caller hears of the agent.
    problems : list of str
        What was wrong with the agent's messages, the first thousand.
    digits : list of str
        Keys that the agent pressed.
    source : Source or None
        As it was given.
    started_at, ended_at : float
        Times; inf while it has not happened.
    end_reason : str
        "hang-up", "timeout", "slow connection" or what `end` was told; empty while the stream runs.

    Notes
    -----
    Times are seconds from any monotonic origin. Media flow in real time from `start` to `hang_up`, one message every
    20 ms and track, silence too. What of an agent's is refused is answered with an incorrectPayload.
    """

    def __init__(
        self,
        format: AudioFormat | None = None,  # noqa: A002
        *,
        element: Stream | None = None,
        call_id: str | None = None,
        stream_id: str | None = None,
        account_id: str = "MAEMULATEDACCOUNT000",
        extra_headers: str | None = None,
        playout_delay_ms: float = 250,
        epoch_ms: int | None = None,
        source: Source | None = None,
        frame_ms: Iterator[int] | None = None,
        profile: str = "observed",
        send_stop: bool | None = None,
        max_backlog_s: float = 40.0,
        seed: int | None = None,
        log: CallLog | None = None,
        on_event: Callable[[str, float, dict[str, Any]], object] | None = None,
    ) -> None:
        if element is not None:
            if not isinstance(element, Stream):
                raise TypeError(f"element must be a voiceband.markup.Stream, not {element!r}")
            if format not in (None, element.content_type):
                raise ValueError(f"format must not be {format} beside an element of {element.content_type}")
            format = element.content_type  # noqa: A001
        elif format is None:
            format = PLIVO_MULAW_8K  # noqa: A001
        if not isinstance(format, AudioFormat):
            raise TypeError(f"format must be an AudioFormat, not {format!r}")
        if format not in PLIVO_FORMATS:
            raise ValueError(f"format must be one of {', '.join(map(str, PLIVO_FORMATS))}, not {format}")
        playout_delay_ms = check_number("playout_delay_ms", playout_delay_ms, 0, 5000)
        max_backlog_s = check_number("max_backlog_s", max_backlog_s, 0, unit="s", above=True)
        check_choice("profile", profile, reading.PROFILES)
        if extra_headers is None:
            pairs = element.extra_headers.items() if element is not None else ()
            extra_headers = ";".join(f"{key}={value}" for key, value in pairs)
        ids = random.Random(seed)
        self.format = format
        self.element = element
        self.call_id = call_id or random_uuid(ids)
        self.stream_id = stream_id or random_uuid(ids)
        self.account_id = account_id
        self.extra_headers = extra_headers
        self.log = CallLog() if log is None else log
        track = "inbound" if element is None else element.audio_track
        self.tracks = ("inbound", "outbound") if track == "both" else (track,)
        self.player = Player(format.frame_bytes(1000), delay_s=playout_delay_ms / 1000)
        self.started_at = math.inf
        self.ended_at = math.inf
        self.end_reason = ""
        self.problems: list[str] = []
        self.source = source
        level = None if element is None else element.noise_cancellation_level
        self._microphone = Microphone(format, source, level, whole_hops=frame_ms is None)
        self._ear = Earpiece(format, self.player)
        self._observed = profile == "observed"
        self._writer = MessageWriter(
            format, self.stream_id, extra_headers, start_epoch_ms(epoch_ms, seed), media_format=self._observed
        )
        self._commands = AgentCommands(
            format,
            self.stream_id,
            self.player,
            bidirectional=element is None or element.bidirectional,
            trusting=self._observed,
        )
        self.digits = self._commands.digits
        self._next_frame = self._deadline = math.inf
        self._send_stop = self._observed if send_stop is None else send_stop
        self._backlog = Backlog(max_backlog_s)
        self._on_event = on_event
        self._frames = MediaClock(frame_ms)
        self._outbox: list[str] = []
        if callable(hears := getattr(source, "hears", None)):
            hears(self)

    # ---- the caller

    @property
    def bidirectional(self) -> bool:
        """Whether the agent may send; a call that is made again from its log is told."""
        return self._commands.bidirectional

    @bidirectional.setter
    def bidirectional(self, value: bool) -> None:
        self._commands.bidirectional = value

    def say(self, pcm: NDArray[np.int16]) -> None:
        """Queue speech of the caller, at the format's rate; it goes out in real time."""
        self._microphone.say(pcm)

    @property
    def unsaid_ms(self) -> float:
        """How much of what `say` was given has not gone out yet."""
        return self._microphone.unsaid_ms

    @property
    def speech(self) -> list[tuple[float, float]]:
        """Where the caller has spoken so far, in ms from the start; the line's noise and echo do not count."""
        return self._microphone.activity.intervals

    @property
    def spoken(self) -> bytearray:
        """The inbound track so far, as wire bytes."""
        return self._microphone.spoken

    def announce(self, pcm: NDArray[np.int16], now: float) -> None:
        """Let the caller hear what is not the agent's, at the format's rate: an announcement, another person.

        It is queued behind earlier announcements, sounds beside what the agent plays, and is on the outbound track.
        """
        self._ear.announce(pcm, now)

    def silence(self, now: float) -> None:
        """End the announcements."""
        self._ear.silence(now)

    def press(self, digit: str, now: float) -> None:
        """Press one key: one of ``0-9*#A-D``, while the call runs."""
        if len(check_text("digit", digit, "one of 0-9*#A-D")) != 1 or digit not in reading.DIGITS:
            raise ValueError(f"digit must be one of 0-9*#A-D, not {digit!r}")
        if not self.started_at <= now < self.ended_at:
            raise RuntimeError("the call must have started and not ended")
        self._send(now, "dtmf", self._writer.dtmf(digit, round((now - self.started_at) * 1000)))

    def start(self, now: float) -> None:
        """Open the stream; RuntimeError the second time."""
        if self.started_at < math.inf:
            raise RuntimeError("the stream has started already; make another CarrierStream for another")
        self.started_at = now
        self._begin_frame()
        if self.element is not None:
            self._deadline = now + self.element.stream_timeout
        text = self._writer.start(self.call_id, self.account_id, self.tracks, self.format)
        delay_ms = self.player.delay_s * 1000
        profile = "observed" if self._observed else "documented"
        self._send(now, "start", text, bidirectional=self.bidirectional, playout_delay_ms=delay_ms, profile=profile)

    def hang_up(self, now: float) -> None:
        """End the phone call, as the caller does, and the stream with it."""
        self.end(now, "hang-up")

    def end(self, now: float, reason: str) -> None:
        """End the stream: nothing is played any more, and after what is due by now nothing is sent."""
        if self.ended_at < math.inf:
            return
        self._advance(now)
        if self.ended_at == math.inf:  # it has not just timed out
            self._end(now, reason)

    def _end(self, now: float, reason: str) -> None:
        self.ended_at = now
        self.end_reason = reason
        self.player.clear(now)
        self._ear.silence(now)
        if self._send_stop and self.started_at < math.inf:
            self._send(now, "stop", self._writer.stop(self.call_id, reason))
        behind = {"behind_s": round(self._backlog.age_s, 3)} if self._backlog.age_s > 0 else {}
        self._happened("ended", now, reason=reason, **behind)

    # ---- the wire

    def receive(self, message: object, now: float) -> None:
        """Take one message from the agent; what is wrong with it goes into `problems`."""
        text = message if isinstance(message, str) else None
        if text is not None and not text.isascii():
            # A text off a socket is valid; one of an agent in this process may hold half a surrogate pair.
            text = text.encode("utf-8", "replace").decode()
        detail: dict[str, Any] = {}
        doubts: reading.Doubts = {}
        if isinstance(message, (bytes, bytearray, memoryview)):
            detail["binary_bytes"] = len(message)
        reaction: Callable[[float], None] | None = None
        if now >= self.ended_at:
            name = reading.claimed_event(text)
            detail["ignored"] = "the stream has ended"
        else:
            try:
                name = self._commands.take(message, text, now, detail, doubts)
                if name == "clearAudio":
                    reaction = self._clear
                if doubts:
                    detail["doubts"] = doubts
            except RefusedMessageError as error:
                name = reading.claimed_event(text)
                detail["problem"] = str(error)
                detail["rule"] = error.rule
                if len(self.problems) < MAX_PROBLEMS:
                    self.problems.append(str(error))
                if error.rule not in NOT_ANSWERED:
                    reaction = self._refuse
        self.log.add(now, "received", name, text, **detail)
        if reaction is not None:
            reaction(now)

    def _refuse(self, now: float) -> None:
        self._send(now, "incorrectPayload", self._writer.refused())

    def _clear(self, now: float) -> None:
        self._commands.reset()
        self._advance(now)  # a checkpoint that was passed before the clear is answered before it
        self.player.clear(now)
        self._send(now, "clearedAudio", self._writer.cleared())
        self._happened("clearedAudio", now)

    def backed_up(self, backlog_s: float, now: float) -> None:
        """Tell how old the oldest message is that the agent's connection has not taken yet.

        At 30, 60 and 90 % of `max_backlog_s` a "degraded" event is noted, once each until all has been taken; at the
        whole of it the stream ends as "slow connection".
        """
        if now >= self.ended_at:
            return
        self._commands.behind_s = max(self._commands.behind_s, backlog_s)
        for percent in self._backlog.told(backlog_s):
            self._happened("degraded", now, percent=percent)
        if self._backlog.full:
            self.end(now, "slow connection")

    def unread(self, seconds: float) -> None:
        """Tell for how long the agent has not shown that it reads; that is noted if its next audio comes too late."""
        self._commands.behind_s = max(self._commands.behind_s, seconds)

    def poll(self, now: float) -> list[str]:
        """Return the texts that are due by `now`, in order."""
        self._advance(now)
        texts, self._outbox = self._outbox, []
        return texts

    @property
    def next_poll(self) -> float:
        """When `poll` next has something to do: a time, -inf for at once, inf after the end."""
        if self._outbox:
            return -math.inf
        if self.ended_at < math.inf:
            return math.inf
        due, mark = self._next_frame, self.player.next_mark
        if mark < due:
            due = mark
        return due if due < self._deadline else self._deadline

    def _advance(self, now: float) -> None:
        """Let happen what is due by `now`."""
        if self.ended_at < math.inf:
            return
        until = min(now, self._deadline)
        while self._next_frame <= until:
            self._frame(now)
        for name in self.player.reached(until) if self.player.next_mark <= until else ():
            self._send(now, "playedStream", self._writer.played(name))
            self._happened("playedStream", now, name=name)
        if now >= self._deadline:
            self._end(self._deadline, "timeout")

    def _begin_frame(self) -> None:
        self._frames.begin()
        self._next_frame = self.started_at + self._frames.end_ms / 1000

    def _frame(self, now: float) -> None:
        """Send one frame of every track."""
        chunk, begin_ms = self._frames.chunk, self._frames.begin_ms
        ms = self._frames.end_ms - begin_ms
        # The caller speaks, and is recorded, whichever tracks the agent asked for.
        frame, arrives = self._microphone.frame(self.format.sample_rate * ms // 1000)
        if noted := self._microphone.activity.noted:
            for name, at_ms in noted:
                self.log.add(now, "event", name, None, at_ms=at_ms)
            noted.clear()
        for track in self.tracks:
            if track == "outbound":
                frame = self._ear.heard(self.started_at + begin_ms / 1000, ms / 1000)
            elif not arrives:
                self._happened("lost frame", now, chunk=chunk)
                continue
            self._send(now, "media", self._writer.media(track, chunk, begin_ms, frame))
        self._begin_frame()

    def _send(self, now: float, name: str, text: str, /, **detail: Any) -> None:
        self._outbox.append(text)
        self.log.add(now, "sent", name, text, **detail)

    def _happened(self, name: str, now: float, /, **detail: Any) -> None:
        if name not in ("playedStream", "clearedAudio"):  # which are in the log as messages
            self.log.add(now, "event", name, None, **detail)
        if self._on_event is not None:
            self._on_event(name, now, detail)

    # ---- afterwards

    def recording(self, now: float) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
        """Return what the caller said and what the caller heard, from the start to `now` or the end, equally long."""
        seconds = max(0.0, min(now, self.ended_at) - self.started_at)
        total = round(seconds * self.format.sample_rate) * self.format.sample_bytes
        said = bytes(self.spoken[:total])
        said += self.format.silence * ((total - len(said)) // self.format.sample_bytes)
        return self.format.decode(said), self.format.decode(self._ear.heard(self.started_at, seconds))
