"""What a session tells its agent: one frozen struct per event."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from voiceband.dsp.tone_kinds import Tone
from voiceband.formats import AudioFormat
from voiceband.session.heard import Heard


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
    echo : float
        How sure it is that they are nothing but the agent's own voice coming back, 0.0 to 1.0; 0.0 without `barge_in`.
    """

    samples: NDArray[Any]
    track: str
    position_ms: float
    timestamp_ms: int | None
    concealed: bool = False
    echo: float = 0.0

    @property
    def level_dbfs(self) -> float:
        """Power in dB of full scale: 0 for a square wave, -3 for a full sine, -inf for digital silence."""
        x = self.samples
        if not len(x):
            return -math.inf
        scale = 1.0 if x.dtype == np.float32 else 32768.0
        y = x.astype(np.float64)
        power = float(np.dot(y, y)) / len(y) / scale**2
        return 10 * math.log10(power) if power else -math.inf

    def __repr__(self) -> str:
        return f"Audio(<{len(self.samples)} samples>, track={self.track!r}, position_ms={self.position_ms:g})"


class CallerSpoke(msgspec.Struct, frozen=True, gc=False):
    """The caller speaks up while the agent speaks; nothing has been interrupted yet.

    Attributes
    ----------
    at_ms : float
        Where he began, on the timeline of `Audio.position_ms`.
    heard : Heard
        What he has heard by now.
    """

    at_ms: float
    heard: Heard


class Dtmf(msgspec.Struct, frozen=True, gc=False):
    """The caller pressed a key.

    Attributes
    ----------
    digit : str
        One of ``0-9*#A-D``.
    track : str
        Where it came from.
    timestamp_ms : int or None
        When, as the carrier says; where it was heard, on the timeline of `Audio.position_ms`.
    in_band : bool
        Whether it was heard in the caller's audio, see `Session`'s `tones`; the carrier's own message of the same key
        is then not told, and the other way round.
    """

    digit: str
    track: str
    timestamp_ms: int | None
    in_band: bool = False


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


class Missed(msgspec.Struct, frozen=True, gc=False):
    """A checkpoint will not be answered, or has not been in time.

    Attributes
    ----------
    name : str
        The checkpoint, or the utterance that ended there.
    reason : str
        "timeout"; or, of the agent's own checkpoints, "cleared" by an interruption, or "closed" with its stream. What
        became of utterances then, `Heard` says.
    """

    name: str
    reason: str


class Cleared(msgspec.Struct, frozen=True):
    """The far end has dropped what was waiting there.

    Attributes
    ----------
    heard : Heard or None
        What `Session.interrupt` said, settled; None when nobody had interrupted.
    """

    heard: Heard | None = None


class Drained(msgspec.Struct, frozen=True, gc=False):
    """Everything that was to be said has been heard; `Session.drain` asked for this.

    Attributes
    ----------
    by_clock : bool
        Whether this is the clock's word, its error bound included, because the far end did not answer.
    hangup : bool
        Whether the call is to end now.
    cut_off : bool
        Whether some of it may have been lost with an earlier stream of the call: nothing more will be heard of that.
    """

    by_clock: bool
    hangup: bool = False
    cut_off: bool = False


class Warned(msgspec.Struct, frozen=True, gc=False):
    """Something is assumed, sounds wrong, is refused or has failed; each but "stall" and "unread" is said once.

    Attributes
    ----------
    kind : str
        What is wrong with the sound of a track, or of what is played, by the names of
        `voiceband.dsp.sound_findings.KINDS`; "format", "track" or "numbering" of the wire; "stall" of time that a
        jitter buffer left out, of speech that left more than a second late, and of a clock that went back; "unread"
        of what a connection that ended had still brought, or what the agent did not take in time; "recorder", "capture"
        or "metrics" of what the session was given. A recorder or a capture that has failed is told nothing
        more.
    reason : str
        What was found, and what it would sound like; or what was raised.
    track : str
        Where; empty where it is no track's, and for what is played.
    """

    kind: str
    reason: str
    track: str


class Stopped(msgspec.Struct, frozen=True, gc=False):
    """The stream has ended.

    Attributes
    ----------
    reason : str or None
        The carrier's word for it, if it gave one.
    undrained : bool
        Whether `Session.drain` was waiting for something that was cut off: no `Drained` follows, unless another stream
        of the call says the rest.
    """

    reason: str | None = None
    undrained: bool = False


class Failed(msgspec.Struct, frozen=True):
    """The far end reports that it could not play, or another error."""

    reason: str | None
    raw: dict[str, Any]

    def __repr__(self) -> str:
        # The message may hold extra headers, which do not belong in a log.
        return f"Failed(reason={self.reason!r})"


class Refused(msgspec.Struct, frozen=True):
    """The far end could not use a message that was sent: it is not played, or not obeyed.

    Attributes
    ----------
    reason : str or None
        What the carrier says of it.
    raw : dict
        Its whole message; it may hold what does not belong in a log.
    message : str
        Which message it was: the one that the carrier quotes, or else what was sent in the two seconds before and has
        no answer, such as ``"playAudio 'greeting'"`` (the utterance's name) or ``"playAudio 'a' or checkpoint 'a'"``.
        Empty if nothing tells.
    """

    reason: str | None
    raw: dict[str, Any]
    message: str = ""

    def __repr__(self) -> str:
        return f"Refused(reason={self.reason!r}, message={self.message!r})"


class Held(msgspec.Struct, frozen=True, gc=False):
    """The carrier has muted what is played, so that nothing is sent meanwhile, or takes it again.

    Attributes
    ----------
    held : bool
        Whether speech waits here from now on.
    """

    held: bool


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


SessionEvent = (
    Started
    | Audio
    | CallerSpoke
    | Dtmf
    | Tone
    | Played
    | Missed
    | Cleared
    | Drained
    | Warned
    | Held
    | Refused
    | Stopped
    | Failed
    | Malformed
    | Other
)
