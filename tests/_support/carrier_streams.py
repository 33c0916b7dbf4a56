"""What tests of the carrier's end of one stream share: one that has started, and what is in its messages."""

import base64
import json

from voiceband.emulator import CarrierStream
from voiceband.formats import PLIVO_L16_8K
from voiceband.markup import Stream
from voiceband.protocol import PlayAudio

URL = "wss://agent.example.com/ws"


def stream(**attributes):
    return Stream(URL, **{"content_type": PLIVO_L16_8K, **attributes})


def started(*args, **options):
    call = CarrierStream(*args, **options)
    call.start(0.0)
    return call


def messages(call, now):
    return [json.loads(text) for text in call.poll(now)]


def media(call, now, track="inbound"):
    return [m for m in messages(call, now) if m["event"] == "media" and m["media"]["track"] == track]


def payloads(found):
    return b"".join(base64.b64decode(m["media"]["payload"]) for m in found)


def play(ms, audio_format=PLIVO_L16_8K, value=b"\x01\x02"):
    return PlayAudio(value * (audio_format.frame_bytes(ms) // 2), audio_format).encode()
