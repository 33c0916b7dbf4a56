"""Parsing and building the texts of a call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voiceband.bench.cases import Case
from voiceband.bench.race import Each
from voiceband.bench.signals import levels, media_texts
from voiceband.formats import PLIVO_L16_16K, PLIVO_MULAW_8K
from voiceband.protocol import PlayAudio, parse, play_audio_encoder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voiceband.formats import AudioFormat

GROUP = "messages"
FORMATS = (PLIVO_MULAW_8K, PLIVO_L16_16K)


def message_cases() -> Iterator[Case]:
    """Yield the cases of the protocol."""
    for audio_format in FORMATS:
        yield Case(GROUP, f"parse: media, {audio_format}", Each(parse, media_texts(audio_format)))
        payloads = wire_payloads(audio_format)
        encode = play_audio_encoder(audio_format)
        build = Each(lambda payload, form=audio_format: PlayAudio(payload, form).encode(), payloads)  # type: ignore[misc]
        yield Case(GROUP, f"build: PlayAudio.encode, {audio_format}", build)
        yield Case(GROUP, f"build: play_audio_encoder, {audio_format}", Each(encode, payloads))


def wire_payloads(audio_format: AudioFormat) -> list[bytes]:
    """Return frames of audio as they go on the wire."""
    return [audio_format.encode(x) for x in levels(audio_format.sample_rate)]
