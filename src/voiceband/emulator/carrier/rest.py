"""The carrier's REST API for the phone calls of one account, sans-IO: a request in, an answer out."""

from __future__ import annotations

import base64
import hmac
import random
import warnings
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

import msgspec

from voiceband._values import read_int
from voiceband.emulator.carrier import rest_calls
from voiceband.emulator.carrier.message_writer import random_uuid
from voiceband.markup import Stream

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from voiceband.emulator.carrier.carrier import Carrier
    from voiceband.emulator.carrier.leg import Leg

MAX_BODY_BYTES = 64 * 1024
MAX_PAGE = 20

_WIRE_NAMES = {
    "bidirectional": "bidirectional",
    "audio_track": "audioTrack",
    "stream_timeout": "streamTimeout",
    "status_callback_url": "statusCallbackUrl",
    "status_callback_method": "statusCallbackMethod",
    "content_type": "contentType",
    "extra_headers": "extraHeaders",
    "noise_cancellation": "noiseCancellation",
    "noise_cancellation_level": "noiseCancellationLevel",
}
_HARMLESS = ("service_url", "call_uuid", "cx_bot")
"""What the official package sends beside them."""


class Answer(msgspec.Struct, frozen=True):
    """A status, and a body: JSON, or nothing with 204."""

    status: int
    body: bytes


class _ProblemError(Exception):
    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class RestApi:
    """What ``api.plivo.com`` is to the calls of one account.

    Parameters
    ----------
    auth_id, auth_token : str
        Of the account: user and password of every request.
    carriers : iterable of Carrier, optional
        Its calls; `add` takes more.
    seed : int, optional
        Of the ``api_id`` of answers.
    """

    def __init__(
        self, auth_id: str, auth_token: str, carriers: Iterable[Carrier] = (), *, seed: int | None = None
    ) -> None:
        self.auth_id = auth_id
        self._credentials = base64.b64encode(f"{auth_id}:{auth_token}".encode())
        self._carriers = {carrier.call_id: carrier for carrier in carriers}
        self._random = random.Random(seed)

    def add(self, carrier: Carrier) -> None:
        """Answer for one more call."""
        self._carriers[carrier.call_id] = carrier

    def answer(
        self, method: str, path: str, now: float, *, query: str = "", headers: Mapping[str, str], body: bytes = b""
    ) -> Answer:
        """Answer one request.

        Parameters
        ----------
        method : str
            GET, POST or DELETE.
        path, query : str
            As they came, quoted.
        now : float
            The time of the calls.
        headers : mapping of str to str
            With names in lower case.
        body : bytes, optional
            JSON, with POST.

        Returns
        -------
        answer : Answer
            Whatever the request is: 401 without the account's credentials, 404 for what there is not (also for a call
            that has ended), 405 for another method, 400 for a body that breaks a rule or a URL that is streamed to
            already.
        """
        try:
            self._check(headers.get("authorization", ""))
            if len(body) > MAX_BODY_BYTES:
                raise _ProblemError(400, f"the body must have at most {MAX_BODY_BYTES} bytes, not {len(body)}")
            return self._route(method, path, query, body, now)
        except _ProblemError as error:
            return self._reply(error.status, {"error": str(error)})

    def _check(self, authorization: str) -> None:
        scheme, _, given = authorization.partition(" ")
        known = hmac.compare_digest(given.strip().encode("utf-8", "replace"), self._credentials)
        if scheme.lower() != "basic" or not known:
            raise _ProblemError(401, "Could not verify your access level for that URL.")

    def _route(self, method: str, path: str, query: str, body: bytes, now: float) -> Answer:
        parts = [unquote(part) for part in path.strip("/").split("/")]
        if not 4 <= len(parts) <= 7 or parts[:4] != ["v1", "Account", self.auth_id, "Call"]:
            raise _ProblemError(404, f"there is nothing at {path}")
        queued = parse_qs(query).get("status") == ["queued"]  # as no call here ever is
        if len(parts) == 4:
            _allow(method, "GET")
            live = [] if queued else [carrier.call_id for carrier in self._carriers.values() if _runs(carrier, now)]
            return self._reply(200, {"calls": live})
        carrier = self._carriers.get(parts[4])
        if carrier is None or not _runs(carrier, now) or (queued and len(parts) == 5):
            raise _ProblemError(404, f"call {parts[4]} is not there, or over")
        if len(parts) == 5 or parts[5] in rest_calls.OPERATIONS:
            operation = "" if len(parts) == 5 else parts[5]
            if len(parts) == 7:
                raise _ProblemError(404, f"there is nothing at {path}")
            _allow(method, *rest_calls.METHODS[operation])
            try:
                status, content = rest_calls.operate(carrier, operation, method, body, now)
            except (TypeError, ValueError) as error:
                raise _ProblemError(400, str(error)) from None
            return Answer(204, b"") if content is None else self._reply(status, content)
        if parts[5] != "Stream":
            raise _ProblemError(404, f"there is nothing at {path}")
        if len(parts) == 7:
            _allow(method, "GET", "DELETE")
            leg = next((leg for leg in carrier.legs if leg.stream_id == parts[6]), None)
            if leg is None:
                raise _ProblemError(404, f"stream {parts[6]} is not there")
            if method == "GET":
                return self._reply(200, self._described(carrier, leg, now))
            leg.stop(now, "API request")
            return Answer(204, b"")
        _allow(method, "GET", "POST", "DELETE")
        if method == "GET":
            return self._reply(200, self._page(carrier, query, path, now))
        if method == "POST":
            return self._reply(202, self._start(carrier, body, now))
        for leg in carrier.legs:
            leg.stop(now, "API request")
        return Answer(204, b"")

    def _start(self, carrier: Carrier, body: bytes, now: float) -> dict[str, Any]:
        try:
            given = rest_calls.read_object(body)
            if not isinstance(given.get("service_url"), str):
                raise ValueError("the body must have a service_url")
            stream = _read_stream(given)
        except (TypeError, ValueError) as error:
            raise _ProblemError(400, str(error)) from None
        for name in given:
            if name not in _WIRE_NAMES and name not in _HARMLESS:
                carrier.problem(f"a request to start a stream has the unknown parameter {name[:60]}", now)
        if any(leg.element.url == stream.url and not leg.over for leg in carrier.legs):
            raise _ProblemError(400, f"a stream to {stream.url} is active already")
        leg = carrier.open_stream(stream, now)
        if leg is None:
            raise _ProblemError(400, "the call has as many streams as it may")
        return {"message": "audio streaming started", "stream_id": leg.stream_id}

    def _page(self, carrier: Carrier, query: str, path: str, now: float) -> dict[str, Any]:
        given = {name: values[0] for name, values in parse_qs(query).items()}
        limit, offset = read_int(given.get("limit", MAX_PAGE)), read_int(given.get("offset", 0))
        if limit is None or not 1 <= limit <= MAX_PAGE:
            raise _ProblemError(400, f"limit must be 1 to {MAX_PAGE}, not {given['limit']}")
        if offset is None or offset < 0:
            raise _ProblemError(400, f"offset must be 0 or more, not {given['offset']}")
        total = len(carrier.legs)
        before, after = max(0, offset - limit), offset + limit
        meta = {
            "limit": limit,
            "offset": offset,
            "previous": f"{path}?limit={limit}&offset={before}" if offset else None,
            "next": f"{path}?limit={limit}&offset={after}" if after < total else None,
            "total_count": total,
        }
        return {"meta": meta, "objects": [self._described(carrier, leg, now) for leg in carrier.legs[offset:after]]}

    def _described(self, carrier: Carrier, leg: Leg, now: float) -> dict[str, Any]:
        def time(at: float) -> str | None:
            return datetime.fromtimestamp(carrier.epoch_ms(at) / 1000, UTC).isoformat() if at <= now else None

        seconds = max(0.0, min(now, leg.ended_at) - leg.started_at) if leg.started_at <= now else 0.0
        status = "completed" if leg.over else "in-progress" if leg.live else "initiated"
        return {
            "stream_id": leg.stream_id,
            "call_uuid": carrier.call_id,
            "plivo_auth_id": carrier.auth_id,
            "service_url": leg.element.url,
            "bidirectional": leg.element.bidirectional,
            "audio_track": leg.element.audio_track,
            "content_type": str(leg.element.content_type),
            "status": status,
            "status_callback_url": leg.element.status_callback_url,
            "created_at": time(leg.created_at),
            "start_time": time(leg.started_at),
            "end_time": time(leg.ended_at),
            "bill_duration": int(seconds),
            "rounded_bill_duration": -(-int(seconds) // 60) * 60,
            "billed_amount": "0.00000",
            "resource_uri": f"/v1/Account/{carrier.auth_id}/Call/{carrier.call_id}/Stream/{leg.stream_id}/",
        }

    def _reply(self, status: int, content: dict[str, Any]) -> Answer:
        return Answer(status, msgspec.json.encode({"api_id": random_uuid(self._random), **content}))


def _runs(carrier: Carrier, now: float) -> bool:
    return carrier.started_at <= now < carrier.ended_at


def _allow(method: str, *allowed: str) -> None:
    if method not in allowed:
        raise _ProblemError(405, f"{method} is not allowed here; allowed are {', '.join(allowed)}")


def _read_stream(given: dict[str, Any]) -> Stream:
    """Return the stream that a request asks for; ValueError says what is wrong with it."""
    attributes: dict[str, str] = {}
    for name, wire in _WIRE_NAMES.items():
        value = given.get(name)
        if value is None:
            continue
        if not isinstance(value, (str, bool, int)):
            raise ValueError(f"{name} must be a text, a number or a flag, not {value!r:.60}")
        attributes[wire] = str(value).lower() if isinstance(value, bool) else str(value)
    with warnings.catch_warnings():
        # What the warnings say is for the one who writes the request, who is at the other end.
        warnings.simplefilter("ignore")
        return Stream.from_wire(given["service_url"], attributes)
