"""What Plivo posts to a stream's status callback."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from voiceband._values import read_bool, read_float, read_format, read_int, read_text, read_time
from voiceband.callbacks.forms import Form, form_pairs
from voiceband.formats import AudioFormat
from voiceband.protocol.extra_headers import parse_extra_headers

if TYPE_CHECKING:
    from collections.abc import Mapping


class StreamState(enum.StrEnum):
    """What became of a stream, in one vocabulary for the two that are sent."""

    STARTED = "started"
    """``StartStream`` or ``started``."""
    STOPPED = "stopped"
    """``StopStream`` or ``stopped``."""
    FAILED = "failed"
    """``failed``: no connection was made."""
    DROPPED = "dropped"
    """``DroppedStream``: the connection was lost, or was too slow."""
    DEGRADED = "degraded"
    """``DegradedStream``: audio piles up, for the connection is slow."""
    PLAYED = "played"
    """``PlayedStream``: a checkpoint has been played."""
    CLEARED = "cleared"
    """``ClearedAudio``: the audio that was waiting is dropped."""
    UNKNOWN = "unknown"
    """Anything else; see `StatusCallback.event_name`."""


_STATES = {
    "startstream": StreamState.STARTED,
    "started": StreamState.STARTED,
    "stopstream": StreamState.STOPPED,
    "stopped": StreamState.STOPPED,
    "failed": StreamState.FAILED,
    "droppedstream": StreamState.DROPPED,
    "degradedstream": StreamState.DEGRADED,
    "playedstream": StreamState.PLAYED,
    "clearedaudio": StreamState.CLEARED,
}

# What else a parameter has been called, without case, "_" and "-".
_ALIASES = {"callid": "calluuid", "streamuuid": "streamid"}


class StatusCallback(msgspec.Struct, frozen=True, kw_only=True):
    """One status callback; what it did not say, or said in a way that cannot be read, is None.

    Its text leaves out telephone numbers, addresses and extra headers, so that it can go to a log.

    Attributes
    ----------
    event : StreamState
        What happened.
    event_name : str or None
        The event as it was sent.
    call_id, stream_id : str or None
        ``CallUUID`` and ``StreamID``.
    timestamp : datetime or None
        When, with a time zone; a time that was sent without one is taken as UTC.
    from_number, to_number, direction : str or None
        Of the call.
    service_url : str or None
        Where the stream goes.
    name : str or None
        The checkpoint, of `StreamState.PLAYED`.
    error : str or None
        Why the stream was dropped.
    status_reason : str or None
        Such as "completed" and "connection_failed".
    duration_s : float or None
        How long the stream was, in seconds.
    bidirectional, audio_track, stream_timeout, content_type, keep_call_alive, extra_headers : optional
        The stream's attributes, where they are repeated; the headers raw, see `headers`.
    noise_cancellation, noise_cancellation_level, status_callback_url, status_callback_method : optional
        More of them.
    parameters : dict of str to str
        Everything as it was sent, also what has no field here. The first of several equal names counts.
    """

    event: StreamState
    event_name: str | None = None
    call_id: str | None = None
    stream_id: str | None = None
    timestamp: datetime | None = None
    from_number: str | None = None
    to_number: str | None = None
    direction: str | None = None
    service_url: str | None = None
    name: str | None = None
    error: str | None = None
    status_reason: str | None = None
    duration_s: float | None = None
    bidirectional: bool | None = None
    audio_track: str | None = None
    stream_timeout: int | None = None
    content_type: AudioFormat | None = None
    keep_call_alive: bool | None = None
    extra_headers: str | None = None
    noise_cancellation: bool | None = None
    noise_cancellation_level: int | None = None
    status_callback_url: str | None = None
    status_callback_method: str | None = None
    parameters: dict[str, str] = {}

    @classmethod
    def parse(cls, form_or_query: Form) -> StatusCallback:
        """Read a callback.

        Names are read in any case, with or without ``_``; values of both vocabularies in any case.

        Parameters
        ----------
        form_or_query : str, bytes, mapping or iterable of pairs
            The body (a form or a JSON object), the query string with or without ``?``, or what a framework made of it.

        Returns
        -------
        callback : StatusCallback
            With `StreamState.UNKNOWN` if it is no known event.

        Raises
        ------
        TypeError
            If `form_or_query` is nothing of the kind.
        ValueError
            If a text is longer than 256 KB, or there are more than 1000 fields.

        Examples
        --------
        >>> StatusCallback.parse("Event=StartStream&CallUUID=c-1&StreamID=s-1&From=%2B14155550100")
        StatusCallback(event='started', call_id='c-1', stream_id='s-1')
        """
        if form_or_query is None:
            raise TypeError("form_or_query must be a form, a query, a mapping or pairs, not None")
        parameters: dict[str, str] = {}
        found: dict[str, str] = {}
        for key, value in form_pairs(_json_object(form_or_query), "form_or_query"):
            name, shown = _shown(key), _shown(value)
            parameters.setdefault(name, shown)
            plain = name.strip().lower().replace("_", "").replace("-", "")
            found.setdefault(_ALIASES.get(plain, plain), shown)
        text = {name: read_text(value) for name, value in found.items()}
        event_name = text.get("event")
        track, method = text.get("audiotrack"), text.get("statuscallbackmethod")
        return cls(
            event=_STATES.get((event_name or "").lower(), StreamState.UNKNOWN),
            event_name=event_name,
            call_id=text.get("calluuid"),
            stream_id=text.get("streamid"),
            timestamp=read_time(text.get("timestamp")),
            from_number=text.get("from"),
            to_number=text.get("to"),
            direction=text.get("direction"),
            service_url=text.get("serviceurl"),
            name=text.get("name"),
            error=text.get("error"),
            status_reason=text.get("statusreason"),
            duration_s=read_float(text.get("duration")),
            bidirectional=read_bool(text.get("bidirectional")),
            audio_track=track and track.lower(),
            stream_timeout=read_int(text.get("streamtimeout")),
            content_type=read_format(text.get("contenttype")),
            keep_call_alive=read_bool(text.get("keepcallalive")),
            extra_headers=text.get("extraheaders"),
            noise_cancellation=read_bool(text.get("noisecancellation")),
            noise_cancellation_level=read_int(text.get("noisecancellationlevel")),
            status_callback_url=text.get("statuscallbackurl"),
            status_callback_method=method and method.upper(),
            parameters=parameters,
        )

    @property
    def headers(self) -> Mapping[str, str]:
        """The extra headers, parsed."""
        return parse_extra_headers(self.extra_headers)

    @property
    def ended(self) -> bool:
        """Whether the stream is over: stopped, failed or dropped."""
        return self.event in (StreamState.STOPPED, StreamState.FAILED, StreamState.DROPPED)

    def __repr__(self) -> str:
        shown = ["event_name"] if self.event is StreamState.UNKNOWN else []
        shown += ["call_id", "stream_id", "name", "error", "status_reason", "duration_s"]
        fields = [f"{name}={value!r}" for name in shown if (value := getattr(self, name)) is not None]
        return f"StatusCallback({', '.join([f'event={self.event.value!r}', *fields])})"

    def __rich_repr__(self) -> Any:
        yield repr(self)


def _json_object(form: Form) -> Form:
    """Return the object that a body in JSON holds; anything else as it came."""
    if isinstance(form, str | bytes | bytearray) and form[:64].lstrip()[:1] in ("{", b"{") and len(form) < 256 * 1024:
        try:
            loaded = msgspec.json.decode(form)
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            return form
        if isinstance(loaded, dict):
            return loaded
    return form


def _shown(value: object) -> str:
    """Return a key or value as text, whatever it is."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes | bytearray):
        return value.decode("utf-8", "replace")
    if isinstance(value, list | tuple) and value:
        return _shown(value[0])
    if isinstance(value, dict):
        try:
            return msgspec.json.encode(value).decode()
        except (TypeError, ValueError, RecursionError):
            return str(value)
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
