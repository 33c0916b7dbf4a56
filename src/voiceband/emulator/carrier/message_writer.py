"""What the carrier writes on the wire: the texts of one connection, numbered."""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING, Any

from voiceband._checks import check_integer
from voiceband.dsp.base64 import base64_encode
from voiceband.protocol.limits import FRAME_MS

if TYPE_CHECKING:
    import random

    from voiceband.formats import AudioFormat

SEEDED_EPOCH_MS = 1_767_225_600_000
"""2026-01-01, where the same seed is to give the same log."""


def random_uuid(source: random.Random) -> str:
    """Return a UUID of version 4, as random as its source is."""
    return str(uuid.UUID(int=source.getrandbits(128), version=4))


def start_epoch_ms(epoch_ms: int | None, seed: int | None) -> int:
    """Return the time of day of a start: as given, or now, or with a seed the same for every call."""
    if epoch_ms is not None:
        return check_integer("epoch_ms", epoch_ms, 0)
    return round(time.time() * 1000) if seed is None else SEEDED_EPOCH_MS


class MessageWriter:
    """Builds the messages of one connection.

    Media messages are put together from ready parts, since there are fifty a second and track; all others are few.

    Parameters
    ----------
    format : AudioFormat
        What media carry.
    stream_id, extra_headers : str
        As the messages repeat them.
    epoch_ms : int
        The time stamp of the first media message.
    media_format : bool, optional
        Whether media messages say what they carry, as some documents have it.
    """

    def __init__(
        self,
        format: AudioFormat,  # noqa: A002
        stream_id: str,
        extra_headers: str,
        epoch_ms: int,
        *,
        media_format: bool = False,
    ) -> None:
        self._stream_id = stream_id
        self._extra_headers = extra_headers
        self._epoch_ms = epoch_ms
        self._sequence = 0
        self._quoted_id = json.dumps(stream_id)
        says = f',"contentType":"{format.mime}","sampleRate":{format.sample_rate}' if media_format else ""
        self._tail = f'"{says}}},"extra_headers":{json.dumps(extra_headers)}}}'
        silence = format.silence * format.frame_samples(FRAME_MS)
        self._silent = base64_encode(silence) + self._tail

    def media(self, track: str, chunk: int, at_ms: int, frame: bytes | None) -> str:
        """Return a media message that begins `at_ms` after the start; a `frame` of None is 20 ms of silence."""
        self._sequence = sequence = self._sequence + 1
        head = (
            f'{{"event":"media","sequenceNumber":{sequence},"streamId":{self._quoted_id},"media":{{"track":"{track}",'
            f'"timestamp":"{self._epoch_ms + at_ms}","chunk":{chunk},"payload":"'
        )
        return head + self._silent if frame is None else base64_encode(frame, head, self._tail)

    def start(self, call_id: str, account_id: str, tracks: tuple[str, ...], format: AudioFormat) -> str:  # noqa: A002
        """Return the first message."""
        body = {
            "callId": call_id,
            "streamId": self._stream_id,
            "accountId": account_id,
            "tracks": tracks,
            "mediaFormat": {"encoding": format.mime, "sampleRate": format.sample_rate},
        }
        return self._text("start", {"start": body, "extra_headers": self._extra_headers}, with_stream_id=False)

    def dtmf(self, digit: str, at_ms: int) -> str:
        """Return a key's message, pressed `at_ms` after the start."""
        body = {"track": "inbound", "digit": digit, "timestamp": str(self._epoch_ms + at_ms)}
        return self._text("dtmf", {"dtmf": body, "extra_headers": self._extra_headers})

    def played(self, name: str) -> str:
        """Return the answer to a checkpoint."""
        return self._text("playedStream", {"name": name})

    def cleared(self) -> str:
        """Return the answer to clearAudio."""
        return self._text("clearedAudio", {})

    def refused(self) -> str:
        """Return the answer to a message that was not taken; documents show no more of it than the stream's id."""
        return self._text("incorrectPayload", {})

    def stop(self, call_id: str, reason: str) -> str:
        """Return the last message."""
        return self._text("stop", {"stop": {"callId": call_id, "streamId": self._stream_id, "reason": reason}})

    def _text(self, event: str, body: dict[str, Any], *, with_stream_id: bool = True) -> str:
        self._sequence += 1
        message: dict[str, Any] = {"event": event, "sequenceNumber": self._sequence}
        if with_stream_id:
            message["streamId"] = self._stream_id
        return json.dumps({**message, **body}, separators=(",", ":"))
