"""`Carrier`: one phone call, sans-IO: it fetches XML, runs it, opens streams, and tells what becomes of them.

A driver polls it for actions, does them, and tells their outcome; time is an argument everywhere.

    answer URL -> Program -> Speak, Play, Wait ...
                     |
                     +-----> Leg (one stream) -> CarrierStream (one connection) <-> agent
                                 ^
    REST requests ---------------+
"""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from voiceband._checks import check_choice, check_integer
from voiceband.emulator.carrier.actions import Action, HttpRequest, OpenStream
from voiceband.emulator.carrier.announcements import Announcer, murmur
from voiceband.emulator.carrier.carrier_stream import MAX_PROBLEMS, CarrierStream
from voiceband.emulator.carrier.connections import Connections
from voiceband.emulator.carrier.leg import Leg, Retries
from voiceband.emulator.carrier.log import CallLog
from voiceband.emulator.carrier.message_writer import random_uuid, start_epoch_ms
from voiceband.emulator.carrier.program import Program
from voiceband.emulator.carrier.web.addresses import Addresses
from voiceband.emulator.carrier.web.answers import Answers
from voiceband.emulator.carrier.web.requests import Web
from voiceband.emulator.carrier.web.signing import CallFacts, Signer, status_form
from voiceband.markup import Response, Stream
from voiceband.markup.values import method as check_method
from voiceband.markup.values import url as check_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from voiceband.emulator.carrier.announcements import Reader
    from voiceband.emulator.carrier.tracks import Source
    from voiceband.formats import AudioFormat

END_OF_XML_S = 1.0
"""How long a call outlives its last element while a stream runs: "within seconds", as is told of live calls."""


class Carrier:
    """A phone call as the carrier runs it, from the answer URL to the hang-up.

    Parameters
    ----------
    answer : str, Response or Stream
        The answer URL; or what it would have answered.
    method : {"POST", "GET"}, optional
        How the answer URL is asked.
    from_number, to_number : str, optional
        Of the call.
    direction : {"inbound", "outbound"}, optional
        Who called.
    fallback_url, hangup_url : str, optional
        Asked by POST where the answer URL gives nothing of use, and told when the call is over.
    public_base_url : str, optional
        The server's public address, such as ``https://voice.example.com``: this is what the XML names, and what is
        signed; it is dialled where `answer` says.
    stream_url : str, optional
        ``ws://`` or ``wss://``: where streams are dialled, whatever the XML says.
    keys : str, optional
        What the caller presses where ``<GetInput>`` asks for keys; empty for nothing.
    auth_id, auth_token : str, optional
        The account: the start message names it, and its token signs every request and upgrade.
    retries : Retries, optional
        How connections of a stream are tried again.
    words : {"StartStream", "started"}, optional
        Which of the two documented vocabularies status callbacks use.
    max_streams : int, optional
        How many streams may run at once.
    speech : callable, optional
        Reads a text of ``<Speak>``: (text, language) to int16 at 16 kHz; by default `announcements.murmur`, which only
        lasts as long. `announcements.espeak` reads where that program is installed.
    source : callable, optional
        Called with the format of every connection; returns the `Source` of the caller's audio for it, or None.
    on_stream : callable, optional
        Called with (stream, now) for the `CarrierStream` of every connection, before it starts: the place to let the
        caller speak.
    seed : int, optional
        Seed for identifiers and nonces, and for the date if there is no `epoch_ms`; without it they are different every
        time.
    epoch_ms : int, optional
        The time of day when the call starts, in ms since 1970; by default that of now, or with a seed always the same.
    log : CallLog, optional
        Where to note what happens; a new one otherwise.
    **stream_options
        For every `CarrierStream`: `playout_delay_ms`, `frame_ms`, `profile`, `send_stop`, `max_backlog_s`.

    Attributes
    ----------
    log : CallLog
        Everything that can be seen from outside, of all streams.
    call_id : str
        As messages, callbacks and the API have it.
    connections : Connections
        Takes what the driver tells of the streams' connections.
    legs : list of Leg
        Every stream that was asked for.
    streams : list of CarrierStream
        One for every connection that was made.
    announced : list of (float, ndarray)
        What the carrier itself played to the caller: when, and the samples at 16 kHz.
    problems : list of str
        What was wrong outside of the streams, the first thousand.
    ended_at : float
        inf while the call runs.
    end_reason : str
        "caller", "end of XML", "Hangup element", "API" and others; empty while the call runs.
    """

    def __init__(
        self,
        answer: str | Response | Stream,
        *,
        method: str = "POST",
        from_number: str = "+15555550100",
        to_number: str = "+15555550199",
        direction: str = "inbound",
        fallback_url: str | None = None,
        hangup_url: str | None = None,
        public_base_url: str | None = None,
        stream_url: str | None = None,
        keys: str = "1",
        auth_id: str = "MAEMULATEDACCOUNT000",
        auth_token: str = "emulated-token",
        retries: Retries = Retries(),  # noqa: B008 (frozen)
        words: str = "StartStream",
        max_streams: int = 1,
        speech: Reader = murmur,
        source: Callable[[AudioFormat], Source | None] | None = None,
        on_stream: Callable[[CarrierStream, float], object] | None = None,
        seed: int | None = None,
        epoch_ms: int | None = None,
        log: CallLog | None = None,
        **stream_options: Any,
    ) -> None:
        if isinstance(answer, str):
            check_url("answer", answer, ("https", "http"))
        elif not isinstance(answer, (Response, Stream)):
            raise TypeError(f"answer must be a URL, a Response or a Stream, not {answer!r}")
        check_choice("words", words, ("StartStream", "started"))
        check_choice("direction", direction, ("inbound", "outbound"))
        if not isinstance(retries, Retries):
            raise TypeError(f"retries must be Retries, not {retries!r}")
        check_integer("max_streams", max_streams, 1)
        if hangup_url is not None:
            check_url("hangup_url", hangup_url, ("https", "http"))
        unknown = set(stream_options) - {"playout_delay_ms", "frame_ms", "profile", "send_stop", "max_backlog_s"}
        if unknown:
            raise TypeError(f"Carrier has no option {min(unknown)!r}")
        CarrierStream(**stream_options)  # refuses bad options now, not in the middle of a call
        self.log = CallLog() if log is None else log
        self.auth_id, self.auth_token = auth_id, auth_token
        self.problems: list[str] = []
        self.started_at = math.inf
        self.ended_at = math.inf
        self.end_reason = ""
        self._random = random.Random(seed)
        self._epoch_ms = start_epoch_ms(epoch_ms, seed)
        self.call_id = random_uuid(self._random)
        self.facts = CallFacts(self.call_id, from_number, to_number, direction)
        self._addresses = Addresses(answer, public_base_url, stream_url)
        self._signer = Signer(auth_token, self._random)
        self._web = Web(self, self._signer, self._addresses)
        self._answer, self._hangup_url = answer, hangup_url
        self._method = check_method("method", method) or "POST"
        self._words = words
        self.announcer = Announcer(speech, self)
        self.announced = self.announcer.played
        self.connections = Connections(
            self, self._random, self._signer, self._addresses, retries, max_streams, source, on_stream, stream_options
        )
        self.legs = self.connections.legs
        self.streams = self.connections.streams
        self._program = Program(self, self.announcer, keys)
        self._answers = Answers(self, self._program, self.announcer, fallback_url)
        self._numbers = 0
        self._doubts: set[str] = set()
        self._actions: list[Action] = []

    # ---- the phone call

    @property
    def stream(self) -> CarrierStream | None:
        """The stream that has a connection now; None without one."""
        for leg in reversed(self.legs):  # this is asked several times a frame, too
            if leg.stream is not None and not leg.over:
                return leg.stream
        return None

    def start(self, now: float) -> None:
        """Ring; RuntimeError the second time."""
        if self.started_at < math.inf:
            raise RuntimeError("the call has started already; make another Carrier for another call")
        self.started_at = now
        self.note("phone call", now, call_id=self.call_id)
        if isinstance(self._answer, str):
            self._program.fetch("answer", self._method, self._answer, now)
        else:
            self._program.load(self._answer.elements if isinstance(self._answer, Response) else (self._answer,))

    def hang_up(self, now: float) -> None:
        """End the call from the caller's side."""
        self.end_call("caller", now)

    def poll(self, now: float) -> list[Action]:
        """Return what is to be done by `now`, in order."""
        if self.started_at <= now:
            if self.ended_at == math.inf:
                self._program.poll(now)
            for leg in self.legs:
                leg.poll(now)
            if self._program.ended_at < math.inf and self._xml_end <= now:
                self.end_call("end of XML", now)
                for leg in self.legs:
                    leg.poll(now)
        actions, self._actions = self._actions, []
        return actions

    @property
    def next_poll(self) -> float:
        """When `poll` next has something to do: a time, -inf for at once, inf when only an outcome can bring more."""
        if self._actions:
            return -math.inf
        # This is asked several times a frame: comparisons cost less than min().
        due = math.inf
        for leg in self.legs:
            leg_due = leg.next_poll
            if leg_due < due:
                due = leg_due
        if self.ended_at < math.inf or self.started_at == math.inf:
            return due
        program = self._program
        program_due = program.next_poll if program.ended_at == math.inf else min(program.next_poll, self._xml_end)
        return program_due if program_due < due else due

    @property
    def over(self) -> bool:
        """Whether the call has ended; what it asked for may still be on its way."""
        return self.ended_at < math.inf

    @property
    def done(self) -> bool:
        """Whether the call has ended and everything that it asked for has been handed out and answered."""
        return self.ended_at < math.inf and not self._actions and not self._web and self.stream is None

    @property
    def _xml_end(self) -> float:
        """When the call ends for want of elements: at once if nothing runs, soon if a stream does."""
        since = self._program.ended_at
        if since == math.inf or self.ended_at < math.inf:
            return math.inf
        return since + (END_OF_XML_S if any(not leg.over for leg in self.legs) else 0)

    def found(self, action: HttpRequest | OpenStream) -> bool:
        """Whether the address of an action comes from an answer, not from whoever places the call."""
        if not isinstance(self._answer, str):
            return False
        if isinstance(action, OpenStream):
            return action.url != self._addresses.stream_url
        return action.purpose not in ("answer", "fallback", "hangup")

    # ---- outcomes of requests that the driver tells; `connections` takes those of streams

    def answered(
        self, number: int, status: int, body: bytes, now: float, headers: Mapping[str, str] | None = None
    ) -> None:
        """Take the answer to an `HttpRequest`; headers have names in lower case."""
        self._answers.take(self._web.answered(number, status, body, headers or {}, now), now)

    def unanswered(self, number: int, reason: str, now: float, *, connected: bool = False) -> None:
        """Take it that an `HttpRequest` failed, with or without a connection to the server."""
        self._answers.take(self._web.unanswered(number, reason, now, connected=connected), now)

    def abandon(self, now: float) -> None:
        """Take it that what has not been answered by now never will be."""
        for outcome in self._web.abandon():
            self._answers.take(outcome, now)

    # ---- what the program and the legs need

    def open_streams(self) -> list[CarrierStream]:
        """Return the streams that have a connection."""
        return [leg.stream for leg in self.legs if leg.stream is not None]

    def open_stream(self, stream: Stream, now: float, extra_headers: str | None = None) -> Leg | None:
        """Start a stream; None if too many run."""
        return self.connections.ask(stream, now, extra_headers)

    def act(self, action: Action) -> None:
        """Have the driver do it."""
        self._actions.append(action)

    def note(self, name: str, now: float, /, **detail: Any) -> None:
        """Put it into the log."""
        self.log.add(now, "event", name, None, **detail)

    def warn(self, text: str, now: float, degree: str = "note") -> None:
        """Put into the log, once, what is not as documented and went on; degrees are those of a `Finding`."""
        if text not in self._doubts:
            self._doubts.add(text)
            self.note("warning", now, text=text, degree=degree)

    def problem(self, text: str, now: float, purpose: str | None = None, **detail: Any) -> None:
        """Put it into the log, with the purpose of a request that has failed, and into `problems`."""
        self.note("problem", now, problem=text, **({} if purpose is None else {"purpose": purpose}), **detail)
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(text)

    def fetch(self, purpose: str, method: str, url: str, now: float, form: Mapping[str, str] = {}) -> int:
        """Send a request that the program waits for."""
        told = {} if purpose == "play" else {**self.facts.answer_form(), **form}
        return self._web.send(purpose, method, url, told, now)

    def tell(self, method: str, url: str, form: Mapping[str, str], now: float) -> None:
        """Send a request whose answer does not matter."""
        self._web.send("tell", method, url, {**self.facts.answer_form(), **form}, now)

    def stream_began(self, stream: CarrierStream, now: float) -> None:
        """Let a stream that begins in the middle of an announcement carry the rest of it."""
        self.announcer.join(stream, now)

    def transfer(self, method: str, url: str, now: float) -> None:
        """Leave the XML that runs, with its streams, and go on with that of another URL, as the API asks."""
        self.note("transferred", now, url=url)
        for leg in self.legs:
            leg.stop(now, "transferred")
        self.announcer.stop(now)
        self._program.fetch("transfer", method, url, now, afresh=True)

    def play_file(self, url: str, loops: int, now: float) -> None:
        """Play a file to the caller once it has been fetched, beside whatever the XML does, as the API asks."""
        self._answers.loops[self._web.send("file", "GET", url, {}, now)] = loops

    def press(self, digits: str, now: float) -> None:
        """Press keys on the call, as the API asks."""
        self.note("digits", now, digits=digits)
        if self.stream is not None:
            self.stream.digits.extend(digits)

    def status(self, leg: Leg, event: str, now: float, **detail: str) -> None:
        """Send a status callback, if the stream wants them."""
        url = leg.element.status_callback_url
        if url is None or self.ended_at < math.inf:
            return
        form = status_form(
            self.facts,
            event,
            words=self._words,
            stream_id=leg.stream_id,
            element=leg.element,
            extra_headers=leg.extra_headers,
            at_ms=self.epoch_ms(now),
            duration_s=now - leg.started_at if leg.started_at < math.inf else 0.0,
            detail=detail,
        )
        if form is not None:
            self._web.send("callback", leg.element.status_callback_method, url, form, now)

    def epoch_ms(self, now: float) -> int:
        """Return the time of day in milliseconds since 1970."""
        return self._epoch_ms + round((now - self.started_at) * 1000)

    def time_of_day(self, now: float) -> str:
        """Return the date and the time of day, UTC, as the carrier writes them."""
        return datetime.fromtimestamp(self.epoch_ms(now) / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")

    def end_call(self, reason: str, now: float) -> None:
        """Hang up: streams end with it, and nobody is told by a status callback."""
        if self.ended_at < math.inf:
            return
        self.ended_at, self.end_reason = now, reason
        for leg in self.legs:
            leg.stop(now, "hang-up", None)
        self.note("call over", now, reason=reason)
        if self._hangup_url is not None:
            form = {**self.facts.answer_form(), "CallStatus": "completed", "Event": "Hangup", "HangupCauseName": reason}
            form["Duration"] = str(round(now - self.started_at))
            self._web.send("hangup", "POST", self._hangup_url, form, now)

    def next_number(self) -> int:
        """Return a number that no request or connection of this call has had."""
        self._numbers += 1
        return self._numbers
