"""Texts <-> events and audio, beside what people use today."""

import base64
import json
import warnings

import numpy as np
import pytest

import voiceband as vb
from conftest import Each
from voiceband.formats import PLIVO_FORMATS, PLIVO_MULAW_8K
from voiceband.protocol import PlayAudio, parse, play_audio_encoder

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

orjson = pytest.importorskip("orjson")
pybase64 = pytest.importorskip("pybase64")
STREAM = "87654321-4321-4321-4321-cba987654321"
rng = np.random.default_rng(0)


def media_texts(audio_format):
    """Make 64 media messages of 20 ms, as the carrier writes them."""
    texts = []
    for i in range(64):
        payload = audio_format.encode(rng.normal(0, 3000, audio_format.frame_samples()).astype(np.int16))
        media = {"track": "inbound", "timestamp": str(1705312200000 + 20 * i), "chunk": i + 1}
        media["payload"] = base64.b64encode(payload).decode()
        message = {"event": "media", "sequenceNumber": i + 2, "streamId": STREAM, "media": media}
        message["extra_headers"] = "userId=12345;sessionId=abc-xyz"
        texts.append(json.dumps(message, separators=(",", ":")))
    return texts


def with_json(text):
    message = json.loads(text)
    return message["media"]["track"], base64.b64decode(message["media"]["payload"])


def with_orjson(text):
    message = orjson.loads(text)
    return message["media"]["track"], pybase64.b64decode(message["media"]["payload"], validate=True)


@pytest.mark.parametrize("audio_format", PLIVO_FORMATS, ids=str)
def test_parse(race, audio_format):
    texts = media_texts(audio_format)
    assert parse(texts[0]).payload == with_json(texts[0])[1]
    race(
        f"media text -> payload, 20 ms of {audio_format}",
        {
            "voiceband.protocol.parse (typed event)": Each(parse, texts),
            "json + base64": Each(with_json, texts),
            "orjson + pybase64": Each(with_orjson, texts),
        },
    )


@pytest.mark.parametrize("audio_format", PLIVO_FORMATS, ids=str)
def test_build(race, audio_format):
    payloads = [parse(text).payload for text in media_texts(audio_format)]
    encode = play_audio_encoder(audio_format)
    media = {"contentType": audio_format.mime, "sampleRate": audio_format.sample_rate}

    def json_text(payload):
        body = {**media, "payload": base64.b64encode(payload).decode()}
        return json.dumps({"event": "playAudio", "media": body})

    def orjson_text(payload):
        body = {**media, "payload": pybase64.b64encode_as_string(payload)}
        return orjson.dumps({"event": "playAudio", "media": body}).decode()

    race(
        f"payload -> playAudio text, 20 ms of {audio_format}",
        {
            "voiceband PlayAudio(...).encode()": Each(lambda p: PlayAudio(p, audio_format).encode(), payloads),
            "voiceband play_audio_encoder": Each(encode, payloads),
            "json + base64": Each(json_text, payloads),
            "orjson + pybase64": Each(orjson_text, payloads),
        },
    )


def test_in_and_out(race):
    texts = media_texts(PLIVO_MULAW_8K)
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


def test_session(race):
    from voiceband.session import Session

    session = Session()
    session.receive('{"event":"start","start":{"streamId":"s"}}', 0.0)
    texts = media_texts(PLIVO_MULAW_8K)
    frame = rng.normal(0, 3000, 160).astype(np.int16)
    utterance = session.play(frame, end=False)
    now = 0.0

    def receive():
        return session.receive(texts[0], now)

    def send():
        nonlocal now
        now += 0.02
        session.play(frame, utterance=utterance, end=False)
        return session.poll(now)

    race(
        "Session, 20 ms of mu-law each way",
        {"receive": receive, "play + poll": send, "poll with nothing due": lambda: session.poll(now)},
    )
