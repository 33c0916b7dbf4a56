"""What a driver is given, and what it does about an upgrade and about messages that no carrier sends."""

import asyncio
import contextlib
import logging
import re
import sys

import pytest
import uvicorn
import websockets
from aiohttp import ClientConnectionResetError, web
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from _support.drivers import DRIVERS, SERVERS, eventually, timers_of_voiceband
from _support.peers import Peer, frame
from voiceband.callbacks import NonceCache, path_token, sign_v3
from voiceband.servers import fastapi as fastapi_driver
from voiceband.session import Malformed, Session, Started, Stopped

WEBSOCKETS = int(websockets.__version__.split(".")[0])

FORMAT = '"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000}'
START = '{"event":"start","start":{"streamId":"s","callId":"c",' + FORMAT + "}}"


@pytest.fixture(params=SERVERS)
def server(request):
    return SERVERS[request.param]


@pytest.mark.parametrize(
    "options",
    [
        {"rate": 5},
        {"nonsense": 5},
        {"idle_timeout_s": 0},
        {"auth_token": ""},
        {"auth_token": "x", "public_base_url": "voice.example.com"},
        {"path": "ws"},
        {"auth_token": "x", "token_ttl_s": 0},
        {"nonces": NonceCache(), "token_ttl_s": 60},
        {"auth_token": "x", "token_ttl_s": 60},
        {"session": Session()},
        {"recorder": object()},
    ],
    ids=lambda options: "+".join(options),
)
@pytest.mark.parametrize("driver", DRIVERS.values(), ids=DRIVERS)
def test_options_are_refused_when_the_server_starts(driver, options):
    async def agent(call):
        pass

    name = [*options][-1]
    with pytest.raises((ValueError, TypeError), match=name):
        asyncio.run(driver.serve(agent, **options))
    with pytest.raises((ValueError, TypeError), match=name):
        driver.handler(agent, **options)


@pytest.mark.parametrize("driver", DRIVERS.values(), ids=DRIVERS)
def test_the_drivers_offer_the_same_names_or_say_why_not(driver):
    names = {"Agent", "CallHandle", "accept", "handler", "serve", "settings"}
    assert set(driver.__all__) <= names
    for name in names - set(driver.__all__):
        assert re.search(rf"no\s+`{name}`", driver.__doc__), (driver.__name__, name)


@pytest.mark.parametrize("driver", DRIVERS.values(), ids=DRIVERS)
def test_a_plain_get_is_answered_for_health_checks(driver):
    async def agent(call):
        pass

    async def scenario():
        async with await driver.serve(agent, auth_token="secret") as server:
            peer = await Peer(f"ws://127.0.0.1:{server.port}/any").dial()
            peer.writer.write(b"GET /any HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            answer = await peer.reader.read()
            peer.writer.close()
        return answer

    answer = asyncio.run(scenario())
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"ok\n")


def test_compression_is_refused_a_protocol_echoed_and_a_bad_frame_does_not_end_a_call(server):
    events = []

    async def agent(call):
        async for event in call:
            events.append(event)

    async def scenario():
        async with server(agent) as url, connect(url, compression="deflate", subprotocols=["audio", "b"]) as socket:
            assert socket.protocol.extensions == []
            assert socket.subprotocol == "audio"
            await socket.send("rubbish")
            await socket.send(b"\xff\x00")
            await socket.send(b"")
            await socket.send(START)
            await socket.close()
            await eventually(lambda: events and isinstance(events[-1], Stopped))

    asyncio.run(scenario())
    assert [type(e) for e in events] == [Malformed, Malformed, Malformed, Started, Stopped]


def test_a_message_that_is_too_big_ends_its_call_with_a_reason(server):
    events = []

    async def agent(call):
        async for event in call:
            events.append(event)

    async def scenario():
        async with server(agent) as url, connect(url) as socket:
            await socket.send(START)
            with contextlib.suppress(ConnectionClosed):
                await socket.send("x" * (2**20 + 1))
            await socket.wait_closed()
            assert socket.close_code == 1009
            # An older uvicorn waits 10 s for the other half of the handshake, and does not pass the code on. The others
            # do not take it for a call that may come again, which would be waited for as long.
            patience_s = 20 if server is SERVERS["fastapi"] else 8
            await eventually(lambda: events and isinstance(events[-1], Stopped), patience_s)

    asyncio.run(scenario())
    assert re.search("too big|exceeds|100[69]", events[-1].reason)


def test_the_signature_is_checked_before_the_upgrade(server):
    calls = []

    async def agent(call):
        calls.append(call)

    async def scenario():
        async with server(agent, auth_token="secret") as url:
            for signature, status, reason in ((None, 401, b"no signature"), ("wrong", 403, b"wrong signature")):
                headers = {"X-Plivo-Signature-V3": signature, "X-Plivo-Signature-V3-Nonce": "1"} if signature else {}
                with pytest.raises(InvalidStatus) as caught:
                    await connect(url, additional_headers=headers)
                assert caught.value.response.status_code == status
                assert reason in caught.value.response.body
            assert calls == []
            signature = sign_v3("GET", url.replace("ws://", "http://"), "12345", "secret")
            headers = {"X-Plivo-Signature-V3": signature, "X-Plivo-Signature-V3-Nonce": "12345"}
            async with connect(url, additional_headers=headers):
                await eventually(lambda: calls)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("target", "host", "signed", "answer"),
    [
        ("/ws", "voice.example.com", "/ws", b"101"),
        ("/abc", "voice.example.com/ws", "/ws/abc", b"40[04]"),  # a host that has a path of its own
        ("/ws", "voice.example.com/ws?x=", "/ws?x=/ws", b"400"),
        ("/ws", "me@voice.example.com", "/ws", b"40[03]"),
        ("/ws;a=b", "voice.example.com", "/ws", b"40[34]"),
        ("/other", "voice.example.com", "/other", b"404"),
        ("/ws", "voice.example.com", "/other", b"403"),
    ],
)
def test_a_signature_is_of_the_path_that_is_served(server, target, host, signed, answer):
    async def agent(call):
        async for _ in call:
            pass

    async def scenario():
        async with server(agent, auth_token="secret", path="/ws") as url:
            peer = await Peer(url).dial()
            signature = sign_v3("GET", f"http://voice.example.com{signed}", "12345", "secret")
            peer.writer.write(
                f"GET {target} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                f"X-Plivo-Signature-V3: {signature}\r\nX-Plivo-Signature-V3-Nonce: 12345\r\n\r\n".encode()
            )
            line = await asyncio.wait_for(peer.reader.readline(), 5)
            peer.writer.close()
        return line

    assert re.match(rb"HTTP/1.1 " + answer, asyncio.run(scenario()))


def test_a_token_in_the_path_opens_the_socket_once(server, caplog):
    caplog.set_level(logging.INFO, "voiceband.calls")
    calls = []

    async def agent(call):
        calls.append(call)
        async for _ in call:
            pass

    async def scenario():
        options = {"auth_token": "secret", "token_ttl_s": 60, "nonces": NonceCache(), "path": "/ws"}
        async with server(agent, **options) as url:
            base = url.rstrip("/").removesuffix("/ws")
            good, other = path_token("secret"), path_token("another")
            async with connect(f"{base}/ws/{good}"):
                await eventually(lambda: calls)
            for path, status in (
                (f"/ws/{good}", 403),
                (f"/ws/{other}", 403),
                ("/ws/", 401),
                (f"/other/{path_token('secret')}", 404),
                (f"/ws/{path_token('secret')[:-1]}", 403),
            ):
                with pytest.raises(InvalidStatus) as caught:
                    await connect(f"{base}{path}")
                assert caught.value.response.status_code == status
            return good

    token = asyncio.run(scenario())
    assert len(calls) == 1
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("voiceband")]
    assert len(ours) >= 6  # a server's own log of requests is its own business
    assert token not in "".join(ours)


def test_a_peer_that_is_gone_before_the_upgrade_leaves_no_timer():
    async def receive():
        return {"type": "websocket.connect"}

    async def refuse(message):
        raise OSError("the peer has gone")

    async def scenario():
        timers = timers_of_voiceband(asyncio.get_running_loop())
        scope = {"type": "websocket", "path": "/", "headers": [], "query_string": b"", "server": ("h", 80)}
        with pytest.raises((OSError, WebSocketDisconnect, RuntimeError)):
            async with fastapi_driver.accept(WebSocket(scope, receive, refuse)):
                pytest.fail("it was not accepted")
        assert all(timer.cancelled() for timer in timers)

    asyncio.run(scenario())


def test_uvicorn_without_websockets_is_told_what_it_needs(monkeypatch):
    monkeypatch.setattr("uvicorn.protocols.websockets.auto.AutoWebSocketsProtocol", None)
    monkeypatch.delitem(sys.modules, "voiceband.servers.fastapi.uvicorn", raising=False)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'voiceband\[fastapi\]'"):
        uvicorn.Config("any:app", ws=fastapi_driver.settings()["ws"]).load()


@pytest.mark.parametrize("line", ["GET / HTTP/1.1", "GET /x HTTP/1.0", "HEAD / HTTP/1.1", "OPTIONS /x HTTP/1.1"])
def test_a_health_probe_of_any_kind_is_answered(server, line):
    if server is SERVERS["websockets"] and WEBSOCKETS < 17 and line != "GET / HTTP/1.1":
        pytest.skip("websockets takes GET of HTTP/1.1 only before its version 17")

    async def main():
        async with server(lambda call: None) as url:
            peer = await Peer(url).dial()
            peer.writer.write(f"{line}\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
            answer = await peer.reader.readuntil(b"\r\n")
            peer.writer.close()  # websockets waits for it for seconds
            return answer

    assert b" 200 " in asyncio.run(main())


def test_an_answer_to_a_ping_that_cannot_be_sent_is_the_end_of_a_socket(monkeypatch):
    """aiohttp raises it where messages are read; it is no error of the agent."""
    receive, n_received, ends = web.WebSocketResponse.receive, 0, []

    async def received(response):
        nonlocal n_received
        n_received += 1
        if n_received == 2:
            raise ClientConnectionResetError("Cannot write to closing transport")
        return await receive(response)

    async def agent(call):
        async for event in call:
            if isinstance(event, Stopped):
                ends.append(event.reason)

    async def main():
        async with SERVERS["aiohttp"](agent, auth_token="secret", rejoin_s=0) as url:
            peer = await Peer(url).upgrade()
            peer.writer.write(frame(START))
            await eventually(lambda: ends)

    monkeypatch.setattr(web.WebSocketResponse, "receive", received)
    asyncio.run(main())
    assert ends == ["Cannot write to closing transport"]
