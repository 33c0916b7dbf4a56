"""What Plivo sends: one frozen struct per event, with Python names and typed values.

Wire spellings stay in `parse`. The texts of events leave out the extra headers and the audio: both repeat on every
message, and the headers may hold what does not belong in a log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from voiceband.formats import AudioFormat
from voiceband.protocol.extra_headers import parse_extra_headers

if TYPE_CHECKING:
    from collections.abc import Mapping


class _Event(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What every event can do. All of them also have `stream_id`, `sequence_number` and `extra_headers`.

    ``stream_id`` is the stream as the peer spells it, ``sequence_number`` counts the messages of one connection from 0
    or 1, and ``extra_headers`` is the raw text, see `headers`; each is None when it is absent or cannot be read.
    """

    @property
    def headers(self) -> Mapping[str, str]:
        """The extra headers, parsed and cached."""
        return parse_extra_headers(self.extra_headers)  # type: ignore[attr-defined]

    def __repr__(self) -> str:
        shown = []
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if name in ("extra_headers", "custom_parameters", "raw") or value is None:
                continue
            shown.append(f"{name}=<{len(value)} bytes>" if isinstance(value, bytes) else f"{name}={value!r}")
        return f"{type(self).__name__}({', '.join(shown)})"

    def __rich_repr__(self) -> Any:
        yield repr(self)


class _Message(_Event, frozen=True, kw_only=True, gc=False):
    """The fields that all events share."""

    stream_id: str | None = None
    sequence_number: int | None = None
    extra_headers: str | None = None


class Start(_Message, frozen=True, kw_only=True, tag="start", gc=False):
    """The stream begins; the first message of a connection.

    Attributes
    ----------
    call_id, account_id : str or None
        The call and the account.
    tracks : tuple of str
        The tracks that will come, "inbound" and "outbound".
    media_format : AudioFormat or None
        What media messages carry; None when the message does not say, or says something unknown.
    format_doubt : str or None
        The format as it was written, where that is not one of the documented spellings: `media_format` is then a
        guess. None where the message says it properly, or not at all.
    custom_parameters : dict
        As found; only some clients describe it.
    """

    call_id: str | None = None
    account_id: str | None = None
    tracks: tuple[str, ...] = ()
    media_format: AudioFormat | None = None
    format_doubt: str | None = None
    custom_parameters: dict[str, Any] = {}


class Media(_Event, frozen=True, tag="media", gc=False):
    """About 20 ms of audio of one track.

    Attributes
    ----------
    payload : bytes
        The audio in the stream's format, any length, perhaps empty.
    track : str
        "inbound" is the caller, "outbound" is what the caller hears.
    chunk : int or None
        Counts the messages of this track.
    timestamp_ms : int or None
        Milliseconds since some origin: use differences only.
    media_format : AudioFormat or None
        Set when the message itself names a format.
    format_doubt : str or None
        As of `Start`.
    """

    payload: bytes
    track: str = "inbound"
    chunk: int | None = None
    timestamp_ms: int | None = None
    stream_id: str | None = None
    sequence_number: int | None = None
    extra_headers: str | None = None
    media_format: AudioFormat | None = None
    format_doubt: str | None = None


class Dtmf(_Message, frozen=True, kw_only=True, tag="dtmf", gc=False):
    """The caller pressed a key; `digit` is one of ``0-9*#A-D`` from a peer that keeps the rules."""

    digit: str
    track: str = "inbound"
    timestamp_ms: int | None = None


class PlayedStream(_Message, frozen=True, kw_only=True, tag="playedStream", gc=False):
    """All audio sent before the checkpoint `name` has been played."""

    name: str


class ClearedAudio(_Message, frozen=True, kw_only=True, tag="clearedAudio", gc=False):
    """The audio that was waiting at the far end is dropped."""


class Stop(_Message, frozen=True, kw_only=True, tag="stop", gc=False):
    """The stream ends; a hint, for the socket's close is what counts."""

    call_id: str | None = None
    reason: str | None = None


class PlayFailed(_Message, frozen=True, kw_only=True, tag="playFailed", gc=False):
    """The far end could not play what we sent; `raw` is the whole message."""

    reason: str | None = None
    raw: dict[str, Any] = {}


class IncorrectPayload(_Message, frozen=True, kw_only=True, tag="incorrectPayload", gc=False):
    """The far end could not use a message of ours; `raw` is the whole message."""

    reason: str | None = None
    raw: dict[str, Any] = {}


class MuteStream(_Message, frozen=True, kw_only=True, tag="muteStream", gc=False):
    """The far end does not play what we send until `UnmuteStream`."""


class UnmuteStream(_Message, frozen=True, kw_only=True, tag="unmuteStream", gc=False):
    """The far end plays what we send again."""


class Error(_Message, frozen=True, kw_only=True, tag="error", gc=False):
    """The far end reports an error; `raw` is the whole message."""

    reason: str | None = None
    raw: dict[str, Any] = {}


class Unknown(_Message, frozen=True, kw_only=True, tag="unknown", gc=False):
    """An event that this version does not know: its name and the whole message."""

    name: str
    raw: dict[str, Any] = {}


Event = (
    Start
    | Media
    | Dtmf
    | PlayedStream
    | ClearedAudio
    | Stop
    | PlayFailed
    | IncorrectPayload
    | MuteStream
    | UnmuteStream
    | Error
    | Unknown
)
