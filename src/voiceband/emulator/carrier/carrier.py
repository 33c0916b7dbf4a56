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

import numpy as np

from voiceband.emulator.carrier.actions import Action, CloseStream, OpenStream
from voiceband.emulator.carrier.announcements import Announcer, murmur, read_sound
from voiceband.emulator.carrier.carrier_stream import MAX_PROBLEMS, CarrierStream
from voiceband.emulator.carrier.leg import Leg, Retries
from voiceband.emulator.carrier.log import CallLog
from voiceband.emulator.carrier.messages import random_uuid, start_epoch_ms
from voiceband.emulator.carrier.program import Program
from voiceband.emulator.carrier.signing import CallFacts, Signer, status_form
from voiceband.markup import Response, Stream
from voiceband.markup.rules import method as check_method
from voiceband.markup.rules import url as check_url

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

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
        if words not in ("StartStream", "started"):
            raise ValueError(f"words must be 'StartStream' or 'started', not {words!r}")
        if direction not in ("inbound", "outbound"):
            raise ValueError(f"direction must be 'inbound' or 'outbound', not {direction!r}")
        unknown = set(stream_options) - {"playout_delay_ms", "frame_ms", "profile", "send_stop", "max_backlog_s"}
        if unknown:
            raise TypeError(f"Carrier has no option {min(unknown)!r}")
        CarrierStream(**stream_options)  # refuses bad options now, not in the middle of a call
        self.log = CallLog() if log is None else log
        self.auth_id, self.auth_token = auth_id, auth_token
        self.legs: list[Leg] = []
        self.streams: list[CarrierStream] = []
        self.problems: list[str] = []
        self.started_at = math.inf
        self.ended_at = math.inf
        self.end_reason = ""
        self._random = random.Random(seed)
        self._epoch_ms = start_epoch_ms(epoch_ms, seed)
        self.call_id = random_uuid(self._random)
        self.facts = CallFacts(self.call_id, from_number, to_number, direction)
        self._signer = Signer(auth_token, self._random)
        self._answer = answer
        self._method = check_method("method", method) or "POST"
        self._retries, self._words, self._max_streams = retries, words, max_streams
        self._announcer = Announcer(speech)
        self.announced = self._announcer.played
        self._source, self._on_stream = source, on_stream
        self._stream_options = stream_options
        self._program = Program(self)
        self._numbers = 0
        self._links: dict[int, Leg] = {}  # by the connection's number, while it is there or being made
        self._connected: dict[int, CarrierStream] = {}
        self._requests: dict[int, tuple[str, str]] = {}  # purpose and address of those that are on their way
        self._files: dict[int, int] = {}  # how often each that the API asked for is to be played
        self._actions: list[Action] = []

    # ---- the phone call

    @property
    def stream(self) -> CarrierStream | None:
        """The stream that has a connection now; None without one."""
        return next((leg.stream for leg in reversed(self.legs) if leg.live), None)

    def start(self, now: float) -> None:
        """Ring; RuntimeError the second time."""
        if self.started_at < math.inf:
            raise RuntimeError("the call has started already; make another Carrier for another call")
        self.started_at = now
        self.note("phone call", now, call_id=self.call_id)
        if isinstance(self._answer, str):
            self._program.fetch("answer", self._method, self._answer, now)
        else:
            self._program.load(self._answer if isinstance(self._answer, Response) else Response(self._answer))

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
            if self._xml_end <= now:
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
        due = math.inf
        for leg in self.legs:
            due = min(due, leg.next_poll)
        if self.ended_at < math.inf or self.started_at == math.inf:
            return due
        return min(due, self._program.next_poll, self._xml_end)

    @property
    def done(self) -> bool:
        """Whether the call has ended and everything that it asked for has been handed out and answered."""
        return self.ended_at < math.inf and not self._actions and not self._requests and self.stream is None

    @property
    def _xml_end(self) -> float:
        """When the call ends for want of elements: at once if nothing runs, soon if a stream does."""
        since = self._program.ended_at
        if since == math.inf or self.ended_at < math.inf:
            return math.inf
        return since + (END_OF_XML_S if any(not leg.over for leg in self.legs) else 0)

    # ---- outcomes that the driver tells

    def answered(self, number: int, status: int, body: bytes, now: float) -> None:
        """Take the answer to an `HttpRequest`."""
        purpose, url = self._requests.pop(number, (None, ""))
        if purpose is None:
            return
        self.note("HTTP answer", now, number=number, purpose=purpose, status=status)
        if purpose == "callback":
            if not 200 <= status < 300:
                self.problem(f"{url}: a status callback was answered with HTTP {status}", now, purpose)
        elif purpose == "file":
            self._play_answer(self._files.pop(number), url, status, body, now)
        elif self.ended_at == math.inf:
            self._program.answered(purpose, status, body, now)

    def unanswered(self, number: int, reason: str, now: float) -> None:
        """Take it that an `HttpRequest` failed."""
        purpose, _url = self._requests.pop(number, (None, ""))
        if purpose is None:
            return
        self.note("HTTP failure", now, number=number, purpose=purpose, reason=reason)
        if purpose == "callback":
            self.problem(f"a status callback got no answer: {reason}", now, purpose)
        elif purpose == "file":
            self._files.pop(number)
            self.problem(f"a file cannot be played: {reason}", now)
        elif self.ended_at == math.inf:
            self._program.failed(purpose, reason, now)

    def _play_answer(self, loops: int, url: str, status: int, body: bytes, now: float) -> None:
        if self.ended_at < math.inf:
            return
        try:
            if not 200 <= status < 300:
                raise ValueError(f"it was answered with HTTP {status}")
            pcm = read_sound(body)
        except ValueError as error:
            self.problem(f"a file cannot be played: {url}: {error}", now)
        else:
            self.announce(np.tile(pcm, loops), now)

    def opened(self, number: int, now: float) -> None:
        """Take a connection that an `OpenStream` led to."""
        leg = self._links.get(number)
        if leg is None:
            self.act(CloseStream(number))
        else:
            leg.opened(now)
            self._connected[number] = self.streams[-1]

    def refused(self, number: int, reason: str, now: float) -> None:
        """Take it that an `OpenStream` failed."""
        leg = self._links.pop(number, None)
        if leg is not None:
            leg.refused(reason, now)

    def received(self, number: int, message: object, now: float) -> None:
        """Take a message of the agent."""
        # Also when this side has closed the connection, since what an agent still says belongs into the log.
        stream = self._connected.get(number)
        if stream is not None:
            stream.receive(message, now)

    def backed_up(self, number: int, backlog_s: float, now: float) -> None:
        """Tell how old the oldest message is that a connection has not taken, as `CarrierStream.backed_up` wants it."""
        leg = self._links.get(number)
        if leg is not None and leg.stream is not None:
            leg.stream.backed_up(backlog_s, now)

    def closed(self, number: int, now: float, *, proper: bool, code: int | None = None, reason: str = "") -> None:
        """Take the end of a connection that this side did not close; proper, if a close frame came."""
        leg = self._links.pop(number, None)
        if leg is not None:
            leg.closed(proper, code, reason, now)

    # ---- what the program and the legs need

    def act(self, action: Action) -> None:
        """Have the driver do it."""
        if isinstance(action, CloseStream):
            self._links.pop(action.id, None)
        self._actions.append(action)

    def note(self, name: str, now: float, /, **detail: Any) -> None:
        """Put it into the log."""
        self.log.add(now, "event", name, None, **detail)

    def problem(self, text: str, now: float, purpose: str | None = None) -> None:
        """Put it into the log, with the purpose of a request that has failed, and into `problems`."""
        self.note("problem", now, problem=text, **({} if purpose is None else {"purpose": purpose}))
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(text)

    def fetch(self, purpose: str, method: str, url: str, now: float) -> int:
        """Send a request that the program waits for."""
        form = {} if purpose == "play" else self.facts.answer_form()
        return self._request(purpose, method, url, form, now)

    def _request(self, purpose: str, method: str, url: str, form: dict[str, str], now: float) -> int:
        number = self._number()
        self._requests[number] = purpose, url
        self.note("HTTP request", now, number=number, purpose=purpose, method=method, url=url)
        self.act(self._signer.request(number, purpose, method, url, form))
        return number

    def open_stream(self, stream: Stream, now: float) -> Leg | None:
        """Start a stream; None if too many run."""
        if sum(not leg.over for leg in self.legs) >= self._max_streams:
            self.problem(f"a <Stream> is left out: the call has {self._max_streams} running already", now)
            return None
        leg = Leg(self, stream, random_uuid(self._random), self._retries, now)
        self.legs.append(leg)
        return leg

    def connect_action(self, leg: Leg) -> OpenStream:
        """Return a signed upgrade."""
        number = self._number()
        self._links[number] = leg
        return OpenStream(number, leg.element.url, self._signer.headers("GET", leg.element.url))

    def make_stream(self, leg: Leg, now: float) -> CarrierStream:
        """Return the stream of a connection."""
        if leg.started_at < math.inf and self._retries.new_stream_id:
            leg.stream_id = random_uuid(self._random)
        stream = CarrierStream(
            element=leg.element,
            call_id=self.call_id,
            stream_id=leg.stream_id,
            account_id=self.auth_id,
            epoch_ms=self.epoch_ms(now),
            source=None if self._source is None else self._source(leg.element.content_type),
            log=self.log,
            on_event=leg.happened,
            **self._stream_options,
        )
        self.streams.append(stream)
        if self._on_stream is not None:
            self._on_stream(stream, now)
        return stream

    def stream_began(self, stream: CarrierStream, now: float) -> None:
        """Let a stream that begins in the middle of an announcement carry the rest of it."""
        self._announcer.join(stream, now)

    def announce(self, pcm: NDArray[np.int16], now: float) -> None:
        """Play samples at 16 kHz to the caller."""
        ms = self._announcer.play(pcm, [leg.stream for leg in self.legs if leg.stream is not None], now)
        self.note("announcement", now, ms=ms)

    def silence(self, now: float) -> None:
        """End what the carrier itself plays to the caller."""
        self._announcer.stop([leg.stream for leg in self.legs if leg.stream is not None], now)

    def transfer(self, method: str, url: str, now: float) -> None:
        """Leave the XML that runs, with its streams, and go on with that of another URL, as the API asks."""
        self.note("transferred", now, url=url)
        for leg in self.legs:
            leg.stop(now, "transferred")
        self.silence(now)
        self._program.fetch("transfer", method, url, now, afresh=True)

    def play_file(self, url: str, loops: int, now: float) -> None:
        """Play a file to the caller once it has been fetched, beside whatever the XML does, as the API asks."""
        number = self._request("file", "GET", url, {}, now)
        self._files[number] = loops

    def press(self, digits: str, now: float) -> None:
        """Press keys on the call, as the API asks."""
        self.note("digits", now, digits=digits)
        if self.stream is not None:
            self.stream.digits.extend(digits)

    def speech(self, text: str, language: str | None, now: float) -> NDArray[np.int16]:
        """Read a text, or stand in for it where it cannot be read."""
        pcm, problem = self._announcer.read(text, language)
        if problem:
            self.problem(f"a text cannot be read aloud: {problem}", now)
        return pcm

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
            at_ms=self.epoch_ms(now),
            duration_s=now - leg.started_at if leg.started_at < math.inf else 0.0,
            detail=detail,
        )
        if form is not None:
            self._request("callback", leg.element.status_callback_method, url, form, now)

    def epoch_ms(self, now: float) -> int:
        """Return the time of day in milliseconds since 1970."""
        return self._epoch_ms + round((now - self.started_at) * 1000)

    def time_of_day(self, now: float) -> str:
        """Return the date and the time of day, UTC, as the carrier writes them."""
        return datetime.fromtimestamp(self.epoch_ms(now) / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")

    def caller_hung_up(self, now: float) -> None:
        """End the call as its caller asked through a `CarrierStream`."""
        self.end_call("caller", now)

    def end_call(self, reason: str, now: float) -> None:
        """Hang up: streams end with it, and nobody is told by a status callback."""
        if self.ended_at < math.inf:
            return
        self.ended_at, self.end_reason = now, reason
        for leg in self.legs:
            leg.stop(now, "hang-up", None)
        self.note("call over", now, reason=reason)

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers
