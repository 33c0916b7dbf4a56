"""What an agent sends to Plivo: one frozen struct per command, each with `encode() -> str`. A strict writer."""

from __future__ import annotations

import functools
import json
import re
from typing import TYPE_CHECKING

import msgspec

from voiceband.dsp.base64 import base64_encode
from voiceband.formats import PLIVO_FORMATS, AudioFormat, Encoding

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

MAX_MESSAGE_BYTES = 64 * 1024
"""Plivo's limit for one WebSocket message."""
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
        ValueError
            If the format cannot go on the wire, L16 has an odd number of bytes, or the message would pass 64 KB.
        """
        return play_audio_encoder(self.format, self.stream_id, self.allow_24k)(self.payload)


@functools.lru_cache(maxsize=1024)
def play_audio_encoder(
    format: AudioFormat,  # noqa: A002 (the field's name)
    stream_id: str | None = None,
    allow_24k: bool = False,
) -> Callable[[Buffer], str]:
    """Return a function that turns payloads of one format into playAudio texts.

    The parameters, and the errors for the format, are those of `PlayAudio`; the function raises the others.
    """
    if not isinstance(format, AudioFormat):
        raise ValueError(f"format must be an AudioFormat, not {format!r}")
    if format not in PLIVO_FORMATS and not (allow_24k and format == AudioFormat(Encoding.L16, 24000)):
        raise ValueError(f"format must be one of {', '.join(map(str, PLIVO_FORMATS))}, not {format}")
    head = (
        f'{{"event":"playAudio","media":{{"contentType":"{format.mime}","sampleRate":{format.sample_rate},"payload":"'
    )
    tail = '"}}' if stream_id is None else f'"}},"streamId":{_quoted(stream_id, "stream_id")}}}'
    max_text = MAX_MESSAGE_BYTES
    odd = format.sample_bytes - 1
    room = (max_text - len(head) - len(tail)) // 4 * 3

    def encode(payload: Buffer) -> str:
        text = base64_encode(payload, head, tail)
        if odd or len(text) > max_text:
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
    ValueError
        From `encode`, if `name` or `stream_id` is no text or empty.
    """

    name: str
    stream_id: str

    def encode(self) -> str:
        """Return the message's text."""
        name, stream_id = _quoted(self.name, "name"), _quoted(self.stream_id, "stream_id")
        return f'{{"event":"checkpoint","streamId":{stream_id},"name":{name}}}'


class ClearAudio(msgspec.Struct, frozen=True, gc=False):
    """Drop all audio that is waiting at the far end; Plivo answers with clearedAudio.

    Raises
    ------
    ValueError
        From `encode`, if `stream_id` is no text or empty.
    """

    stream_id: str

    def encode(self) -> str:
        """Return the message's text."""
        return f'{{"event":"clearAudio","streamId":{_quoted(self.stream_id, "stream_id")}}}'


class SendDtmf(msgspec.Struct, frozen=True, gc=False):
    """Press keys on the caller's line.

    Raises
    ------
    ValueError
        From `encode`, if `digits` is empty or has anything but ``0-9*#A-D``.
    """

    digits: str

    def encode(self) -> str:
        """Return the message's text."""
        if not isinstance(self.digits, str) or not _DTMF.match(self.digits):
            raise ValueError(f"digits must be a text of 0-9*#A-D, not {self.digits!r}")
        return f'{{"event":"sendDTMF","dtmf":"{self.digits}"}}'


def _quoted(text: str, name: str) -> str:
    """Return a text as a JSON string of ASCII characters only."""
    if not isinstance(text, str) or not text:
        raise ValueError(f"{name} must be a text, not {text!r}")
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return json.dumps(text)
