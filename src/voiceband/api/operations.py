"""Every request and what its answer means, without sending anything: what the two clients share."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote, urlsplit

import msgspec

from voiceband._checks import check_integer
from voiceband.api.errors import MAX_BODY_CHARS, ApiConnectionError, ApiError
from voiceband.api.records import StartedStream, StreamInfo, StreamPage
from voiceband.markup import Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

BASE_URL = "https://api.plivo.com"


@dataclass(frozen=True, slots=True)
class Operation(Generic[T]):
    """One request, and what reads its answer: `read` gets the status and the object in the body."""

    what: str
    method: str
    url: str
    read: Callable[[int, dict[str, Any]], T]
    json: Mapping[str, Any] | None = None
    query: Mapping[str, int] | None = None
    fine: tuple[int, ...] = ()
    """Statuses that are no error, beside 200 to 299."""
    has_body: bool = True


class Operations:
    """Builds the requests of one account and reads their answers."""

    def __init__(self, auth_id: str | None, auth_token: str | None, base_url: str) -> None:
        self._auth_id = _credential("auth_id", auth_id, "PLIVO_AUTH_ID")
        self._auth_token = _credential("auth_token", auth_token, "PLIVO_AUTH_TOKEN")
        if not isinstance(base_url, str):
            raise TypeError(f"base_url must be like {BASE_URL!r}, not {type(base_url).__name__}")
        try:
            parts = urlsplit(base_url)
            whole = parts.scheme in ("https", "http") and bool(parts.hostname) and "@" not in parts.netloc
        except ValueError:
            whole = False
        if not whole or parts.query or parts.fragment:
            raise ValueError(f"base_url must be like {BASE_URL!r}, without credentials or a query")
        self.base_url = base_url.rstrip("/")
        pair = base64.b64encode(f"{self._auth_id}:{self._auth_token}".encode()).decode()
        self._secrets = (pair, self._auth_token, self._auth_id)

    @property
    def auth(self) -> tuple[str, str]:
        """User and password of HTTP's basic authentication."""
        return self._auth_id, self._auth_token

    def start_stream(self, call_id: str, stream: Stream | str) -> Operation[StartedStream]:
        """POST to the call's streams; needs a stream_id in the answer."""
        if isinstance(stream, str):
            stream = Stream(stream)
        elif not isinstance(stream, Stream):
            raise TypeError(f"stream must be a Stream or its URL, not {stream!r}")
        given = stream.attributes
        if "keepCallAlive" in given:
            raise ValueError("stream must not have keep_call_alive: no XML follows a stream that the API starts")
        body: dict[str, Any] = {"service_url": stream.url}
        if "bidirectional" in given:
            body["bidirectional"] = stream.bidirectional
        if "streamTimeout" in given:
            body["stream_timeout"] = stream.stream_timeout
        for wire, name in _TEXTS.items():
            if wire in given:
                body[name] = given[wire]
        if "noiseCancellationLevel" in given:
            body["noise_cancellation_level"] = stream.noise_cancellation_level
        return Operation(
            f"start a stream of call {call_id!r}",
            "POST",
            self._url(call_id, "Stream"),
            lambda _, answer: StartedStream.from_json(answer),
            json=body,
        )

    def list_streams(self, call_id: str, limit: int | None, offset: int | None) -> Operation[StreamPage]:
        """GET the call's streams."""
        query = {}
        for name, value, low in (("limit", limit, 1), ("offset", offset, 0)):
            if value is None:
                continue
            query[name] = check_integer(name, value, low)
        return Operation(
            f"list the streams of call {call_id!r}",
            "GET",
            self._url(call_id, "Stream"),
            lambda _, answer: StreamPage.from_json(answer),
            query=query,
        )

    def get_stream(self, call_id: str, stream_id: str) -> Operation[StreamInfo]:
        """GET one stream."""
        return Operation(
            f"read stream {stream_id!r} of call {call_id!r}",
            "GET",
            self._url(call_id, "Stream", stream_id),
            lambda _, answer: StreamInfo.from_json(answer),
        )

    def stop_stream(self, call_id: str, stream_id: str) -> Operation[None]:
        """DELETE one stream."""
        return Operation(
            f"stop stream {stream_id!r} of call {call_id!r}",
            "DELETE",
            self._url(call_id, "Stream", stream_id),
            lambda *_: None,
            has_body=False,
        )

    def stop_all_streams(self, call_id: str) -> Operation[None]:
        """DELETE the call's streams."""
        return Operation(
            f"stop the streams of call {call_id!r}",
            "DELETE",
            self._url(call_id, "Stream"),
            lambda *_: None,
            has_body=False,
        )

    def hangup(self, call_id: str) -> Operation[bool]:
        """DELETE the call; 404 means that it was over already."""
        return Operation(
            f"hang up call {call_id!r}",
            "DELETE",
            self._url(call_id),
            lambda status, _: status != 404,
            fine=(404,),
            has_body=False,
        )

    def finish(self, operation: Operation[T], status: int, body: bytes) -> T:
        """Return what an answer means, or raise `ApiError`."""
        if not (200 <= status < 300 or status in operation.fine):
            raise ApiError(self._scrub(operation.what), status, self._excerpt(body))
        answer: object = {}
        if operation.has_body:
            try:
                answer = msgspec.json.decode(body)
                if not isinstance(answer, dict):
                    raise ValueError("the answer is no JSON object")
                return operation.read(status, answer)
            except (ValueError, RecursionError) as error:
                text = f"{error}: {self._excerpt(body)}"
            raise ApiError(self._scrub(operation.what), status, self._scrub(text)[:MAX_BODY_CHARS])
        return operation.read(status, {})

    def no_answer(self, operation: Operation[Any], error: Exception) -> ApiConnectionError:
        """Return the error to raise when no answer came."""
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return ApiConnectionError(self._scrub(operation.what), None, self._scrub(text)[:MAX_BODY_CHARS])

    def _url(self, call_id: str, *others: str) -> str:
        ids = [_identifier("call_id", call_id), *(_identifier("stream_id", other) for other in others)]
        return f"{self.base_url}/v1/Account/{quote(self._auth_id, safe='')}/Call/{'/'.join(ids)}/"

    def _excerpt(self, body: bytes) -> str:
        # Scrubbed before it is cut: half a token is a secret too.
        return self._scrub(" ".join(body[: 64 * 1024].decode("utf-8", "replace").split()))[:MAX_BODY_CHARS]

    def _scrub(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


# Attributes that are texts in the request too. Noise cancellation is documented as a text, unlike the other switches.
_TEXTS = {
    "audioTrack": "audio_track",
    "statusCallbackUrl": "status_callback_url",
    "statusCallbackMethod": "status_callback_method",
    "contentType": "content_type",
    "extraHeaders": "extra_headers",
    "noiseCancellation": "noise_cancellation",
}


def _credential(name: str, value: str | None, variable: str) -> str:
    value = os.environ.get(variable) if value is None else value
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{name} must be a text, not {type(value).__name__}")
    if value is None or not value.strip():
        raise ValueError(f"{name} must be given, or be in the environment as {variable}")
    return value.strip()


def _identifier(name: str, value: str) -> str:
    """Return an identifier as one segment of a path, which it must not leave."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {value!r}")
    if not value.strip() or value in (".", ".."):
        raise ValueError(f"{name} must be an identifier, not {value!r}")
    return quote(value, safe="")
