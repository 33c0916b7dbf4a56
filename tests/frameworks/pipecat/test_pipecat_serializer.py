"""The serializer by itself, beside pipecat's own where that one works."""

import asyncio
import functools
import json
import random

import httpx
import numpy as np
import pytest

pytest.importorskip("pipecat.serializers.plivo", reason="needs pipecat: make test-pipecat runs it")

from loguru import logger
from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.frames import frames as pf
from pipecat.serializers.plivo import PlivoFrameSerializer as Theirs

from _support.likeness import voice
from voiceband.api import AsyncPlivoClient
from voiceband.emulator import CarrierStream, Line
from voiceband.formats import PLIVO_L16_8K, PLIVO_L16_16K, PLIVO_MULAW_8K
from voiceband.frameworks.pipecat import CheckpointFrame, PlayedFrame, PlivoFrameSerializer

STREAM = "87654321-4321-4321-4321-cba987654321"
FORMATS = [PLIVO_MULAW_8K, PLIVO_L16_8K, PLIVO_L16_16K]
rng = np.random.default_rng(3)


class Rates:
    """What `setup` looks at."""

    def __init__(self, rate):
        self.audio_in_sample_rate = rate


def make(wire=PLIVO_MULAW_8K, cls=PlivoFrameSerializer, rate=None, **more):
    params = {"auto_hang_up": False, "plivo_sample_rate": wire.sample_rate, **more}
    if cls is PlivoFrameSerializer:
        params["plivo_encoding"] = wire.mime
    serializer = cls(STREAM, params=cls.InputParams(**params))
    asyncio.run(serializer.setup(Rates(rate or wire.sample_rate)))
    return serializer


def out(serializer, frame):
    return asyncio.run(serializer.serialize(frame))


def into(serializer, message):
    return asyncio.run(serializer.deserialize(message))


def texts(wire, pcm):
    """What an emulated caller's speech looks like on the wire, without the start."""
    call = CarrierStream(wire, stream_id=STREAM)
    call.start(0.0)
    call.say(pcm)
    return call.poll(len(pcm) / wire.sample_rate + 1e-6)[1:]


def speech(n):
    return (rng.standard_normal(n) * 6000).clip(-32000, 32000).astype(np.int16)


def test_mulaw_both_ways_is_what_pipecat_gives():
    ours, theirs = make(), make(cls=Theirs)
    for text in texts(PLIVO_MULAW_8K, speech(1600)):
        a, b = into(ours, text), into(theirs, text)
        assert (a.audio, a.sample_rate, a.num_channels) == (b.audio, b.sample_rate, b.num_channels)
        frame = pf.OutputAudioRawFrame(a.audio, 8000, 1)
        assert json.loads(out(ours, frame)) == json.loads(out(theirs, frame))


@pytest.mark.parametrize(
    "frame",
    [
        pf.InterruptionFrame(),
        pf.OutputTransportMessageFrame(message={"event": "any", "x": [1, None]}),
        pf.OutputTransportMessageUrgentFrame(message={"label": "rtvi-ai", "type": "y"}),
        pf.TextFrame("unseen"),
        pf.EndFrame(),
    ],
    ids=lambda f: type(f).__name__,
)
def test_other_frames_are_what_pipecat_gives(frame):
    a, b = out(make(), frame), out(make(cls=Theirs), frame)
    assert (a and json.loads(a)) == (b and json.loads(b))


@pytest.mark.parametrize("wire", FORMATS, ids=str)
def test_the_wires_own_rate_goes_through_unchanged(wire):
    serializer = make(wire)
    pcm = speech(wire.sample_rate // 10)
    heard = b"".join(into(serializer, text).audio for text in texts(wire, pcm))
    assert heard == wire.decode(wire.encode(pcm)).tobytes()
    call = CarrierStream(wire, stream_id=STREAM)
    call.start(0.0)
    call.receive(out(serializer, pf.OutputAudioRawFrame(pcm.tobytes(), wire.sample_rate, 1)), 0.0)
    assert call.problems == []
    assert bytes(call.player.runs[0].data) == wire.encode(pcm)


@pytest.mark.parametrize("wire", FORMATS, ids=str)
@pytest.mark.parametrize("rate", [8000, 16000, 24000, 48000])
def test_every_frame_gives_its_share_at_every_rate(wire, rate):
    serializer = make(wire, rate=rate)
    assert [len(into(serializer, t).audio) for t in texts(wire, speech(wire.sample_rate // 10))] == [rate // 50 * 2] * 5
    for _ in range(5):
        text = out(serializer, pf.OutputAudioRawFrame(bytes(rate // 50 * 2), rate, 1))
        assert len(json.loads(text)["media"]["payload"]) == -(-wire.frame_bytes() // 3) * 4


def test_keys_checkpoints_and_answers():
    serializer = make()
    assert json.loads(out(serializer, CheckpointFrame("hello"))) == {
        "event": "checkpoint", "streamId": STREAM, "name": "hello",
    }  # fmt: skip
    keys = pf.OutputDTMFFrame(buttons=[KeypadEntry.ONE, KeypadEntry.POUND])
    assert json.loads(out(serializer, keys)) == {"event": "sendDTMF", "dtmf": "1#"}
    played = into(serializer, '{"event":"playedStream","streamId":"s","name":"hello"}')
    assert isinstance(played, PlayedFrame)
    assert played.checkpoint == "hello"
    pressed = into(serializer, '{"event":"dtmf","dtmf":{"digit":"5"}}')
    assert pressed.button is KeypadEntry.FIVE
    assert into(serializer, '{"event":"clearedAudio","streamId":"s"}') is None
    assert into(serializer, '{"event":"error","error":{"reason":"x"}}') is None
    assert serializer.malformed == 0


def test_the_outbound_track_is_not_the_caller():
    (text,) = texts(PLIVO_MULAW_8K, speech(160))
    assert into(make(), text.replace('"inbound"', '"outbound"')) is None


HOSTILE = [
    "[1]", '"x"', "null", "", "{", "\x00", '{"event":"media","media":null}', '{"event":"dtmf","dtmf":null}',
    '{"event":"media","media":{"payload":5}}', '{"event":"media","media":{"payload":"!!!!"}}',
    '{"event":"dtmf","dtmf":{"digit":"A"}}', '{"event":"dtmf","dtmf":{"digit":"12"}}', '{"event":"playedStream"}',
    "[" * 5000, '{"event":"media","media":{"payload":"' + "A" * 300_000 + '"}}', b"\xff\xfe\x00", '{"event":7}',
]  # fmt: skip


def test_no_message_raises_and_each_bad_one_is_counted():
    serializer = make()
    for i, message in enumerate(HOSTILE, 1):
        assert into(serializer, message) is None, message
        assert serializer.malformed == i, message
    l16 = make(PLIVO_L16_16K)
    assert into(l16, '{"event":"media","streamId":"s","media":{"payload":"AAAA"}}') is None  # three bytes
    assert l16.malformed == 1


@pytest.fixture
def logged():
    lines = []
    sink = logger.add(lines.append, format="{message}", level="WARNING")
    yield lines
    logger.remove(sink)


@pytest.mark.parametrize(
    ("says", "carries", "kinds"),
    [
        (PLIVO_L16_8K, PLIVO_MULAW_8K, {"(wrong-codec)"}),
        (PLIVO_MULAW_8K, PLIVO_L16_16K, {"(wrong-codec)"}),
        (PLIVO_MULAW_8K, PLIVO_MULAW_8K, set()),
    ],
    ids=str,
)
def test_a_stream_in_another_format_is_warned_of_once(says, carries, kinds, logged):
    serializer = make(says)
    for text in texts(carries, voice(4.0, carries.sample_rate)):
        into(serializer, text)
    assert len(logged) == len(kinds)
    assert all(any(kind in line for line in logged) for kind in kinds)


def test_what_the_carrier_could_not_use_is_told(logged):
    serializer = make()
    text = '{"event":"incorrectPayload","streamId":"s","reason":"bad\\ncontentType","payload":{"event":"playAudio"}}'
    for _ in range(100):
        assert into(serializer, text) is None
    assert serializer.refused == 100
    assert len(logged) == 7
    assert "could not use 1 messages so far: playAudio: bad\\ncontentType" in logged[0]


def test_the_log_is_not_flooded_and_holds_no_headers(logged):
    serializer = make()
    for _ in range(1000):
        into(serializer, '{"event":"media","media":null,"extra_headers":"secret=1"}')
    assert serializer.malformed == 1000
    assert len(logged) == 10
    assert not [line for line in logged if "secret" in line]


def test_random_damage_never_raises(dose):
    serializer = make(PLIVO_L16_8K)
    good = texts(PLIVO_L16_8K, speech(160))[0].encode()
    random.seed(5)
    for _ in range(dose(500, 20_000)):
        message = bytearray(good)
        for _ in range(random.randint(1, 4)):
            message[random.randrange(len(message))] = random.randrange(256)
        into(serializer, bytes(message[: random.choice([len(message), random.randrange(len(message))])]))
    assert isinstance(into(serializer, good), pf.InputAudioRawFrame)


def test_stereo_is_mixed_and_an_empty_frame_says_nothing():
    serializer = make(PLIVO_L16_8K)
    left = speech(160)
    text = out(serializer, pf.OutputAudioRawFrame(np.repeat(left, 2).tobytes(), 8000, 2))
    assert text == out(serializer, pf.OutputAudioRawFrame(left.tobytes(), 8000, 1))
    assert out(serializer, pf.OutputAudioRawFrame(b"", 8000, 1)) is None


def test_the_silence_at_the_end_fits_one_message():
    call = CarrierStream(PLIVO_L16_16K, stream_id=STREAM)
    call.start(0.0)
    call.receive(out(make(PLIVO_L16_16K), pf.OutputAudioRawFrame(bytes(2 * 24000 * 2), 24000, 1)), 0.0)
    assert call.problems == []
    with pytest.raises(ValueError, match="payload must not be longer"):
        out(make(PLIVO_L16_16K), pf.OutputAudioRawFrame(speech(2 * 24000).tobytes(), 24000, 1))


def test_a_pause_or_an_interruption_leaves_nothing_of_what_was():
    loud, quiet = speech(480).tobytes(), bytes(960)
    for between in ("interruption", "pause", None):
        serializer = make(PLIVO_L16_8K, resampler_clear_after_secs=0.0 if between == "pause" else None)
        out(serializer, pf.OutputAudioRawFrame(loud, 24000, 1))
        if between == "interruption":
            out(serializer, pf.InterruptionFrame())
        payload = json.loads(out(serializer, pf.OutputAudioRawFrame(quiet, 24000, 1)))["media"]["payload"]
        assert (payload.strip("A=") == "") is (between is not None)


@pytest.mark.parametrize("answer", [204, 404, 500, None])
@pytest.mark.parametrize("frame", [pf.EndFrame, pf.CancelFrame])
def test_the_end_of_the_pipeline_ends_the_call_once(answer, frame):
    requests = []

    def carrier(request):
        requests.append((request.method, request.url.path))
        if answer is None:
            raise httpx.ConnectError("nobody")
        return httpx.Response(answer)

    async def scenario():
        async with httpx.AsyncClient(transport=httpx.MockTransport(carrier)) as http:
            client = AsyncPlivoClient("MAXXXXXXXXXXXXXXXXXX", "token", client=http)
            serializer = PlivoFrameSerializer(STREAM, "c-1", client=client)
            assert await serializer.serialize(frame()) is None
            assert await serializer.serialize(pf.EndFrame()) is None

    asyncio.run(scenario())
    assert requests == [("DELETE", "/v1/Account/MAXXXXXXXXXXXXXXXXXX/Call/c-1/")]


def test_a_hang_up_that_nobody_answers_is_logged_without_the_token(monkeypatch, logged):
    nowhere = functools.partial(AsyncPlivoClient, base_url="http://127.0.0.1:1")
    monkeypatch.setattr("voiceband.frameworks.pipecat.serializer.AsyncPlivoClient", nowhere)
    serializer = PlivoFrameSerializer(STREAM, "c-1", "MAXXXXXXXXXXXXXXXXXX", "token-1")
    assert out(serializer, pf.EndFrame()) is None
    (line,) = logged
    assert "could not hang up call 'c-1'" in line
    assert "token-1" not in line


@pytest.mark.parametrize("cls", [PlivoFrameSerializer, Theirs])
def test_hanging_up_needs_credentials(cls):
    with pytest.raises(ValueError, match="missing required parameters: call_id, auth_id, auth_token"):
        cls(STREAM)
    with pytest.raises(ValueError, match="missing required parameters: auth_token"):
        cls(STREAM, "call", "id")
    cls(STREAM, "call", "id", "token")


def test_pipecats_own_parameters_are_taken():
    params = Theirs.InputParams(auto_hang_up=False, sample_rate=24000)
    serializer = PlivoFrameSerializer(STREAM, params=params)
    asyncio.run(serializer.setup(Rates(16000)))
    (text,) = texts(PLIVO_MULAW_8K, speech(160))
    assert into(serializer, text).sample_rate == 24000


@pytest.mark.parametrize(
    ("encoding", "rate", "match"),
    [("audio/x-mulaw", 16000, "format must be"), ("opus", 8000, "encoding must be"), ("audio/x-l16", 0, "sample_rate")],
)
def test_a_format_that_no_stream_has_is_refused(encoding, rate, match):
    params = PlivoFrameSerializer.InputParams(auto_hang_up=False, plivo_encoding=encoding, plivo_sample_rate=rate)
    with pytest.raises(ValueError, match=match):
        PlivoFrameSerializer(STREAM, params=params)


@pytest.mark.parametrize("mute_echo", [False, True])
@pytest.mark.parametrize("wire", [PLIVO_MULAW_8K, PLIVO_L16_16K])
def test_the_bots_own_voice_can_be_silence_and_a_caller_over_it_is_not(wire, mute_echo, monkeypatch):
    """A speakerphone brings the bot back; from 9 s on the caller speaks too, and at 11 s the bot is interrupted."""
    now = [100.0]
    monkeypatch.setattr("voiceband.frameworks.pipecat.serializer.time.monotonic", lambda: now[0])
    rate = wire.sample_rate
    line = Line(rate, echo="speakerphone", noise="white", snr_db=40, seed=1)
    call = CarrierStream(wire, stream_id=STREAM, playout_delay_ms=50, source=line)
    serializer = make(wire, mute_echo=mute_echo)
    bot, caller, heard = voice(11, rate), voice(2, rate, seed=5), []
    call.start(now[0])
    for k in range(600):
        if k == 450:
            line.say(caller)
        if k < 550:
            frame = pf.OutputAudioRawFrame(bot[k * rate // 50 : (k + 1) * rate // 50].tobytes(), rate, 1)
            call.receive(out(serializer, frame), now[0])
        elif k == 550:
            call.receive(out(serializer, pf.InterruptionFrame()), now[0])
        now[0] += 0.02
        frames = [into(serializer, text) for text in call.poll(now[0])]
        heard += [np.frombuffer(frame.audio, np.int16) for frame in frames if frame is not None]
    x = np.concatenate(heard).astype(float)
    echo, speech = (np.mean(x[a * rate : b * rate] ** 2) for a, b in ((4, 9), (9, 11)))

    assert (echo < 0.01 * speech) == mute_echo
    assert speech > 1e5
