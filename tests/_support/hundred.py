"""A hundred agents as people write them, and what is right to say of each: rule and degree, or nothing.

Each is the messages that it sends, or the steps of a talk; ``"ID"`` in a message stands for the stream's id.
"""

import base64
import json
import struct

import numpy as np

import voiceband
from voiceband.emulator import CarrierStream
from voiceband.emulator.caller.sounds import read_at, shipped
from voiceband.formats import PLIVO_L16_8K, PLIVO_L16_16K, PLIVO_MULAW_8K

NOTHING = None
CLEAR = {"event": "clearAudio", "streamId": "ID"}
SPEECH = read_at(shipped("@caller"), 8000)
MULAW = voiceband.ulaw_encode(SPEECH)
L16 = SPEECH.tobytes()


def b64(data):
    return base64.b64encode(data).decode()


def play(payload, kind="audio/x-mulaw", rate=8000, **more):
    return {"event": "playAudio", "media": {"contentType": kind, "sampleRate": rate, "payload": payload}, **more}


def pieces(data, size=160):
    return [data[i : i + size] for i in range(0, len(data), size)]


def frames(data, size=160, **options):
    return [play(b64(piece), **options) for piece in pieces(data, size)]


def mulaw(pcm):
    return voiceband.ulaw_encode(np.ascontiguousarray(pcm, np.int16))


def riff(data):
    fmt = struct.pack("<IHHIIHH", 16, 7, 1, 8000, 8000, 1, 8)
    return (
        b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " + fmt + b"data" + struct.pack("<I", len(data)) + data
    )


def swapped_in_pairs(messages):
    return [message for i in range(0, len(messages) - 1, 2) for message in messages[i : i + 2][::-1]]


def apart(message, **fields):
    return {**message, **fields}


SENDS = {
    "frames of 20 ms in a burst": (frames(MULAW), NOTHING),
    "one message": ([play(b64(MULAW))], NOTHING),
    "sampleRate as text": (frames(MULAW, rate="8000"), NOTHING),
    "contentType with ;rate=": (frames(MULAW, kind="audio/x-mulaw;rate=8000"), ("wrong-format", "error")),
    "contentType mulaw": (frames(MULAW, kind="mulaw"), ("wrong-format", "error")),
    "contentType audio/basic": (frames(MULAW, kind="audio/basic"), ("wrong-format", "error")),
    "contentType wav, with a header": ([play(b64(riff(MULAW)), kind="wav")], ("wrong-format", "doubtful")),
    "a WAV header in the first message": (
        [play(b64(riff(MULAW[:800]))), *frames(MULAW[800:])],
        ("file-bytes", "error"),
    ),
    "event in capitals": ([apart(m, event="PlayAudio") for m in frames(MULAW)], ("unknown-event", "error")),
    "Twilio's media": (
        [{"event": "media", "streamSid": "MZ", "media": {"payload": b64(p)}} for p in pieces(MULAW)],
        ("media-event", "error"),
    ),
    "Twilio's clear and mark": (
        [*frames(MULAW), {"event": "mark", "streamSid": "MZ", "mark": {"name": "x"}}, {"event": "clear"}],
        ("unknown-event", "error"),
    ),
    "Exotel's media": (
        [{"event": "media", "stream_sid": "x", "media": {"payload": b64(p)}} for p in pieces(L16, 320)],
        ("media-event", "error"),
    ),
    "Vonage's binary frames": (pieces(L16, 320), ("binary-frame", "error")),
    "no sampleRate": (
        [{"event": "playAudio", "media": {"contentType": "audio/x-mulaw", "payload": b64(MULAW)}}],
        ("bad-field", "doubtful"),
    ),
    "payload at the top": (
        [{"event": "playAudio", "payload": b64(MULAW), "contentType": "audio/x-mulaw", "sampleRate": 8000}],
        ("bad-field", "error"),
    ),
    "A-law": (frames(voiceband.alaw_encode(SPEECH)), ("wrong-codec", "error")),
    "L16": (frames(L16, 320), ("wrong-codec", "error")),
    "L16 at 24 kHz": (frames(voiceband.resample(SPEECH, 8000, 24000).tobytes(), 960), ("wrong-codec", "error")),
    "floats": (frames((SPEECH / np.float32(32768)).astype("<f4").tobytes(), 640), ("float-samples", "error")),
    "zero bytes as silence": (
        frames(MULAW[:8000]) + frames(bytes(4000)) + frames(MULAW[8000:]),
        ("zero-silence", "error"),
    ),
    "a square of full scale": (frames(mulaw(np.where(SPEECH > 0, 32767, -32768))), ("clipped", "error")),
    "30 times too loud": (frames(mulaw(np.clip(SPEECH.astype(int) * 30, -32768, 32767))), ("clipped", "error")),
    "wrapped": (frames(mulaw((SPEECH.astype(int) * 6).astype(np.int16))), ("wrapped", "error")),
    "40 dB too quiet": (frames(mulaw(SPEECH // 100)), ("too-quiet", "error")),
    "an offset of 8000": (frames(mulaw(SPEECH // 2 + 8000)), ("dc-offset", "note")),
    "16 kHz as 8 kHz": (frames(mulaw(voiceband.resample(SPEECH, 8000, 16000))), ("wrong-rate", "error")),
    "4 kHz as 8 kHz": (frames(mulaw(SPEECH[::2])), ("wrong-rate", "error")),
    "20 ms of silence after each 20 ms": (
        [m for p in pieces(MULAW) for m in frames(p + b"\xff" * 160, 320)],
        ("holes", "error"),
    ),
    "each frame twice": ([m for m in frames(MULAW) for _ in range(2)], ("repeated-frames", "error")),
    "every fifth frame missing": ([m for i, m in enumerate(frames(MULAW)) if i % 5], ("missing-frames", "error")),
    "frames in the wrong order": (swapped_in_pairs(frames(MULAW)), ("missing-frames", "error")),
    "base64 twice": (frames(base64.b64encode(MULAW)), ("encoded-twice", "error")),
    "base64 for URLs": (
        [play(base64.urlsafe_b64encode(p).decode()) for p in pieces(MULAW)],
        ("bad-field", "error"),
    ),
    "base64 with line ends": ([play(base64.encodebytes(p).decode()) for p in pieces(MULAW)], ("bad-field", "error")),
    "base64 without padding": ([play(b64(p).rstrip("=")) for p in pieces(MULAW)], ("bad-field", "error")),
    "hex": ([play(p.hex()) for p in pieces(MULAW)], ("encoded-twice", "error")),
    "a list of messages": ([frames(MULAW)], ("invalid-message", "error")),
    "no JSON": (["hello"], ("invalid-message", "error")),
    "a clear without streamId": ([*frames(MULAW), {"event": "clearAudio"}], ("wrong-stream-id", "doubtful")),
    "a clear after each frame": ([m for f in frames(MULAW) for m in (f, CLEAR)], ("silent-agent", "error")),
    "a checkpoint without name": (
        [*frames(MULAW), {"event": "checkpoint", "streamId": "ID"}],
        ("bad-field", "error"),
    ),
    "50 checkpoints of one name": (
        frames(MULAW) + [{"event": "checkpoint", "streamId": "ID", "name": "x"}] * 50,
        ("repeated-name", "note"),
    ),
    "somebody else's streamId": ([apart(m, streamId="zzz") for m in frames(MULAW)], ("wrong-stream-id", "note")),
    "a byte a message": (frames(MULAW[:1600], 1), NOTHING),
    "stereo": (frames(np.repeat(np.frombuffer(MULAW, np.uint8), 2).tobytes(), 320), ("stereo", "error")),
    "digital silence": (frames(b"\xff" * 16000), ("silent-agent", "error")),
    "noise": (frames(mulaw(np.random.default_rng(0).normal(0, 3000, 16000))), ("no-speech", "error")),
    "sendDTMF of an object": ([{"event": "sendDTMF", "dtmf": {"digits": "12"}}], ("bad-field", "error")),
    "sendDTMF of a w": ([{"event": "sendDTMF", "dtmf": "1w2"}], ("bad-field", "error")),
}
"""What is sent at once on a stream of mu-law."""

ALSO_RIGHT = {"stereo": ("wrong-rate", "error")}
"""Both channels are alike there, so it is as true that it is half as fast."""


def variants(wire):
    """Return 43 messages that public agents send on a stream of some format, and what is right to say."""
    tone = (8000 * np.sin(np.arange(wire.sample_rate) * 0.2)).astype(np.int16)

    def sound(pcm):
        return b64(wire.encode(pcm))

    def media(**fields):
        given = {"contentType": wire.mime, "sampleRate": wire.sample_rate, "payload": sound(tone), **fields}
        return {key: value for key, value in given.items() if value is not None}

    def plays(more=(), **fields):
        return [{"event": "playAudio", "media": media(**fields)}, *more]

    is_mulaw, wide = wire == PLIVO_MULAW_8K, wire == PLIVO_L16_16K
    error, doubt = "error", "doubtful"
    mark = {"event": "checkpoint", "streamId": "ID", "name": "a"}
    return {
        "plain": (plays(), NOTHING),
        "ct;rate": (plays(contentType=str(wire)), ("wrong-format", error)),
        "ct;rate no sampleRate": (plays(contentType=str(wire), sampleRate=None), ("wrong-format", error)),
        "no sampleRate": (plays(sampleRate=None), ("bad-field", doubt)),
        "no contentType": (plays(contentType=None), ("bad-field", doubt)),
        "neither": (plays(contentType=None, sampleRate=None), ("bad-field", doubt)),
        "sampleRate as text": (plays(sampleRate=str(wire.sample_rate)), NOTHING),
        "sampleRate as float": (plays(sampleRate=float(wire.sample_rate)), NOTHING),
        "audio/mulaw or l16": (plays(contentType="audio/mulaw" if is_mulaw else "audio/l16"), ("wrong-format", error)),
        "raw": (plays(contentType="raw"), ("wrong-format", doubt)),
        "wav": (plays(contentType="wav"), ("wrong-format", doubt)),
        "audio/basic": (plays(contentType="audio/basic"), ("wrong-format", error)),
        "upper": (plays(contentType=wire.mime.upper()), ("wrong-format", doubt)),
        "event case": ([{"event": "playaudio", "media": media()}], ("unknown-event", error)),
        "stream_id": ([{"event": "playAudio", "stream_id": "ID", "media": media()}], NOTHING),
        "streamId": ([{"event": "playAudio", "streamId": "ID", "media": media()}], NOTHING),
        "streamId in media": (plays(streamId="ID"), NOTHING),
        "clear no id": (plays([{"event": "clearAudio"}]), ("wrong-stream-id", doubt)),
        "clear stream_id": (plays([{"event": "clearAudio", "stream_id": "ID"}]), ("wrong-stream-id", doubt)),
        "clear stream_uuid": (plays([{"event": "clearAudio", "stream_uuid": "ID"}]), ("wrong-stream-id", doubt)),
        "clear streamSid": (plays([{"event": "clearAudio", "streamSid": "ID"}]), ("wrong-stream-id", doubt)),
        "clear": (plays([CLEAR]), NOTHING),
        "clear elsewhere": (plays([{"event": "clearAudio", "streamId": "nope"}]), ("wrong-stream-id", error)),
        "checkPoint": (plays([apart(mark, event="checkPoint")]), ("unknown-event", error)),
        "checkpoint no id": (plays([{"event": "checkpoint", "name": "a"}]), ("wrong-stream-id", error)),
        "checkpoint no name": (plays([{"event": "checkpoint", "streamId": "ID"}]), ("bad-field", error)),
        "twilio media": (
            [{"event": "media", "streamSid": "ID", "media": {"payload": sound(tone)}}],
            ("media-event", error),
        ),
        "twilio clear": (plays([{"event": "clear", "streamSid": "ID"}]), ("unknown-event", error)),
        "twilio mark": (
            plays([{"event": "mark", "streamSid": "ID", "mark": {"name": "a"}}]),
            ("unknown-event", error),
        ),
        "stop": (plays([{"event": "stop", "streamId": "ID"}]), ("unknown-event", error)),
        "sendDTMF of an object": (plays([{"event": "sendDTMF", "dtmf": {"digit": "1"}}]), ("bad-field", error)),
        "sendDTMF": (plays([{"event": "sendDTMF", "dtmf": "1"}]), NOTHING),
        "data URL": (plays(payload="data:audio/x-mulaw;base64," + sound(tone)), ("bad-field", error)),
        "URL alphabet": (
            plays(payload=base64.urlsafe_b64encode(bytes(range(250, 256)) * 200).decode()),
            ("bad-field", error),
        ),
        "hex": (plays(payload=wire.encode(tone).hex()), ("encoded-twice", error)),
        "no padding": (plays(payload=sound(tone[:160]).rstrip("=")), ("bad-field", error)),
        "empty": (plays(payload=""), ("silent-agent", error)),
        "line ends": (plays(payload=base64.encodebytes(wire.encode(tone)).decode()), ("bad-field", error)),
        "more than 64 KB": (plays(payload=sound(np.tile(tone, 9))), ("too-large", doubt)),
        "more than 16 KB": (plays(payload=sound(np.tile(tone, 2))), ("too-large", doubt) if wide else NOTHING),
        "24000": (plays(sampleRate=24000), ("wrong-format", error if is_mulaw else doubt)),
        "media in a list": ([{"event": "playAudio", "media": [media()]}], ("bad-field", error)),
        "payload at the top": ([{"event": "playAudio", "payload": sound(tone)}], ("bad-field", error)),
    }


WIRES = {"mulaw": PLIVO_MULAW_8K, "l8": PLIVO_L16_8K, "l16": PLIVO_L16_16K}


def sent(messages, wire=PLIVO_MULAW_8K, *, apart_s=0.0, first_s=0.02):
    """Return the log of a stream on which an agent sends messages, and nothing more for eight seconds."""
    call = CarrierStream(wire, seed=1)
    call.start(0.0)
    now = first_s
    for message in messages:
        call.poll(now)
        if isinstance(message, (dict, list)):
            message = json.dumps(message).replace('"ID"', json.dumps(call.stream_id))
        call.receive(message, now)
        now += apart_s
    for _ in range(400):
        now += 0.02
        call.poll(now)
    call.hang_up(now)
    return call.log
