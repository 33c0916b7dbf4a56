"""Texts from Plivo -> events. A tolerant reader: what can be understood is, and only ProtocolError is raised.

Nearly all messages are well-formed media: those take one typed pass of msgspec and one of base64. Everything else, from
a rare event to a number in quotes that is not a number, goes through `_read`, which looks at an untyped object.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import msgspec

from voiceband.dsp.base64 import base64_decode
from voiceband.formats import PLIVO_FORMATS, AudioFormat, Encoding
from voiceband.protocol.errors import ProtocolError
from voiceband.protocol.events import (
    ClearedAudio,
    Dtmf,
    Error,
    Event,
    IncorrectPayload,
    Media,
    MuteStream,
    PlayedStream,
    PlayFailed,
    Start,
    Stop,
    Unknown,
    UnmuteStream,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

MAX_MESSAGE = 256 * 1024
"""Characters of the longest message that is read by default; Plivo's own limit is 64 KB."""

_TRACKS = frozenset(("inbound", "outbound"))
_DOCUMENTED = (Encoding.L16.value, Encoding.MULAW.value)
_MAX_DOUBT = 120
"""Characters that are quoted of a format that is not understood."""
_NO_SPACE = {ord(space): None for space in " \t\r\n"}
_INT_LIMIT = 2**63
_NUMBER = re.compile(r"\s*[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?\s*\Z", re.ASCII)
_Int = Annotated[int, msgspec.Meta(ge=-_INT_LIMIT, le=_INT_LIMIT - 1)]


class _WireMediaBody(msgspec.Struct, gc=False):
    payload: str
    track: str = "inbound"
    timestamp: _Int | None = None
    chunk: _Int | None = None
    contentType: str | None = None  # noqa: N815
    sampleRate: _Int | None = None  # noqa: N815


class _WireMedia(msgspec.Struct, tag_field="event", tag="media", gc=False):
    streamId: str  # noqa: N815
    media: _WireMediaBody
    sequenceNumber: _Int | None = None  # noqa: N815
    extra_headers: str | None = None


_AS_DOCUMENTED: dict[tuple[str, int | None], AudioFormat] = {
    (wire.mime, wire.sample_rate): wire for wire in PLIVO_FORMATS
}
"""What media say of their format, where they do; what is written otherwise is read by the tolerant path."""

# strict=False reads numbers in quotes, as timestamps come.
_decode_media = msgspec.json.Decoder(_WireMedia, strict=False).decode


def parse(message: str | Buffer, *, max_size: int = MAX_MESSAGE, urlsafe: bool = False) -> Event:
    """Read one message from Plivo.

    Parameters
    ----------
    message : str, bytes, bytearray or memoryview
        The text of one WebSocket message; bytes are UTF-8, a byte-order mark is skipped.
    max_size : int, optional
        Length above which a message is refused unread.
    urlsafe : bool, optional
        Whether payloads may use the URL-safe base64 alphabet (``-`` and ``_``).

    Returns
    -------
    event : Event
        A typed event; one with an unknown name is an `Unknown`, not an error.

    Raises
    ------
    ProtocolError
        If the message is no JSON object, has no event name, or lacks what its event is about; it says what was wrong
        and where, and keeps the message. Nothing else is raised, whatever comes.

    Notes
    -----
    Keeps no state; safe from any thread. Numbers may be in quotes; those that are absent or unreadable become None.
    Payloads may lack padding or hold white space.

    Examples
    --------
    >>> parse('{"event":"playedStream","streamId":"s1","name":"greeting"}').name
    'greeting'
    """
    try:
        # Bytes beyond ASCII take the other path: they might not be UTF-8, and msgspec does not look everywhere.
        if len(message) <= max_size and (message.__class__ is str or message.isascii()):  # type: ignore[arg-type,union-attr]
            wire = _decode_media(message)
            body = wire.media
            track, says = body.track, body.contentType
            return Media(
                base64_decode(body.payload),
                track if track in _TRACKS else _track_named(track),
                body.chunk,
                body.timestamp,
                wire.streamId,
                wire.sequenceNumber,
                wire.extra_headers,
                None if says is None else _AS_DOCUMENTED[says, body.sampleRate],
            )
    except Exception:
        pass  # whatever it is: the other path says what is wrong with it
    return _parse_any(message, max_size, urlsafe)


def _parse_any(message: object, max_size: int, urlsafe: bool) -> Event:
    content = message
    if isinstance(message, str):
        content = str.__str__(message)  # of a class of its own, what it holds
    elif isinstance(message, (bytes, bytearray, memoryview)):
        try:
            content = bytes(memoryview(message))
        except (ValueError, TypeError, BufferError) as error:  # a released view, for one
            raise ProtocolError(f"a message must be text that can be read: {error}", "$", message) from None
    if not isinstance(content, (str, bytes)):
        raise ProtocolError(f"a message must be text, not {type(message).__name__}", "$", message)
    if len(content) > max_size:
        raise ProtocolError(f"a message must not be longer than {max_size}, not {len(content)}", "$", message)
    try:
        return _MessageReader(message, urlsafe).read(_load(content, message))
    except RecursionError:  # to write a part of it again takes more of the stack than to read it
        raise ProtocolError("a message must not be nested so deeply", "$", message) from None


def _load(content: str | bytes, message: object) -> object:
    try:
        if isinstance(content, bytes):
            content = content.decode("utf-8")
        # A lone surrogate cannot be UTF-8, which is what msgspec reads.
        return msgspec.json.decode(content.removeprefix("\ufeff").encode("utf-8"))
    except UnicodeError as error:
        raise ProtocolError(f"a message must be UTF-8: {error.reason}", "$", message) from None  # type: ignore[attr-defined]
    except msgspec.DecodeError as error:
        raise ProtocolError(f"a message must be JSON: {error}", "$", message) from None


class _MessageReader:
    """Reads one untyped message; holds what errors must say."""

    def __init__(self, message: object, urlsafe: bool) -> None:
        self.message = message
        self.urlsafe = urlsafe

    def fail(self, reason: str, where: str = "$") -> NoReturn:
        raise ProtocolError(reason, where, self.message)

    def read(self, raw: object) -> Event:
        if not isinstance(raw, dict):
            self.fail(f"a message must be an object, not {_shown(raw)}")
        name = raw.get("event")
        if not isinstance(name, str):
            self.fail(f"event must be a name, not {_shown(name)}" if "event" in raw else "event is missing", "$.event")
        common: dict[str, Any] = {
            "stream_id": _text(raw, "streamId", "stream_id", "streamSid"),
            "sequence_number": _integer(raw.get("sequenceNumber")),
            "extra_headers": _headers(raw.get("extra_headers")),
        }
        reader = _READERS.get(name)
        if reader is None:
            return Unknown(name=name, raw=raw, **common)
        return reader(self, raw, common)

    def section(self, raw: dict[str, Any], name: str) -> dict[str, Any]:
        body = raw.get(name)
        if not isinstance(body, dict):
            self.fail(
                f"{name} must be an object, not {_shown(body)}" if name in raw else f"{name} is missing", f"$.{name}"
            )
        return body

    def start(self, raw: dict[str, Any], common: dict[str, Any]) -> Start:
        body = raw.get("start")
        body = body if isinstance(body, dict) else {}
        tracks = body.get("tracks")
        custom = body.get("customParameters")
        common["stream_id"] = _text(body, "streamId", "stream_id", "streamSid") or common["stream_id"]
        wire, doubt = _format(body.get("mediaFormat"), "encoding")
        return Start(
            call_id=_text(body, *_CALL_IDS) or _text(raw, *_CALL_IDS),
            account_id=_text(body, "accountId", "account_id"),
            tracks=tuple(t for t in tracks if isinstance(t, str)) if isinstance(tracks, list) else (),
            media_format=wire,
            format_doubt=doubt,
            custom_parameters=custom if isinstance(custom, dict) else {},
            **common,
        )

    def media(self, raw: dict[str, Any], common: dict[str, Any]) -> Media:
        body = self.section(raw, "media")
        wire, doubt = _format(body, "contentType")
        return Media(
            self.payload(body),
            _track(body),
            _integer(body.get("chunk")),
            _integer(body.get("timestamp")),
            media_format=wire,
            format_doubt=doubt,
            **common,
        )

    def payload(self, body: dict[str, Any]) -> bytes:
        where = "$.media.payload"
        text = body.get("payload")
        if not isinstance(text, str):
            self.fail(
                f"payload must be base64 text, not {_shown(text)}" if "payload" in body else "payload is missing", where
            )
        compact = text.translate(_NO_SPACE)
        if self.urlsafe:
            compact = compact.replace("-", "+").replace("_", "/")
        if "=" not in compact:
            if len(compact) % 4 == 1:
                self.fail(f"payload must be base64, which never has {len(compact)} characters", where)
            compact += "=" * (-len(compact) % 4)
        try:
            return base64_decode(compact)
        except ValueError as error:
            self.fail(f"payload is not base64: {error}", where)

    def dtmf(self, raw: dict[str, Any], common: dict[str, Any]) -> Dtmf:
        body = self.section(raw, "dtmf")
        digit = body.get("digit")
        if isinstance(digit, int) and not isinstance(digit, bool) and digit >= 0:
            digit = str(digit)
        if not isinstance(digit, str) or not digit:
            self.fail(f"digit must be one of 0-9*#A-D, not {_shown(digit)}", "$.dtmf.digit")
        return Dtmf(digit=digit, track=_track(body), timestamp_ms=_integer(body.get("timestamp")), **common)

    def played(self, raw: dict[str, Any], common: dict[str, Any]) -> PlayedStream:
        body = raw.get("playedStream")
        where = raw if "name" in raw or not isinstance(body, dict) else body
        name = where.get("name")
        if not isinstance(name, str):
            self.fail(f"name must be a text, not {_shown(name)}" if "name" in where else "name is missing", "$.name")
        return PlayedStream(name=name, **common)

    def cleared(self, _raw: dict[str, Any], common: dict[str, Any]) -> ClearedAudio:
        return ClearedAudio(**common)

    def stop(self, raw: dict[str, Any], common: dict[str, Any]) -> Stop:
        body = raw.get("stop")
        body = body if isinstance(body, dict) else {}
        common["stream_id"] = common["stream_id"] or _text(body, "streamId", "stream_id")
        return Stop(
            call_id=_text(body, *_CALL_IDS) or _text(raw, *_CALL_IDS),
            reason=_text(body, "reason") or _text(raw, "reason"),
            **common,
        )

    def failed(self, raw: dict[str, Any], common: dict[str, Any]) -> PlayFailed:
        return PlayFailed(reason=_reason(raw, "playFailed"), raw=raw, **common)

    def refused(self, raw: dict[str, Any], common: dict[str, Any]) -> IncorrectPayload:
        return IncorrectPayload(reason=_reason(raw, "incorrectPayload"), raw=raw, **common)

    def mute(self, _raw: dict[str, Any], common: dict[str, Any]) -> MuteStream:
        return MuteStream(**common)

    def unmute(self, _raw: dict[str, Any], common: dict[str, Any]) -> UnmuteStream:
        return UnmuteStream(**common)

    def error(self, raw: dict[str, Any], common: dict[str, Any]) -> Error:
        return Error(reason=_reason(raw, "error"), raw=raw, **common)


_READERS: dict[str, Callable[[_MessageReader, dict[str, Any], dict[str, Any]], Event]] = {
    "start": _MessageReader.start,
    "media": _MessageReader.media,
    "dtmf": _MessageReader.dtmf,
    "playedStream": _MessageReader.played,
    "played": _MessageReader.played,  # as an older document spells it
    "clearedAudio": _MessageReader.cleared,
    "stop": _MessageReader.stop,
    "playFailed": _MessageReader.failed,
    "incorrectPayload": _MessageReader.refused,
    "muteStream": _MessageReader.mute,
    "unmuteStream": _MessageReader.unmute,
    "error": _MessageReader.error,
}
_CALL_IDS = ("callId", "callUUID", "call_uuid", "callSid")


def _shown(value: object) -> str:
    """Name a value in an error: short ones whole, long ones by their beginning, containers by type."""
    if isinstance(value, (dict, list)):
        return {"dict": "an object", "list": "an array"}[type(value).__name__]
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _text(raw: dict[str, Any], *names: str) -> str | None:
    for name in names:
        value = raw.get(name)
        if isinstance(value, str):
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
    return None


def _integer(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        if not _NUMBER.match(value) or len(value) > 40:
            return None
        value = float(value) if set(value) & set(".eE") else int(value)
    if isinstance(value, float):
        value = int(value) if value.is_integer() and abs(value) < _INT_LIMIT else None
    return value if isinstance(value, int) and -_INT_LIMIT <= value < _INT_LIMIT else None


def _headers(value: object) -> str | None:
    if isinstance(value, dict):
        return msgspec.json.encode(value).decode()
    return value if isinstance(value, str) else None


def _track(body: dict[str, Any]) -> str:
    track = body.get("track")
    return _track_named(track) if isinstance(track, str) else "inbound"


def _track_named(name: str) -> str:
    """Return "inbound" or "outbound" for the spellings that are seen of them; any other name as it is."""
    plain = name.strip().lower().removesuffix("_track")
    return plain if plain in _TRACKS else name if plain else "inbound"


def _format(body: object, key: str) -> tuple[AudioFormat | None, str | None]:
    """Read an encoding (under `key`) and a sampleRate.

    Returns
    -------
    format : AudioFormat or None
        What the two make; None when they make none, or nothing is said.
    doubt : str or None
        What was written, where it is not spelt as documented, so that `format` is a guess.
    """
    if isinstance(body, str):
        body = {key: body}
    if not isinstance(body, dict):
        return None, None
    written = {name: body[name] for name in (key, "type", "sampleRate", "rate") if body.get(name) is not None}
    text, rate = written.get(key, written.get("type")), written.get("sampleRate", written.get("rate"))
    if key == "contentType" and "contentType" not in written:
        return None, None  # a message that says nothing is in the stream's format
    doubt = msgspec.json.encode(written).decode()[:_MAX_DOUBT]
    if not isinstance(text, str):
        return None, doubt
    try:
        wire = AudioFormat.parse(text, _integer(rate))
    except ValueError:
        try:
            wire = AudioFormat.parse(text, 8000)  # a bare L16 is 8 kHz
        except ValueError:
            return None, doubt
        return wire, doubt
    documented = text.split(";")[0] in _DOCUMENTED and (rate is None or _integer(rate) is not None)
    stated = "sampleRate" in written or ";" in text or wire.encoding is not Encoding.L16
    wire = _AS_DOCUMENTED.get((wire.mime, wire.sample_rate), wire)  # the very one that a session compares with
    return wire, None if documented and stated and key in written else doubt


def _reason(raw: dict[str, Any], section: str) -> str | None:
    body = raw.get(section)
    if isinstance(body, dict):
        return _text(body, "reason", "message") or _text(raw, "reason", "message")
    return body if isinstance(body, str) else _text(raw, "reason", "message")
