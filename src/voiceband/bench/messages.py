"""Parsing and building the texts of a call."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from voiceband.bench.cases import Case, Work
from voiceband.bench.optional import optional
from voiceband.bench.race import Each
from voiceband.bench.signals import levels, media_texts
from voiceband.formats import PLIVO_L16_16K, PLIVO_MULAW_8K
from voiceband.protocol import PlayAudio, parse, play_audio_encoder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voiceband.formats import AudioFormat


def message_cases() -> Iterator[Case]:
    """Yield the cases of the protocol."""
    for audio_format in (PLIVO_MULAW_8K, PLIVO_L16_16K):
        yield _parsing(audio_format)
        yield from _building(audio_format)


def _parsing(audio_format: AudioFormat) -> Case:
    texts = media_texts(audio_format)
    orjson, pybase64 = optional("orjson"), optional("pybase64")

    def with_json(text: str) -> object:
        message = json.loads(text)
        return message["media"]["track"], base64.b64decode(message["media"]["payload"])

    def with_orjson(text: str) -> object:
        message = orjson.loads(text)
        return message["media"]["track"], pybase64.b64decode(message["media"]["payload"], validate=True)

    return Case(
        "messages",
        f"parse: media of {audio_format} to an event",
        Each(parse, texts),
        {
            "orjson + pybase64": Each(with_orjson, texts) if orjson and pybase64 else None,
            "json + base64": Each(with_json, texts),
        },
        work=Work(len(texts[0]) + audio_format.frame_bytes()),
    )


def _building(audio_format: AudioFormat) -> Iterator[Case]:
    payloads = [audio_format.encode(x) for x in levels(audio_format.sample_rate)]
    orjson, pybase64 = optional("orjson"), optional("pybase64")
    media: dict[str, Any] = {"contentType": audio_format.mime, "sampleRate": audio_format.sample_rate}

    def json_text(payload: bytes) -> object:
        body = {**media, "payload": base64.b64encode(payload).decode()}
        return json.dumps({"event": "playAudio", "media": body})

    def orjson_text(payload: bytes) -> object:
        body = {**media, "payload": pybase64.b64encode_as_string(payload)}
        return orjson.dumps({"event": "playAudio", "media": body}).decode()

    rivals = {
        "orjson + pybase64": Each(orjson_text, payloads) if orjson and pybase64 else None,
        "json + base64": Each(json_text, payloads),
    }
    encode = play_audio_encoder(audio_format)
    work = Work(len(encode(payloads[0])) + len(payloads[0]))
    for name, ours in (
        ("PlayAudio.encode", lambda payload: PlayAudio(payload, audio_format).encode()),
        ("play_audio_encoder", encode),
    ):
        yield Case("messages", f"build: {name}, {audio_format}", Each(ours, payloads), rivals, work=work)
