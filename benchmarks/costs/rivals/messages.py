"""Parsing and building the texts of a call, by orjson with pybase64 and by the standard library."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from benchmarks.costs.rivals.packages import Rivals, optional

from voiceband.bench.messages import FORMATS, GROUP, wire_payloads
from voiceband.bench.race import Each
from voiceband.bench.signals import media_texts

if TYPE_CHECKING:
    from voiceband.formats import AudioFormat


def message_rivals() -> Rivals:
    """Return the rivals of the protocol."""
    found: Rivals = {}
    for audio_format in FORMATS:
        found[GROUP, f"parse: media, {audio_format}"] = _parsing(audio_format)
        building = _building(audio_format)
        found[GROUP, f"build: PlayAudio.encode, {audio_format}"] = building
        found[GROUP, f"build: play_audio_encoder, {audio_format}"] = building
    return found


def _parsing(audio_format: AudioFormat) -> dict[str, Each | None]:
    texts = media_texts(audio_format)
    orjson, pybase64 = optional("orjson"), optional("pybase64")

    def with_json(text: str) -> object:
        message = json.loads(text)
        return message["media"]["track"], base64.b64decode(message["media"]["payload"])

    def with_orjson(text: str) -> object:
        message = orjson.loads(text)
        return message["media"]["track"], pybase64.b64decode(message["media"]["payload"], validate=True)

    return {
        "orjson + pybase64": Each(with_orjson, texts) if orjson and pybase64 else None,
        "json + base64": Each(with_json, texts),
    }


def _building(audio_format: AudioFormat) -> dict[str, Each | None]:
    payloads = wire_payloads(audio_format)
    orjson, pybase64 = optional("orjson"), optional("pybase64")
    media: dict[str, Any] = {"contentType": audio_format.mime, "sampleRate": audio_format.sample_rate}

    def json_text(payload: bytes) -> object:
        body = {**media, "payload": base64.b64encode(payload).decode()}
        return json.dumps({"event": "playAudio", "media": body})

    def orjson_text(payload: bytes) -> object:
        body = {**media, "payload": pybase64.b64encode_as_string(payload)}
        return orjson.dumps({"event": "playAudio", "media": body}).decode()

    return {
        "orjson + pybase64": Each(orjson_text, payloads) if orjson and pybase64 else None,
        "json + base64": Each(json_text, payloads),
    }
