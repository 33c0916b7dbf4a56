"""What a session tells its agent: one frozen struct per event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from voiceband.formats import AudioFormat

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """The stream is open.

    Attributes
    ----------
    stream_id, call_id : str or None
        The stream and the call.
    format : AudioFormat
        What the wire carries.
    tracks : tuple of str
        The tracks that will come.
    headers : mapping of str to str
        The extra headers that the stream was opened with.
    again : bool
        Whether the carrier has connected before in this call.
    """

    stream_id: str | None
    call_id: str | None
    format: AudioFormat
    tracks: tuple[str, ...]
    headers: Mapping[str, str]
    again: bool = False

    def __repr__(self) -> str:
        return (
            f"Started(stream_id={self.stream_id!r}, format={self.format}, tracks={self.tracks!r}, again={self.again})"
        )


class Audio(msgspec.Struct, frozen=True, gc=False, eq=False):
    """Some audio of one track.

    Attributes
    ----------
    samples : ndarray, shape (n,)
        At the session's rate and dtype.
    track : str
        "inbound" is the caller.
    position_ms : float
        Where the samples begin on the track's own timeline, which starts at 0 with its first sample.
    timestamp_ms : int or None
        The carrier's timestamp of the message: use differences only.
    concealed : bool
        Whether the samples were made up for a message that is missing.
    """

    samples: NDArray[Any]
    track: str
    position_ms: float
    timestamp_ms: int | None
    concealed: bool = False

    def __repr__(self) -> str:
        return f"Audio(<{len(self.samples)} samples>, track={self.track!r}, position_ms={self.position_ms:g})"


class Dtmf(msgspec.Struct, frozen=True, gc=False):
    """The caller pressed a key: `digit` is one of ``0-9*#A-D``."""

    digit: str
    track: str
    timestamp_ms: int | None


class Played(msgspec.Struct, frozen=True, gc=False):
    """The far end has played everything before a checkpoint.

    Attributes
    ----------
    name : str
        The checkpoint, or the utterance that ended there.
    utterance : bool
        Whether this was the end of an utterance.
    """

    name: str
    utterance: bool


class Cleared(msgspec.Struct, frozen=True, gc=False):
    """The far end has dropped what was waiting there."""


class Stopped(msgspec.Struct, frozen=True, gc=False):
    """The stream has ended; `reason` is the carrier's word for it, if it gave one."""

    reason: str | None = None


class Failed(msgspec.Struct, frozen=True):
    """The far end reports that it could not play, or another error."""

    reason: str | None
    raw: dict[str, Any]


class Malformed(msgspec.Struct, frozen=True):
    """A message that could not be used; the call goes on.

    Attributes
    ----------
    reason : str
        What was wrong.
    message : object
        The message as it came; it may hold what does not belong in a log.
    """

    reason: str
    message: Any

    def __repr__(self) -> str:
        return f"Malformed(reason={self.reason!r})"


class Other(msgspec.Struct, frozen=True):
    """A message of a kind that this version does not know."""

    name: str
    raw: dict[str, Any]

    def __repr__(self) -> str:
        return f"Other(name={self.name!r})"


SessionEvent = Started | Audio | Dtmf | Played | Cleared | Stopped | Failed | Malformed | Other
