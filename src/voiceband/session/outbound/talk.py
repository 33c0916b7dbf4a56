"""The utterance that is being given: which pieces join it, and where it ends."""

from __future__ import annotations

import copy
import json
import math
from typing import TYPE_CHECKING, Any, SupportsIndex

from voiceband._checks import check_flag
from voiceband.session.checks import check_rate
from voiceband.session.events import Failed
from voiceband.session.outbound.checkpoints import MAX_NAME_BYTES, OWN_PREFIX
from voiceband.session.outbound.given import NAMES, SIZES, WAV, PieceFormat, bytes_of, named, samples_of
from voiceband.session.outbound.ledger import Utterance, end_utterance
from voiceband.session.outbound.pacer import QueueFullError
from voiceband.session.outbound.wav import WavHeader, begins_wav

if TYPE_CHECKING:
    from voiceband.formats import AudioFormat
    from voiceband.session.counters import Counters
    from voiceband.session.events import SessionEvent
    from voiceband.session.outbound.ledger import Reason
    from voiceband.session.outbound.sender import Sender
    from voiceband.session.outbound.unsent import Unsent

MAX_CANCELLED = 64
"""Interrupted utterances whose late pieces are known."""
_INF = math.inf


class Cancelled:
    """An utterance that was interrupted before its end: what still comes of it is late, until it is over too."""

    __slots__ = ("seen_at", "utterance")

    def __init__(self, utterance: Utterance) -> None:
        self.utterance = utterance
        self.seen_at = -_INF  # when `lapse` first saw that nothing more had come


class Talk:
    """Takes pieces of speech: those that follow one another are one utterance.

    Parameters
    ----------
    unsent : Unsent
        Where pieces go while no format is known.
    count : Counters
        The session's.
    fallback_rate : int
        What the wire is taken to have before its start.
    max_queued_ms, join_s : float
        See `Session`.

    Attributes
    ----------
    sender : Sender or None
        Where pieces go once the format is known.
    utterance : Utterance or None
        The one that the next piece joins.
    own_rate : int
        Rate of arrays that come without one; 0 for the wire's.
    watched : bool
        Whether somebody wants to know what each piece was: that is in `given` then.
    given : PieceFormat or None, n : int
        What the latest piece was, and of how many items; None if it came too late.
    """

    def __init__(
        self, unsent: Unsent, count: Counters, fallback_rate: int, max_queued_ms: float, join_s: float
    ) -> None:
        self.sender: Sender | None = None
        self.utterance: Utterance | None = None
        self.own_rate = 0
        self.watched = False
        self.given: PieceFormat | None = None
        self.n = 0
        self._unsent = unsent
        self._count = count
        self._fallback_rate = fallback_rate
        self._max_queued_ms = max_queued_ms
        self._join_s = join_s
        self._names = 0
        self._seen_at = -_INF  # when `poll` first saw the present one
        self._header: WavHeader | None = None  # of bytes that may begin a WAV file, or do
        self._kept: PieceFormat | None = None  # what these are if they do not
        self._cancelled: dict[str, Cancelled] = {}  # by name

    def open(self, sender: Sender, out: list[SessionEvent]) -> None:
        """Take a format that is settled: what has been waiting for it goes to its sender."""
        self.sender = sender
        for utterance, data, source, _ in self._unsent.take():
            if utterance.interrupted:
                continue  # an earlier piece of it failed
            if source is None:
                sender.flush(utterance)
                end_utterance(utterance, "given")  # again: it has a converter only now
                continue
            try:
                known = source if source.rate else PieceFormat(sender.wire.sample_rate, source.item)
                sender.pacer.add(utterance, sender.convert(utterance, data, known))
            except (ValueError, TypeError) as error:
                # `play` has checked it for every wire; should it fail all the same, the call is to go on.
                if utterance in sender.pacer.queue:  # what was converted of it still goes out
                    sender.pacer.pad(utterance)
                if self.utterance is utterance:
                    self.drop("failed")
                end_utterance(utterance, "failed")
                out.append(Failed(f"utterance {utterance.name!r} cannot be played: {error}", {}))

    # ---- pieces

    def play(
        self,
        data: Any,
        rate: SupportsIndex | None,
        format: AudioFormat | str | None,  # noqa: A002
        name: str | None,
        end: bool,
    ) -> Utterance:
        """See `Session.play`."""
        utterance = self.utterance
        # It goes on with what came before, in the same type and at the same rate: the way of nearly all pieces.
        if (
            utterance is not None
            and format is None
            and end is False
            and (name is None or name == utterance.name)
            and self._same_rate(utterance, rate)
            and not self.watched
            and self.sender is not None
            and self.sender.pacer.append(utterance, data, self._max_queued_ms)
        ):
            return utterance
        return self._play(data, rate, format, name, check_flag("end", end))

    def _same_rate(self, utterance: Utterance, rate: Any) -> bool:
        """Whether samples at a rate take the quick way of an utterance."""
        if rate is None:
            return utterance._rate == (self.own_rate or self._wire_rate)
        return rate.__class__ is int and rate == utterance._rate

    @property
    def _wire_rate(self) -> int:
        return self._fallback_rate if self.sender is None else self.sender.wire.sample_rate

    def _play(self, data: Any, rate: SupportsIndex | None, format: Any, name: Any, end: bool) -> Utterance:  # noqa: A002
        self.given = None
        if name is not None:
            name = check_name(name)
            late = self._cancelled.get(name)
            if late is not None:
                self._count.late_pieces += 1
                late.seen_at = -_INF
                if end:
                    self._forget(late.utterance)
                return late.utterance
        utterance = self.utterance if name is None or self.joins(name) else None
        if utterance is None and name is not None:
            self.check_free(name)
        header = self._header if utterance is not None else None
        kept = self._kept if utterance is not None else None
        source: PieceFormat | None
        if format is None:
            data = samples_of(data)
            rate = check_rate(rate) or self.own_rate
            # Before the start, the wire's own rate is not known.
            rate = rate or (0 if self.sender is None else self._wire_rate)
            source = PieceFormat(rate, "int16" if data.dtype.char == "h" else "float32")
            ms = len(data) * 1000 / (rate or self._fallback_rate)
        else:
            item, rate = named(format, rate)
            data = bytes_of(data, item)
            if begins_wav(data) and (len(data) >= 12 or utterance is None):
                header = WavHeader()
            elif header is not None:
                header = copy.copy(header)
            if header is not None:
                data = header.push(data)
                item, rate = _agreed(header, item, rate)
            if header is not None and not header.decided:
                source, ms, kept = None, 0.0, PieceFormat(rate or 0, item)
            else:
                source = _bytes_source(item, rate)
                ms = len(data) // SIZES[source.item] * 1000 / source.rate
                if end and utterance is None and len(data) % SIZES[source.item]:
                    raise ValueError(
                        f"data must hold whole samples of {NAMES[source.item]}, {SIZES[source.item]} bytes each, and "
                        f"of {len(data)} bytes one is left over ({data[-1:]!r}); with end=False it waits for the next "
                        "piece"
                    )
        queued_ms = self.queued_ms
        if queued_ms + ms > self._max_queued_ms:
            raise QueueFullError(
                f"{queued_ms:.0f} ms are queued, and {ms:.0f} more would pass the limit of {self._max_queued_ms:g} ms"
            )
        speech = utterance
        if speech is None:
            speech = Utterance(self._free_name() if name is None else name)
        wire = b""
        if source is None:
            pass
        elif self.sender is None:
            self._unsent.check(data, source)
        else:
            wire = self.sender.convert(speech, data, source)
        # Nothing is refused any more.
        if utterance is None:
            self.end()
            self.utterance = speech
            self._seen_at = -_INF
        self._header, self._kept = header, kept
        self.given, self.n = source, len(data)
        if self.sender is None:
            if source is not None:
                self._unsent.add(speech, data, source, ms)
        else:
            self.sender.pacer.add(speech, wire)
        if end:
            self.end()
        return speech

    @property
    def queued_ms(self) -> float:
        """See `Session.queued_ms`."""
        return self._unsent.ms if self.sender is None else self.sender.pacer.queued_ms

    # ---- names

    def joins(self, name: str) -> bool:
        """Whether a piece of that name belongs to the present utterance."""
        return self.utterance is not None and self.utterance.name == name

    def check_free(self, name: str) -> None:
        """ValueError for a name that something waiting has, or an answer that is to come."""
        if self._in_use(name):
            raise ValueError(f"name must be unique, and {name!r} is in use")

    def _in_use(self, name: str) -> bool:
        if self.sender is None:
            return self._unsent.has(name)
        return self.sender.in_use(name)

    def _free_name(self) -> str:
        while True:
            self._names += 1
            made = f"utterance-{self._names}"
            if not self._in_use(made):
                return made

    # ---- the end

    def end(self, reason: Reason = "given") -> None:
        """End the present utterance, if there is one, with all of its audio."""
        utterance, header, kept = self.utterance, self._header, self._kept
        if utterance is None:
            return
        self.utterance = self._header = self._kept = None
        rest = header.rest() if header is not None else b""
        # The few bytes that might have been the beginning of a file; of what was said to be one they are no audio.
        if rest and kept is not None and kept.rate and kept.item != WAV:
            if self.sender is None:
                self._unsent.add(utterance, rest, kept, 0.0)
            else:
                self.sender.pacer.add(utterance, self.sender.convert(utterance, rest, kept))
        if self.sender is None:
            self._unsent.end(utterance)
        else:
            self.sender.flush(utterance)
        end_utterance(utterance, reason)

    def end_of(self, utterance: Utterance) -> bool:
        """End an utterance if it is the present one, or was interrupted; return whether it was the present one."""
        if self.utterance is utterance:
            self.end()
            return True
        self._forget(utterance)
        return False

    def lapse(self, now: float) -> bool:
        """End the present utterance if the player has been dry for too long; return whether that is so."""
        if self._cancelled:
            self._lapse_cancelled(now)
        if self.utterance is None or self.sender is None:
            return False
        if self._seen_at == -_INF:
            self._seen_at = now
        dry_at = self.sender.pacer.dry_at(self.utterance)
        if now < max(dry_at, self._seen_at) + self._join_s:
            return False
        self.end("lapsed")
        return True

    def due(self) -> float:
        """When `lapse` has something to end unless more comes of it: inf for never, -inf if it is to look first."""
        if self.sender is None:
            return _INF
        late = _INF
        if self._cancelled:
            late = min([cancelled.seen_at for cancelled in self._cancelled.values()])
            late += self._join_s
        if self.utterance is None:
            return late
        if self._seen_at == -_INF:
            return -_INF
        dry_at = self.sender.pacer.dry_at(self.utterance)
        return min(max(dry_at, self._seen_at) + self._join_s, late)

    def cancel(self) -> None:
        """Note that all was interrupted: pieces of the present utterance that are still to come are late."""
        utterance = self.utterance
        if utterance is None:
            return
        self.drop("interrupted")
        self._cancelled[utterance.name] = Cancelled(utterance)
        if len(self._cancelled) > MAX_CANCELLED:
            self._forget(next(iter(self._cancelled.values())).utterance)

    def _forget(self, utterance: Utterance) -> None:
        """Expect no more of an interrupted utterance: its name is free again."""
        cancelled = self._cancelled.get(utterance.name)
        if cancelled is not None and cancelled.utterance is utterance:
            utterance._owner = None
            del self._cancelled[utterance.name]

    def _lapse_cancelled(self, now: float) -> None:
        """Forget the interrupted utterances of which nothing has come for so long that they would have ended."""
        for cancelled in list(self._cancelled.values()):
            if cancelled.seen_at == -_INF:
                cancelled.seen_at = now
            elif now >= cancelled.seen_at + self._join_s:
                self._forget(cancelled.utterance)

    def drop(self, reason: Reason) -> None:
        """End the present utterance, if there is one, without what its converter still holds."""
        utterance = self.utterance
        if utterance is None:
            return
        self.utterance = self._header = self._kept = None
        end_utterance(utterance, reason)


def check_name(name: object) -> str:
    """Return the name of an utterance or a checkpoint."""
    if not isinstance(name, str):
        raise TypeError(f"name must be a text, not {name!r}")
    text = str.__str__(name)  # of a class of its own, what it holds
    if not text:
        raise ValueError(f"name must not be empty, {text!r}")
    if text.startswith(OWN_PREFIX):
        raise ValueError(f"name must not begin with {OWN_PREFIX!r}, which automatic checkpoints do, not {text!r}")
    # Refused here: `poll`, which has other things to send, could not send its checkpoint.
    size = len(json.dumps(text))
    if size > MAX_NAME_BYTES:
        raise ValueError(f"name must take {MAX_NAME_BYTES} bytes of JSON at most, not {size} ({text[:20]!r}...)")
    return text


def _agreed(header: WavHeader, item: str, rate: int | None) -> tuple[str, int | None]:
    """Return what bytes are, by the header of a WAV file where there is one, and what they were said to be."""
    if not header.decided:
        return item, rate
    if header.item is None:
        if item == WAV:
            raise ValueError(f"data must begin with the header of a WAV file with format={WAV!r}")
        return item, rate
    if item not in (WAV, header.item):
        raise ValueError(
            f"format must be {WAV!r} or {NAMES[header.item]!r}, as the WAV header of data says, not {NAMES[item]!r}"
        )
    if rate is not None and rate != header.rate:
        raise ValueError(f"rate must be that of the WAV header of data, {header.rate}, or be left out, not {rate!r}")
    return header.item, header.rate


def _bytes_source(item: str, rate: int | None) -> PieceFormat:
    if item == WAV:
        raise ValueError(f"data must begin with the header of a WAV file with format={WAV!r}")
    if rate is None and item in ("mulaw", "alaw"):
        rate = 8000
    if rate is None:
        raise ValueError(f"rate must be given with format={NAMES[item]!r}: neither it nor a WAV header says one")
    return PieceFormat(rate, item)
