"""What the carrier makes of messages about which documents and real programs disagree."""

import base64
import json
import struct

import numpy as np
import pytest

from _support.carrier_streams import messages, started
from _support.good_agents import voice
from voiceband.emulator import CarrierStream
from voiceband.formats import PLIVO_MULAW_8K


def said(event, **fields):
    return json.dumps({"event": event, **fields})


def spoken(**media):
    """Return a second of a square in mu-law, unless `media` says otherwise; None leaves a field out."""
    sound = base64.b64encode(PLIVO_MULAW_8K.encode(SECOND)).decode()
    body = {"contentType": "audio/x-mulaw", "sampleRate": 8000, "payload": sound, **media}
    return said("playAudio", media={name: value for name, value in body.items() if value is not None})


def base64_of(data):
    return base64.b64encode(data).decode()


def wav(data, kind, rate, bits, channels=1):
    header = struct.pack("<IHHIIHH", 16, kind, channels, rate, rate * bits // 8, bits // 8, bits)
    return b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " + header + b"data\xff\xff\xff\xff" + data


SECOND = np.where(np.arange(8000) // 40 % 2, 8000, -8000).astype(np.int16)
WIDE = np.repeat(SECOND, 2)
DOUBTFUL = {
    "no sampleRate": (spoken(sampleRate=None), "bad-field", "without sampleRate: the schema"),
    "no contentType": (spoken(contentType=None), "bad-field", "without contentType: the schema"),
    "neither": (spoken(contentType=None, sampleRate=None), "bad-field", "without contentType and sampleRate"),
    "raw": (spoken(contentType="raw"), "wrong-format", "older documents and Plivo's own samples do"),
    "wav without a header": (spoken(contentType="wav"), "wrong-format", "older documents"),
    "wav": (
        spoken(contentType="wav", payload=base64_of(wav(PLIVO_MULAW_8K.encode(SECOND), 7, 8000, 8))),
        "wrong-format",
        "older documents",
    ),
    "wav at 24 kHz": (
        spoken(contentType="wav", payload=base64_of(wav(np.repeat(SECOND, 3).tobytes(), 1, 24000, 16))),
        "wrong-format",
        "one page of Plivo's API",
    ),
    "capitals": (spoken(contentType="AUDIO/X-MULAW"), "wrong-format", "a MIME type has no case"),
    "L16 on mu-law": (
        spoken(contentType="audio/x-l16", payload=base64_of(SECOND.tobytes())),
        "wrong-format",
        "two of its guides send another one",
    ),
    "L16 at 16000 on mu-law": (
        spoken(contentType="audio/x-l16", sampleRate=16000, payload=base64_of(WIDE.tobytes())),
        "wrong-format",
        "two of its guides",
    ),
    "L16 at 24000": (
        spoken(contentType="audio/x-l16", sampleRate="24000", payload=base64_of(np.repeat(SECOND, 3).tobytes())),
        "wrong-format",
        "one page of Plivo's API",
    ),
}


class TestProfiles:
    @pytest.mark.parametrize("name", DOUBTFUL)
    def test_what_programs_rely_on_is_played_and_doubted(self, name):
        text, rule, why = DOUBTFUL[name]
        call = started(playout_delay_ms=0)
        call.receive(text, 0.0)
        assert call.problems == []
        ((found, said_of_it),) = call.log.named("playAudio")[0].detail["doubts"].items()
        assert (found, why in said_of_it) == (rule, True)
        heard = call.recording(1.0)[1].astype(float)
        meant = PLIVO_MULAW_8K.decode(PLIVO_MULAW_8K.encode(SECOND)).astype(float)
        best = max(np.dot(heard[i:], meant[: len(meant) - i]) for i in range(60))
        assert best > 0.93 * np.dot(meant, meant)

    @pytest.mark.parametrize("name", DOUBTFUL)
    def test_by_the_documents_it_is_refused(self, name):
        text, rule, why = DOUBTFUL[name]
        call = started(profile="documented")
        call.receive(text, 0.0)
        assert call.log.named("playAudio")[0].detail["rule"] == rule
        assert why in call.problems[0]
        assert call.player.runs == []

    @pytest.mark.parametrize("profile", ["observed", "documented"])
    @pytest.mark.parametrize(
        ("media", "rule"),
        [
            ({"contentType": "audio/x-mulaw;rate=8000"}, "wrong-format"),
            ({"contentType": "audio/x-mulaw;rate=8000", "sampleRate": None}, "wrong-format"),
            ({"contentType": "mulaw"}, "wrong-format"),
            ({"contentType": "audio/mulaw"}, "wrong-format"),
            ({"contentType": "audio/basic"}, "wrong-format"),
            ({"contentType": 5}, "bad-field"),
            ({"sampleRate": 16000}, "wrong-format"),
            ({"contentType": "audio/x-l16", "sampleRate": 44100}, "wrong-format"),
            ({"contentType": "wav", "payload": base64_of(wav(bytes(80), 1, 8000, 16, channels=2))}, "wrong-format"),
            ({"contentType": "wav", "payload": base64_of(b"RIFF")}, "wrong-format"),
            ({"payload": "data:audio/x-mulaw;base64,AAAA"}, "bad-field"),
        ],
    )
    def test_what_nobody_relies_on_is_refused_and_answered(self, profile, media, rule):
        call = started(profile=profile, stream_id="s")
        call.receive(spoken(**media), 0.0)
        assert [entry.detail["rule"] for entry in call.log.named("playAudio")] == [rule]
        assert call.player.runs == []
        answer = [m for m in messages(call, 0.0) if m["event"] == "incorrectPayload"]
        assert answer == [{"event": "incorrectPayload", "sequenceNumber": 2, "streamId": "s"}]

    @pytest.mark.parametrize("key", ["stream_id", "stream_uuid", "streamSid", "x"])
    def test_a_clear_that_names_no_stream_is_obeyed(self, key):
        call = started(stream_id="s", playout_delay_ms=0)
        call.receive(spoken(), 0.0)
        call.receive(said("clearAudio", **{key: "s"}), 0.1)
        assert [m["event"] for m in messages(call, 0.1) if m["event"] == "clearedAudio"] == ["clearedAudio"]
        assert call.player.played(5.0) == 800
        assert list(call.log.named("clearAudio")[0].detail["doubts"]) == ["wrong-stream-id"]

    @pytest.mark.parametrize(
        "text", [said("clearAudio", streamId="other"), said("checkpoint", name="n"), said("checkpoint", streamId="s")]
    )
    def test_other_names_are_not(self, text):
        call = started(stream_id="s", playout_delay_ms=0)
        call.receive(spoken(), 0.0)
        call.receive(text, 0.1)
        assert len(call.problems) == 1
        assert call.player.played(5.0) == 8000

    def test_a_seam_between_messages_is_not_heard(self):
        whole, pieces = started(playout_delay_ms=0), started(playout_delay_ms=0)
        pcm = voice(1.0, 16000)
        for call, n in ((whole, len(pcm)), (pieces, 320)):
            for i in range(0, len(pcm), n):
                data = base64_of(pcm[i : i + n].tobytes())
                call.receive(spoken(contentType="audio/x-l16", sampleRate=16000, payload=data), 0.0)
        np.testing.assert_array_equal(whole.recording(1.0)[1], pieces.recording(1.0)[1])

    def test_media_say_what_they_carry_where_that_is_observed(self):
        for profile, expected in (("observed", ["audio/x-mulaw", 8000]), ("documented", [None, None])):
            (body,) = (m["media"] for m in messages(started(profile=profile), 0.02) if m["event"] == "media")
            assert [body.get("contentType"), body.get("sampleRate")] == expected
            assert list(body)[:4] == ["track", "timestamp", "chunk", "payload"]

    def test_another_profile_is_refused(self):
        with pytest.raises(ValueError, match="profile must be 'observed' or 'documented', not 'strict'"):
            CarrierStream(profile="strict")
