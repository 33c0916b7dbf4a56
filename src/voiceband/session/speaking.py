"""The part of a session that speaks: play, checkpoint, poll, drain."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from voiceband.formats import AudioFormat
from voiceband.protocol import Checkpoint, SendDtmf
from voiceband.session.checkpoints import MAX_NAME_BYTES, OWN_PREFIX, Clear, Waiting
from voiceband.session.checks import MAX_NOW, check_flag, check_now, check_rate, within
from voiceband.session.events import Audio, SessionEvent
from voiceband.session.hearing import Hearing
from voiceband.session.ledger import Utterance
from voiceband.session.pacer import QueueFullError
from voiceband.session.speech import format_of, length_of, samples_of
from voiceband.session.state import MAX_EVENTS
from voiceband.session.stats import snapshot

if TYPE_CHECKING:
    from voiceband.session.outbound import Outbound

_INF = math.inf


class Speaking(Hearing):
    """The outbound side of a session."""

    __slots__ = ()

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
        """Queue speech.

        Parameters
        ----------
        data : ndarray, shape (n,), int16 or float32; or bytes-like with `format`
            Any length, also zero. Bytes in the wire's own format go out untouched; of L16, half a sample may be left
            over for the next piece. Half a sample that no piece completes is dropped, and counted in
            `SessionStats.half_samples`.
        rate : int, optional
            Rate of an array in Hz; the session's own, or else the wire's, by default.
        format : AudioFormat or str, optional
            What bytes hold, such as ``"audio/x-mulaw;rate=8000"``.
        name : str, optional
            Names the utterance; unique names are made up otherwise.
        utterance : Utterance, optional
            The one to go on with, opened with ``end=False``. If it was interrupted meanwhile, `data` is ignored.
        end : bool, optional
            Whether the utterance ends here: its last frame is padded with silence, and a checkpoint follows it.

        Returns
        -------
        utterance : Utterance
            The new one, or the given one.

        Raises
        ------
        ValueError
            If the audio or its rate cannot be used, bytes come without a format, an utterance given in one piece
            has half a sample too much, or `name` is in use, too long, or begins with ``voiceband-``.
        QueueFullError
            If more than `max_queued_ms` would be queued.
        RuntimeError
            If the call or the utterance has ended.
        """
        out = self._out
        if utterance is not None:
            if utterance.__class__ is not Utterance or utterance._call is not self._transport:
                raise ValueError(f"utterance must be one that this session's play() has returned, not {utterance!r}")
            if name is not None:
                raise ValueError(f"name must not be given with utterance=, which has one, not {name!r}")
            converter = utterance._convert
            # It is open, and what comes now is what came before: the way of nearly all pieces.
            if (
                converter is not None
                and format is None
                and data.__class__ is np.ndarray
                and data.dtype is converter.dtype
                and data.ndim == 1
                and rate.__class__ is int
                and rate == converter.rate
                and end is False
                and out is not None
                and not self.stopped
            ):
                pacer = out.pacer
                if not self._gain_out_db and pacer.go_on(utterance, data, converter.rate, self._max_queued_ms):
                    due = pacer.next_due()
                    if due < self._due:
                        self._due = due
                    return utterance
                if (pacer.queued / pacer.bytes_per_s + len(data) / converter.rate) * 1000 <= self._max_queued_ms:
                    wire, given_ms = converter.convert(data)
                    utterance.content_ms += given_ms
                    pacer.add(utterance, wire)
                    due = pacer.next_due()
                    if due < self._due:
                        self._due = due
                    return utterance
            if utterance.interrupted:
                self._count.late_pieces += 1
                return utterance
        end = check_flag("end", end)
        if self.stopped:
            raise RuntimeError("the call has ended; nothing can be played any more")
        if utterance is not None and utterance.ended:
            raise RuntimeError(f"utterance {utterance.name!r} has ended; play() without utterance= starts another")
        source: Any
        defer = False  # whether the rate is that of the wire, which is to be known at the start
        if format is not None:
            source = format_of(format, rate)
            n_bytes = length_of(data, source)
            n_ms = n_bytes / source.sample_bytes * 1000 / source.sample_rate
            if end and utterance is None and n_bytes % source.sample_bytes:
                raise ValueError(
                    f"data must hold whole samples of {source}, 2 bytes each, and of {n_bytes} bytes one is left over "
                    f"({bytes(memoryview(data))[-1:]!r}); with end=False it waits for the next piece"
                )
            data = bytes(memoryview(data))  # of a class of its own, what it holds
        else:
            data = samples_of(data)
            if rate is not None:
                check_rate(rate)
            else:
                defer = self._options.rate is None
                rate = self._options.rate or (self.format or self._fallback).sample_rate
            source = (rate, "int16" if data.dtype.char == "h" else "float32")
            n_ms = len(data) * 1000 / rate
        if self.queued_ms + n_ms > self._max_queued_ms:
            raise QueueFullError(
                f"{self.queued_ms:.0f} ms are queued, and {n_ms:.0f} more would pass the limit "
                f"of {self._max_queued_ms:g} ms"
            )
        if out is None:
            self._unsent.check(data, source)
            if utterance is None:
                utterance = Utterance(self._name(name), self._transport)
            if defer:
                source = (0, source[1])
            self._unsent.add(utterance, data, source, end=end, ms=n_ms)
            utterance.ended = end
            self.hang_up_due = False
            return utterance
        if utterance is None:
            utterance = Utterance(self._name(name), self._transport)
        out.play(utterance, data, source, end=end)
        self.hang_up_due = False  # there is more to say
        due = out.pacer.next_due()
        if due < self._due:
            self._due = due
        return utterance

    def relay(self, utterance: Utterance, data: Any, rate: int | None, now: float) -> list[str] | None:
        """Do what `play` with ``end=False`` and a `poll` after it do, for a piece in the middle of a talk.

        Returns
        -------
        texts : list of str or None
            What is due; empty if the piece is queued, and `poll` is to look. None if nothing has been done, for it
            takes a closer look: then do both.
        """
        out = self._out
        converter = utterance._convert
        if (
            converter is None
            or rate != converter.rate
            or out is None
            or self._gain_out_db
            or not now < self._idle_due
            or not now < self._deadline
            or self._events
            or self.stopped
            or out.on_sent is not None
            or utterance._call is not self._transport
        ):
            return None
        frame = out.pacer.relay(utterance, data, converter.rate, self._max_queued_ms, now)
        if frame:
            return self._leave(out, frame, now)
        if frame is None:
            return None
        self._due = min(self._due, out.pacer.next_due())
        return []

    def _name(self, name: str | None) -> str:
        """Return a name that no other checkpoint has whose answer is still to come."""
        if name is None:
            while True:
                self._names += 1
                made = f"utterance-{self._names}"
                if not self._in_use(made):
                    return made
        return self._check_name(name)

    def _check_name(self, name: object) -> str:
        text = str.__str__(name) if isinstance(name, str) else ""  # of a class of its own, what it holds
        if not text:
            raise ValueError(f"name must not be empty, and a text, not {name!r}")
        name = text
        if name.startswith(OWN_PREFIX):
            raise ValueError(f"name must not begin with {OWN_PREFIX!r}, which automatic checkpoints do, not {name!r}")
        # Refused here: `poll`, which has other things to send, could not send its checkpoint.
        size = len(json.dumps(name))
        if size > MAX_NAME_BYTES:
            raise ValueError(f"name must take {MAX_NAME_BYTES} bytes of JSON at most, not {size} ({name[:20]!r}...)")
        if self._in_use(name):
            raise ValueError(f"name must be unique, and {name!r} is in use")
        return name

    def _in_use(self, name: str) -> bool:
        """Whether a name is taken by what waits here, or by a checkpoint whose answer is to come."""
        out = self._out
        if out is None:
            return name in self._unsent.names
        return name in out.pacer.names or name in out.checkpoints.names

    def checkpoint(self, name: str, *, timeout_s: float = 30.0) -> None:
        """Ask the far end to say when all audio sent so far has been played; a `Played` event follows.

        `Missed` follows instead after an interruption, the end of the stream, or `timeout_s` after it should have come.
        """
        if self.stopped:
            raise RuntimeError("the call has ended; no checkpoint can be sent any more")
        if self._out is None or self.stream_id is None:
            raise RuntimeError("a checkpoint needs a stream that has started")
        if not within(timeout_s, 1e-9, _INF) or MAX_NOW < timeout_s < _INF:
            raise ValueError(f"timeout_s must be positive, at most 1e12 seconds or inf, not {timeout_s!r}")
        entry = Waiting(self._check_name(name), "own", self._out.clock.position, timeout_s, None)
        self._out.checkpoints.add(entry)
        self._send(entry)

    def send_dtmf(self, digits: str) -> None:
        """Press keys on the caller's line; ValueError for anything but ``0-9*#A-D``, RuntimeError after the call."""
        if self.stopped:
            raise RuntimeError("the call has ended; no keys can be sent any more")
        self._send(SendDtmf(digits).encode())

    def poll(self, now: float) -> list[str]:
        """Return the texts that are due to be sent, in order; ValueError or TypeError unless `now` is finite."""
        if now.__class__ is not float or not 0.0 <= now < MAX_NOW:  # nearly all times pass here
            now = check_now(now)
        if now < self._due:
            return []
        out = self._out
        if (
            self._idle_due > now
            and out is not None
            and now < self._deadline
            and out.on_sent is None
            and out.pacer.queue
        ):
            # Nothing but a frame in the middle of a talk can be due: the way of nearly all polls.
            frame = out.pacer.steady(now)
            if frame is not None:
                return self._leave(out, frame, now)
        return self._poll(now)

    def _leave(self, out: Outbound, frame: bytes, now: float) -> list[str]:
        """Return the texts of a frame in the middle of a talk."""
        text = out.encode(frame)
        count = self._count
        count.messages_out += 1
        count.bytes_out += len(text)
        self._due = self._idle_due
        texts = [text]
        # Most are not wanted for reasons that are seen at once.
        if out.wants_marks and (out._every < _INF or len(out.clock.stretches) == 1):
            out.between(now, texts, None)
            if len(texts) > 1:
                count.sent(texts[1:])
                self._reschedule()
        return texts

    def _poll(self, now: float) -> list[str]:
        """Return all that is due: the long way."""
        texts: list[str] = []
        notes: list[dict[str, Any]] | None = None if self._capture is None else []
        out = self._out
        if self._control:
            self._take_control(now, texts, notes)
        if out is not None and not self.stopped:
            out.take(now, texts, notes)
            if self._recorder is not None:
                self._recorder.tick(now)
            if now >= self._deadline:
                self._expire(now)
        for track in self._tracks.values():
            if track.next_pull <= now:
                events: list[SessionEvent] = []
                track.advance(now, events)
                self._keep(events)
        self._reschedule()
        if texts:
            if self._capture is not None and notes is not None:
                self._capture.sent(texts, now, notes)
            self._count.sent(texts)
        return texts

    def _keep(self, events: list[SessionEvent]) -> None:
        """Keep events for whoever asks; of audio that nobody asks for, no more than is reasonable."""
        kept = self._events
        kept.extend(events)
        while len(kept) > MAX_EVENTS:
            oldest = next((i for i, event in enumerate(kept) if isinstance(event, Audio)), None)
            if oldest is None:
                return
            del kept[oldest]
            self._count.dropped += 1

    def _expire(self, now: float) -> None:
        """Give up answers that are overdue."""
        if self._out is not None and not self.stopped:
            self._events.extend(self._out.overdue(now))
            self._check_drain()
        if self._meter is not None and now >= self._meter.due:
            self._measure(now)
        self._reschedule()

    def _measure(self, now: float) -> None:
        """Tell the metrics hook what has changed."""
        if self._meter is not None:
            pacer = self._out.pacer if self._out is not None else None
            late = (pacer.late_sum_s, pacer.sends) if pacer is not None else (0.0, 0)
            self._meter.look(snapshot(self._count, self._tracks, self._out, self._transport), late, now)

    def _take_control(self, now: float, texts: list[str], notes: list[dict[str, Any]] | None) -> None:
        """Give out what goes ahead of audio, and date what will be answered."""
        control = self._control
        out = self._out
        while control:
            item = control.pop(0)
            note: dict[str, Any] = {}
            if isinstance(item, str):
                texts.append(item)
            elif isinstance(item, Clear):
                texts.append(item.text)
                item.interruption.sent_at = now
                self._count.reaction(now - item.at)
                note = item.note() if notes is not None else note
            else:
                if out is None or self.stream_id is None or self.stopped or not out.checkpoints.waits_for(item):
                    continue
                texts.append(Checkpoint(item.wire, self.stream_id).encode())
                if item.kind == "own":
                    item.position = out.clock.expect(item.wire)
                out.checkpoints.sent(item, now, out.clock.ends_by())
                note = item.note() if notes is not None else note
            if notes is not None:
                notes.append(note)

    @property
    def queued_ms(self) -> float:
        """How much audio waits here, not yet sent."""
        if self._out is None:
            return self._unsent.ms
        return self._out.pacer.queued_ms
