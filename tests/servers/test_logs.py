"""What the log "voiceband.calls" is told, on every driver: one line for each thing an operator wants to know."""

import asyncio
import contextlib
import json
import logging

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from _support.drivers import SERVERS, eventually
from _support.messages import media, start
from _support.wires import Wire
from voiceband.servers import CallHandle
from voiceband.servers.call_log import MOST, printable
from voiceband.servers.context import running
from voiceband.servers.totals import TOTALS
from voiceband.session import Malformed, Stopped

FORGED = "c1\n2026-11-29 00:00:00,000 ERROR forged \x1b[31mred\x1b[0m\r\x00\u2028\u202e\x9b"


@pytest.fixture(params=SERVERS)
def server(request):
    return SERVERS[request.param]


@pytest.fixture
def lines(caplog):
    """Return what has been logged, one text for each line."""
    caplog.set_level(logging.INFO, "voiceband.calls")

    def told(level=logging.INFO):
        records = [record for record in caplog.records if record.name == "voiceband.calls" and record.levelno >= level]
        return [record.getMessage() for record in records]

    return told


def one_call(server, messages, code=1000, reason="bye", **options):
    """Run a call whose carrier sends some messages; return its events."""
    events = []

    async def agent(call):
        async for event in call:
            events.append(event)

    async def scenario():
        async with server(agent, **options) as url:
            async with connect(url) as socket:
                for message in messages:
                    await socket.send(message)
                await eventually(lambda: len(events) >= len(messages))
                await socket.close(code, reason)
            await eventually(lambda: isinstance(events[-1], Stopped))

    asyncio.run(scenario())
    return events


def test_a_call_begins_and_ends_with_one_line_each(server, lines):
    one_call(server, [start(), media(0)])
    begins, ends = lines()
    assert begins == "call c begins: stream s, audio/x-mulaw;rate=8000"
    assert ends.startswith("call c ends after 0.")
    assert "bye" in ends or "1000" in ends


def test_a_kind_of_warning_is_logged_once_a_call(server, lines):
    wav = b"RIFF\x24\x08\x00\x00WAVEfmt " + b"\x00" * 144
    bad = json.dumps({"event": "media", "media": {"payload": "*"}})
    events = one_call(server, [start(), *(media(i, wav) for i in range(5)), bad, bad, bad])
    assert sum(isinstance(event, Malformed) for event in events) == 3
    warned = lines(logging.WARNING)
    assert len([line for line in warned if line.startswith("call c: malformed: ")]) == 1
    assert len({line.split(": ")[1] for line in warned}) == len(warned) >= 2


def test_a_refused_upgrade_is_logged_with_its_reason(server, lines):
    async def agent(call):
        pytest.fail("it was to be refused")

    async def scenario():
        async with server(agent, auth_token="secret") as url:
            for headers in (None, {"X-Plivo-Signature-V3": "x", "X-Plivo-Signature-V3-Nonce": "1"}):
                with pytest.raises(InvalidStatus):
                    await connect(url, additional_headers=headers)

    asyncio.run(scenario())
    missing, wrong = [line for line in lines() if "upgrade" in line]
    assert "refused with 401: no signature" in missing
    assert "refused with 403: wrong signature" in wrong
    assert all("/ws from " in line for line in (missing, wrong))


def test_nothing_that_a_peer_sends_forges_a_line(server, lines):
    bad = json.dumps({"event": "start", "start": {"streamId": FORGED, "callId": FORGED, "mediaFormat": FORGED}})
    messages = [bad, json.dumps({"event": FORGED, "media": FORGED}), "\x1b[2J" + FORGED]
    events = one_call(server, messages, 3000, FORGED[:60], rejoin_s=0)
    assert len(events) > 3
    assert len(lines()) >= 3
    for line in lines():
        assert line.isprintable(), line
        assert len(line) < 4 * MOST


def test_an_agent_that_fails_names_its_call_in_printable_characters(server, lines):
    async def agent(call):
        async for _ in call:
            await call.hangup()

    async def scenario():
        async with server(agent) as url, connect(url) as socket:
            await socket.send(start(call_id=FORGED))
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await socket.recv()

    asyncio.run(scenario())
    assert all(line.isprintable() for line in lines())
    assert any("the socket is closed" in line for line in lines())


def test_what_is_long_is_cut():
    assert len(printable("x" * 10_000)) == MOST + 3
    assert printable(None) == "None"
    assert printable("häßlich 電話") == "häßlich 電話"


def test_a_call_whose_start_is_late_is_one_call(lines):
    def begun():
        return json.loads(TOTALS.snapshot())[0].get("voiceband_calls_total", 0)

    async def scenario():
        wire, before = Wire(), begun()
        async with running(CallHandle(wire)):
            for i in range(30):
                wire.feed(media(i))
            wire.feed(start(call_id="late"))
            assert begun() == before + 1
            wire.lost()

    asyncio.run(scenario())
    assert any("call late begins" in line for line in lines())
