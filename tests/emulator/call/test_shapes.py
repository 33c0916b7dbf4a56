"""Agents of the shapes that public programs have, called from their answer URL on: each call goes through."""

import asyncio
import base64
import json
from urllib.parse import parse_qs

import numpy as np
import pytest

from voiceband.emulator import BargeIn, Pause, Say, WaitFor
from voiceband.formats import PLIVO_L16_16K, PLIVO_MULAW_8K

RATE = 8000
FRAME = 160


def speech(seconds, rate=RATE, seed=1):
    """Noise that swells twice a second, as loud as speech."""
    n = round(seconds * rate)
    swell = 0.3 + np.abs(np.sin(2 * np.pi * np.arange(n) / rate))
    low = np.convolve(np.random.default_rng(seed).standard_normal(n), np.hanning(9) / 4, "same")
    return np.clip(low * swell * 2500, -32000, 32000).astype(np.int16)


def play(pcm, wire=PLIVO_MULAW_8K, **changes):
    media = {"contentType": wire.mime, "sampleRate": wire.sample_rate, "payload": _base64(wire.encode(pcm)), **changes}
    return {"event": "playAudio", "media": media}


def pieces(pcm, ms):
    size = RATE * ms // 1000
    return [play(pcm[at : at + size]) for at in range(0, len(pcm), size)]


def _base64(data):
    return base64.b64encode(data).decode()


class Program:
    """A web server with an answer URL, a status callback, and an agent on a WebSocket, as ASGI has it.

    Its XML names the address by which it was asked, as if a proxy in front of it knew TLS.
    """

    def __init__(self, agent, *, get_only=False, attributes="", before="", after="", breaks_off=False):
        self.agent, self.get_only, self.breaks_off = agent, get_only, breaks_off
        self.attributes, self.before, self.after = attributes, before, after
        self.asked, self.errors = [], []

    async def __call__(self, scope, receive, send):
        await (self.socket if scope["type"] == "websocket" else self.web)(scope, receive, send)

    async def web(self, scope, receive, send):
        body = (await receive()).get("body", b"")
        host = dict(scope["headers"])[b"host"].decode()
        self.asked.append((scope["method"], scope["path"]))
        status, answer = 200, b""
        if scope["path"] == "/status":
            self.errors.append(parse_qs(body.decode(), keep_blank_values=True)["Error"][0])
        elif self.get_only and scope["method"] != "GET":
            status = 405
        else:
            two_way = "" if "bidirectional" in self.attributes else 'bidirectional="true"'
            answer = (
                f'<?xml version="1.0"?><Response>{self.before}<Stream {two_way} keepCallAlive="true" '
                f'statusCallbackUrl="http://{host}/status" {self.attributes}>wss://{host}/ws</Stream>{self.after}</Response>'
            ).encode()
        headers = [(b"content-type", b"application/xml")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    async def socket(self, scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})

        async def say(*messages):
            for message in messages:
                await send({"type": "websocket.send", "text": json.dumps(message)})

        events = asyncio.Queue()
        agent = asyncio.ensure_future(self.agent(events, say))
        while (message := await receive())["type"] == "websocket.receive":
            events.put_nowait(json.loads(message["text"]))
            if self.breaks_off and agent.done():
                return
        agent.cancel()
        await asyncio.gather(agent, return_exceptions=True)


MULAW = 'contentType="audio/x-mulaw;rate=8000"'
LISTEN = [WaitFor("greeting"), Pause(0.5)]


def called(plivo_call, agent, script=LISTEN, **options):
    carrier = {name: options.pop(name) for name in ("method", "fallback_url") if name in options}
    program = Program(agent, **{"attributes": MULAW, **options})
    call = plivo_call("http://agent.test/answer", app=program, clock="virtual", script=script, timeout_s=40, **carrier)
    return call, program


def found(call):
    return [(finding.rule, finding.degree) for finding in call.findings]


def greeting(*messages):
    async def agent(events, say):
        await events.get()
        await say(*messages)

    return agent


class TestAnswerUrls:
    def test_asked_by_get_only_with_all_that_public_xml_holds(self, plivo_call):
        attributes = f'{MULAW} extraHeaders="user=1;room=a-b" noiseSuppression="on"'
        before = '<Record recordSession="true" maxLength="3600"/>'
        before += '<Speak voice="Polly.Amy">One <break time="200ms"/>moment</Speak>'
        program = {
            "get_only": True,
            "attributes": attributes,
            "before": before,
            "after": "<Conference>room</Conference>",
        }
        call, server = called(plivo_call, greeting(*pieces(speech(1.0), 20)), method="GET", **program)
        assert server.asked[0] == ("GET", "/answer")
        assert {degree for _, degree in found(call)} == {"note", "doubtful"}
        assert {rule for rule, _ in found(call)} == {"answer-xml"}
        assert call.measures.agent.speech_ms == pytest.approx(1000, abs=60)

    def test_one_that_is_asked_in_the_wrong_way_says_so(self, plivo_call):
        call, _ = called(plivo_call, greeting(), get_only=True)
        assert not call.connected
        assert "HTTP 405 to POST (it may want GET: see the option method)" in call.findings[0].message

    def test_a_program_that_reads_the_error_of_every_callback(self, plivo_call):
        call, server = called(plivo_call, greeting(*pieces(speech(1.0), 20)))
        assert server.errors
        assert set(server.errors) == {""}
        assert found(call) == []

    @pytest.mark.parametrize(
        "headers",
        ["user=1;room=a-b", "to=+15555550100", "at=12:30", "{&quot;user&quot;:&quot;1&quot;}"],
    )
    def test_header_texts_that_no_document_promises(self, plivo_call, headers):
        attributes = f'{MULAW} extraHeaders="{headers}"'
        call, _ = called(plivo_call, greeting(*pieces(speech(1.0), 20)), attributes=attributes)
        assert found(call) == [("answer-xml", "doubtful")]
        assert call.measures.agent.speech_ms == pytest.approx(1000, abs=60)

    @pytest.mark.parametrize(
        "before",
        [
            "<PreAnswer><Speak>One moment</Speak></PreAnswer>",
            '<GetInput inputType="dtmf" numDigits="1"><Speak>Press one</Speak></GetInput>',
            "<Speak><prosody rate='fast'>One</prosody> moment</Speak>",
            '<Dial timeout="3"><Number>15555550123</Number></Dial>',
        ],
    )
    def test_elements_before_the_stream(self, plivo_call, before):
        call, _ = called(plivo_call, greeting(*pieces(speech(1.0), 20)), before=before)
        assert found(call) == []
        assert call.measures.agent.speech_ms == pytest.approx(1000, abs=60)

    def test_a_call_that_comes_back_on_another_socket(self, plivo_call):
        starts = []

        async def agent(events, say):
            starts.append((await events.get())["start"])
            await say(*pieces(speech(1.0), 20))
            while len(starts) > 1:
                await events.get()
            await asyncio.sleep(1.5)

        program = Program(agent, attributes=MULAW, breaks_off=True)
        call = plivo_call("http://agent.test/answer", app=program, clock="virtual", script=LISTEN, timeout_s=40)
        assert [start["callId"] for start in starts] == [call.carrier.call_id] * 2
        assert found(call) == [("broken-off", "error")]
        assert call.measures.agent.speech_ms == pytest.approx(1000, abs=60)


class TestSpeech:
    """What is doubtful is played; nothing here is an error."""

    @pytest.mark.parametrize(
        ("messages", "said"),
        [
            ([*pieces(speech(0.8), 20), *pieces(speech(1.2, seed=2), 20)], []),
            ([play(speech(2.0))], []),
            ([play(speech(2.0), sampleRate="8000")], []),
            ([play(speech(2.0), sampleRate=8000.0)], []),
            ([play(speech(2.0), contentType="raw")], ["wrong-format"]),
            ([play(speech(2.0), contentType="wav")], ["wrong-format"]),
            ([play(speech(9.0))], ["too-large"]),
            ([play(speech(19.7))], ["too-large"]),
        ],
    )
    def test_a_greeting_in_one_burst(self, plivo_call, messages, said):
        call, _ = called(plivo_call, greeting(*messages))
        assert found(call) == [(rule, "doubtful") for rule in said]
        sent_ms = sum(len(base64.b64decode(message["media"]["payload"])) for message in messages) / 8
        assert call.measures.agent.speech_ms == pytest.approx(sent_ms, rel=0.05)

    def test_another_allowed_format_than_the_stream_s(self, plivo_call):
        attributes = f'contentType="{PLIVO_L16_16K}"'
        call, _ = called(plivo_call, greeting(*pieces(speech(1.5), 20)), attributes=attributes)
        assert found(call) == [("wrong-format", "doubtful")]
        assert call.measures.agent.speech_ms == pytest.approx(1500, abs=60)

    def test_the_type_that_five_readmes_warn_of_is_refused_and_answered(self, plivo_call):
        refusals = []

        async def agent(events, say):
            await events.get()
            await say(play(speech(1.0), contentType="audio/x-mulaw;rate=8000"))
            while True:
                refusals.append((await events.get())["event"])

        call, _ = called(plivo_call, agent)
        assert found(call) == [("wrong-format", "error")]
        assert refusals.count("incorrectPayload") == 1

    @pytest.mark.parametrize(("piece_ms", "every_ms"), [(200, 160), (100, 100), (40, 40)])
    def test_pieces_with_sleeps_between_them(self, plivo_call, piece_ms, every_ms):
        async def agent(events, say):
            await events.get()
            for piece in pieces(speech(2.0), piece_ms):
                await say(piece)
                await asyncio.sleep(every_ms / 1000)

        call, _ = called(plivo_call, agent)
        assert found(call) == []
        assert call.gaps == []

    def test_a_checkpoint_before_and_after_each_utterance(self, plivo_call):
        acknowledged = []

        async def agent(events, say):
            stream_id = (await events.get())["start"]["streamId"]
            for number in range(2):
                marks = [
                    {"event": "checkpoint", "streamId": stream_id, "name": f"{when}-{number}"}
                    for when in ("pre", "post")
                ]
                await say(marks[0], *pieces(speech(0.7, seed=number), 20), marks[1])
                while f"post-{number}" not in acknowledged:
                    event = await events.get()
                    if event["event"] == "playedStream":
                        acknowledged.append(event["name"])

        call, _ = called(plivo_call, agent, script=[Pause(4.0)])
        assert acknowledged == ["pre-0", "post-0", "pre-1", "post-1"]
        assert found(call) == []


@pytest.mark.parametrize("key", [None, "stream_id", "stream_uuid"])
def test_barge_in_by_a_clear_that_names_the_stream_otherwise(plivo_call, key):
    async def agent(events, say):
        stream_id = (await events.get())["start"]["streamId"]
        await say(*pieces(speech(6.0), 20))
        while True:
            event = await events.get()
            if event["event"] == "media":
                pcm = PLIVO_MULAW_8K.decode(base64.b64decode(event["media"]["payload"])).astype(float)
                if np.sqrt(np.mean(pcm**2)) > 1500:
                    await say({"event": "clearAudio", **({key: stream_id} if key else {})})
                    return

    call, _ = called(plivo_call, agent, script=[BargeIn("@caller", after_ms=800, sentence=2), Pause(1.0)])
    assert found(call) == [("wrong-stream-id", "doubtful")]
    assert call.barge_ins[0].cleared


@pytest.mark.parametrize(
    ("attributes", "right"),
    [
        ('audioTrack="both"', "note"),
        ('audioTrack="outbound"', "note"),
        ('audioTrack="inbound"', "error"),
        ("", "error"),
    ],
)
def test_an_agent_that_speaks_where_it_can_only_listen(plivo_call, attributes, right):
    xml = f'bidirectional="false" {attributes} {MULAW}'
    call, _ = called(plivo_call, greeting(play(speech(1.0))), attributes=xml, after="<Dial><Number>1</Number></Dial>")
    assert found(call) == [("one-way", right)]


def test_an_echo_that_gives_back_what_it_hears_frame_by_frame(plivo_call):
    async def agent(events, say):
        while True:
            event = await events.get()
            if event["event"] == "media":
                payload = event["media"]["payload"]
                await say(
                    {
                        "event": "playAudio",
                        "media": {"contentType": "audio/x-mulaw", "sampleRate": 8000, "payload": payload},
                    }
                )

    call, _ = called(plivo_call, agent, script=[Say("@caller", sentence=2), Pause(0.6)])
    assert found(call) == []
    assert call.gaps == []
    call, _ = called(plivo_call, agent, script="@talk")
    assert found(call) == []
