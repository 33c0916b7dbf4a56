"""Texts <-> audio without a session, beside what people use today."""

import base64
import json
import warnings

import numpy as np
import pytest

import voiceband as vb
from voiceband.bench.signals import media_texts
from voiceband.formats import PLIVO_MULAW_8K
from voiceband.protocol import parse, play_audio_encoder

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

orjson = pytest.importorskip("orjson")
pybase64 = pytest.importorskip("pybase64")


def test_in_and_out(race):
    texts = media_texts()
    frames = [vb.ulaw_decode(parse(text).payload) for text in texts]
    encode = play_audio_encoder(PLIVO_MULAW_8K)
    position = 0

    def ours():
        nonlocal position
        position = (position + 1) & 63
        vb.ulaw_decode(parse(texts[position]).payload)
        return encode(vb.ulaw_encode(frames[position]))

    def theirs():
        nonlocal position
        position = (position + 1) & 63
        np.frombuffer(audioop.ulaw2lin(base64.b64decode(json.loads(texts[position])["media"]["payload"]), 2), np.int16)
        payload = base64.b64encode(audioop.lin2ulaw(frames[position], 2)).decode()
        media = {"contentType": "audio/x-mulaw", "sampleRate": 8000, "payload": payload}
        return json.dumps({"event": "playAudio", "media": media})

    def mix():
        nonlocal position
        position = (position + 1) & 63
        np.frombuffer(
            audioop.ulaw2lin(pybase64.b64decode(orjson.loads(texts[position])["media"]["payload"]), 2), np.int16
        )
        payload = pybase64.b64encode_as_string(audioop.lin2ulaw(frames[position], 2))
        return (
            f'{{"event":"playAudio","media":{{"contentType":"audio/x-mulaw","sampleRate":8000,"payload":"{payload}"}}}}'
        )

    race(
        "media text -> int16 ndarray, and int16 ndarray -> playAudio text, summed, mu-law",
        {"voiceband": ours, "orjson + pybase64 + audioop": mix, "json + base64 + audioop": theirs},
    )
