"""What an agent sends to Plivo: one frozen struct per command, each with `encode() -> str`. A strict writer."""

from __future__ import annotations

import functools
import json
import re
import sys
from typing import TYPE_CHECKING

import msgspec

from voiceband._checks import check_text
from voiceband.dsp.base64 import base64_encode
from voiceband.formats import PLIVO_FORMATS, AudioFormat, Encoding
from voiceband.protocol.limits import MAX_MESSAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer
elif sys.version_info >= (3, 12):  # signatures evaluate what structs are annotated with
    from collections.abc import Buffer
else:
    Buffer = bytes | bytearray | memoryview

MAX_CHUNK_BASE64 = 16 * 1024
"""Base64 characters of audio that Plivo recommends not to exceed in one message."""

_DTMF = re.compile(r"[0-9*#A-D]+\Z")


class PlayAudio(msgspec.Struct, frozen=True, gc=False):
    r"""Audio for the caller, queued behind what is waiting already.

    Parameters
    ----------
    payload : bytes-like
        Audio in `format`; whole samples, no WAV header.
    format : AudioFormat
        Mu-law at 8000 Hz, or L16 at 8000 or 16000 Hz; L16 at 24000 Hz only with `allow_24k`, for carriers that take it.
    stream_id : str, optional
        Plivo does not ask for it; some carriers with the same protocol do.
    allow_24k : bool, optional
        See `format`.

    Examples
    --------
    >>> from voiceband.formats import PLIVO_MULAW_8K
    >>> PlayAudio(b"\xff", PLIVO_MULAW_8K).encode()
    '{"event":"playAudio","media":{"contentType":"audio/x-mulaw","sampleRate":8000,"payload":"/w=="}}'
    """

    payload: Buffer
    format: AudioFormat
    stream_id: str | None = None
    allow_24k: bool = False

    def encode(self) -> str:
        """Return the message's text.

        Raises
        ------
        TypeError
            If `format` is no AudioFormat or `stream_id` no text.
        ValueError
            If the format cannot go on the wire, L16 has an odd number of bytes, or the message would pass 64 KB.
        """
        return play_audio_encoder(self.format, self.stream_id, self.allow_24k)(self.payload)

    def __repr__(self) -> str:
        size = len(self.payload) if isinstance(self.payload, bytes) else memoryview(self.payload).nbytes
        return f"PlayAudio(payload=<{size} bytes>, format={self.format}, stream_id={self.stream_id!r})"


def play_audio_encoder(
    format: AudioFormat,  # noqa: A002 (the field's name)
    stream_id: str | None = None,
    allow_24k: bool = False,
) -> Callable[[Buffer], str]:
    """Return a function that turns payloads of one format into playAudio texts.

    The parameters, and the errors for the format, are those of `PlayAudio`; the function raises the others.
    """
    if not isinstance(format, AudioFormat):
        raise TypeError(f"format must be an AudioFormat, not {format!r}")
    if stream_id is not None:
        check_text("stream_id", stream_id)
    return _encoder(format, stream_id, bool(allow_24k))


@functools.lru_cache(maxsize=1024)
def _encoder(format: AudioFormat, stream_id: str | None, allow_24k: bool) -> Callable[[Buffer], str]:  # noqa: A002
    if format not in PLIVO_FORMATS and not (allow_24k and format == AudioFormat(Encoding.L16, 24000)):
        raise ValueError(f"format must be one of {', '.join(map(str, PLIVO_FORMATS))}, not {format}")
    head = (
        f'{{"event":"playAudio","media":{{"contentType":"{format.mime}","sampleRate":{format.sample_rate},"payload":"'
    )
    tail = '"}}' if stream_id is None else f'"}},"streamId":{_quoted(stream_id, "stream_id")}}}'
    odd = format.sample_bytes - 1
    room = (MAX_MESSAGE_BYTES - len(head) - len(tail)) // 4 * 3

    def encode(payload: Buffer) -> str:
        text = base64_encode(payload, head, tail)
        if odd or len(text) > MAX_MESSAGE_BYTES:
            size = len(payload) if payload.__class__ is bytes else memoryview(payload).nbytes
            if size & odd:
                raise ValueError(f"payload must hold whole samples of {odd + 1} bytes, not {size} bytes")
            if size > room:
                raise ValueError(f"payload must not be longer than {room} bytes in one message, not {size}")
        return text

    return encode


class Checkpoint(msgspec.Struct, frozen=True, gc=False):
    """A mark in the queued audio; Plivo answers with playedStream once everything before it has been played.

    Raises
    ------
    TypeError
        From `encode`, if `name` or `stream_id` is no text.
    ValueError
        From `encode`, if one is empty, or too long for a message.
    """

    name: str
    stream_id: str

    def encode(self) -> str:
        """Return the message's text."""
        name, stream_id = _quoted(self.name, "name"), _quoted(self.stream_id, "stream_id")
        return _fitting(f'{{"event":"checkpoint","streamId":{stream_id},"name":{name}}}', "name")


class ClearAudio(msgspec.Struct, frozen=True, gc=False):
    """Drop all audio that is waiting at the far end; Plivo answers with clearedAudio.

    Raises
    ------
    TypeError
        From `encode`, if `stream_id` is no text.
    ValueError
        From `encode`, if it is empty.
    """

    stream_id: str

    def encode(self) -> str:
        """Return the message's text."""
        return _fitting(f'{{"event":"clearAudio","streamId":{_quoted(self.stream_id, "stream_id")}}}', "stream_id")


class SendDtmf(msgspec.Struct, frozen=True, gc=False):
    """Press keys on the caller's line.

    Raises
    ------
    TypeError
        From `encode`, if `digits` is no text.
    ValueError
        From `encode`, if it is empty, has anything but ``0-9*#A-D``, or is too long for a message.
    """

    digits: str

    def encode(self) -> str:
        """Return the message's text."""
        if not _DTMF.match(check_text("digits", self.digits, "a text of 0-9*#A-D")):
            raise ValueError(f"digits must be a text of 0-9*#A-D, not {self.digits!r}")
        return _fitting(f'{{"event":"sendDTMF","dtmf":"{self.digits}"}}', "digits")


def _fitting(text: str, name: str) -> str:
    if len(text) > MAX_MESSAGE_BYTES:
        raise ValueError(f"{name} must fit into a message of {MAX_MESSAGE_BYTES} bytes, not make one of {len(text)}")
    return text


def _quoted(text: str, name: str) -> str:
    """Return a text as a JSON string of ASCII characters only."""
    if not check_text(name, text):
        raise ValueError(f"{name} must be a text, not {text!r}")
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return json.dumps(text)
