"""Phone calls on real sockets, in real time, for as short as that goes."""

import asyncio
import contextlib
import json
import socket
from urllib.parse import parse_qs

import numpy as np
from plivo.utils.signature_v3 import validate_v3_signature
from websockets.asyncio.server import serve
from websockets.utils import accept_key

from _support.phone_calls import SOON, TOKEN, callbacks, go, url
from voiceband.callbacks import verify_upgrade
from voiceband.emulator import Carrier, Network, Preset, Retries, Way, run_call
from voiceband.formats import PLIVO_L16_16K, PLIVO_MULAW_8K
from voiceband.markup import Hangup, Play, Response, Stream, Wait
from voiceband.protocol import PlayAudio
from voiceband.servers.websockets import serve as serve_agent
from voiceband.session import Started


def test_from_the_answer_url_to_the_hang_up(web):
    said = np.random.default_rng(1).integers(-9000, 9000, 1600, np.int16)
    upgrades = []

    async def agent(socket):
        upgrades.append(socket.request)
        start = json.loads(await socket.recv())["start"]
        await socket.send(PlayAudio(PLIVO_L16_16K.encode(said), PLIVO_L16_16K).encode())
        await socket.send(json.dumps({"event": "checkpoint", "streamId": start["streamId"], "name": "done"}))
        async for text in socket:
            if json.loads(text)["event"] == "playedStream":
                return

    async def scenario():
        async with serve(agent, "127.0.0.1", 0) as server:
            stream = Stream(
                url(server) + "ws?room=1",
                bidirectional=True,
                keep_call_alive=True,
                status_callback_url=web.url + "/status",
            )
            web.answer = (200, Response(stream, Hangup()).to_xml().encode(), {})
            carrier = Carrier(web.url + "/answer", playout_delay_ms=20)
            await run_call(carrier)
            return carrier, stream.url

    carrier, stream_url = go(scenario)
    assert (carrier.end_reason, carrier.problems) == ("Hangup element", [])
    (call,) = carrier.streams
    assert (call.problems, call.end_reason) == ([], "closed by the agent")
    assert bytes(call.player.runs[0].data) == PLIVO_L16_16K.encode(said)
    # Each is a request of its own; which of two at once arrives first is up to the network.
    assert sorted(c.event_name for c in callbacks(web)) == ["PlayedStream", "StartStream", "StopStream"]
    for method, path, headers, body in web.requests:
        signature, nonce = (headers[f"X-Plivo-Signature-V3{end}"] for end in ("", "-Nonce"))
        form = parse_qs(body, keep_blank_values=True)
        assert validate_v3_signature(method, web.url + path, nonce, TOKEN, signature, form)
    assert verify_upgrade(stream_url, list(upgrades[0].headers.raw_items()), TOKEN, schemes=("http",))


def test_our_own_agent_takes_a_carrier_s_call():
    async def agent(call):
        async for event in call:
            if isinstance(event, Started):
                await call.play(np.full(800, 3000, np.int16), 8000, end=True)
                await call.drain(hangup_after_drain=True)

    async def scenario():
        async with await serve_agent(agent) as server:
            carrier = Carrier(
                Stream(url(server), bidirectional=True, keep_call_alive=True, content_type=PLIVO_MULAW_8K)
            )
            await run_call(carrier)
            return carrier

    carrier = go(scenario)
    assert len(carrier.streams[0].player.runs[0].data) == 800
    assert carrier.streams[0].problems == []


def test_a_network_delays_what_agents_send():
    async def agent(socket):
        await socket.recv()
        await socket.send(PlayAudio(bytes(160), PLIVO_MULAW_8K).encode())
        async for _ in socket:
            pass

    async def scenario():
        async with serve(agent, "127.0.0.1", 0) as server:
            stream = Stream(url(server), bidirectional=True, keep_call_alive=True, content_type=PLIVO_MULAW_8K)
            carrier = Carrier(stream, playout_delay_ms=0)
            slow = Preset(to_agent=Way(delay_ms=0), to_carrier=Way(delay_ms=300))
            await run_call(carrier, network=lambda: Network(slow), max_s=0.8)
            return carrier

    (call,) = go(scenario).streams
    assert call.player.runs[0].start - call.started_at >= 0.3
    assert call.problems == []


class TestConnections:
    def test_one_that_is_refused_is_tried_again(self):
        tries = []

        def refuse(connection, request):
            tries.append(request)
            return connection.respond(503, "busy\n") if len(tries) < 3 else None

        async def agent(socket):
            await socket.recv()

        async def scenario():
            async with serve(agent, "127.0.0.1", 0, process_request=refuse) as server:
                carrier = Carrier(Stream(url(server), keep_call_alive=True), retries=SOON)
                await run_call(carrier)
                return carrier

        carrier = go(scenario)
        assert len(tries) == 3
        assert ["HTTP 503" in e.detail["reason"] for e in carrier.log.named("refused")] == [True, True]
        assert len(carrier.streams) == 1

    def test_nobody_there(self, web):
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        stream = Stream(f"ws://127.0.0.1:{port}/", keep_call_alive=True, status_callback_url=web.url + "/status")
        carrier = Carrier(stream, retries=SOON)
        go(lambda: run_call(carrier))
        assert len(carrier.log.named("refused")) == 3
        assert [(c.event_name, c.error) for c in callbacks(web)] == [
            ("DroppedStream", "Could not establish connection with the remote service")
        ]
        assert (carrier.streams, carrier.end_reason) == ([], "end of XML")

    def test_a_server_that_is_not_tls(self):
        async def agent(socket):
            await socket.recv()

        async def scenario():
            async with serve(agent, "127.0.0.1", 0) as server:
                carrier = Carrier(Stream(url(server, "wss"), keep_call_alive=True), retries=SOON)
                await run_call(carrier)
                return carrier

        carrier = go(scenario)
        assert len(carrier.log.named("refused")) == 3

    def test_one_that_breaks_off_is_made_again(self):
        starts = []

        async def agent(socket):
            starts.append(json.loads(await socket.recv()))
            if len(starts) == 1:
                socket.transport.abort()

        async def scenario():
            async with serve(agent, "127.0.0.1", 0) as server:
                carrier = Carrier(Stream(url(server), keep_call_alive=True), retries=SOON)
                await run_call(carrier)
                return carrier

        carrier = go(scenario)
        assert [call.end_reason for call in carrier.streams] == ["broken off", "closed by the agent"]
        assert starts[0] == starts[1]

    def test_an_agent_that_never_reads_is_dropped(self, web):
        stop = asyncio.Event()

        async def deaf(reader, writer):
            # An upgrade by hand, since no server library stops reading for good.
            request = (await reader.readuntil(b"\r\n\r\n")).decode()
            key = request.split("Sec-WebSocket-Key: ")[1].split("\r\n")[0]
            writer.write(
                f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Accept: {accept_key(key)}\r\n\r\n".encode()
            )
            writer.transport.pause_reading()
            await stop.wait()
            writer.transport.abort()

        async def scenario():
            listening = socket.create_server(("127.0.0.1", 0))
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            async with await asyncio.start_server(deaf, sock=listening, limit=4096) as server:
                stream = Stream(
                    url(server), audio_track="both", keep_call_alive=True, status_callback_url=web.url + "/status"
                )
                carrier = Carrier(stream, max_backlog_s=0.2)
                await run_call(carrier)
                stop.set()
                return carrier

        carrier = go(scenario)
        told = sorted(c.event_name for c in callbacks(web))
        assert told == [*["DegradedStream"] * 3, "DroppedStream", "StartStream"]
        assert carrier.streams[0].end_reason == "slow connection"

    def test_hostile_messages_do_not_end_a_call_but_a_huge_one_does(self):
        async def agent(socket):
            await socket.recv()
            for message in (b"\x00\xff", "{", "[]", "x" * 70_000, '{"event":"playAudio"}', '{"event":"start"}'):
                await socket.send(message)
            await socket.recv()
            await socket.send("x" * 2**21)
            with contextlib.suppress(Exception):
                while True:
                    await socket.recv()

        async def scenario():
            async with serve(agent, "127.0.0.1", 0) as server:
                carrier = Carrier(
                    Stream(url(server), bidirectional=True, keep_call_alive=True), retries=Retries(most=0)
                )
                await run_call(carrier)
                return carrier

        carrier = go(scenario)
        assert len(carrier.streams[0].problems) == 6
        assert carrier.log.named("closed")[0].detail["code"] == 1009


class TestDriver:
    def test_cancelling_hangs_up_and_closes(self):
        async def scenario():
            closed = asyncio.Event()

            async def agent(socket):
                async for _ in socket:
                    pass
                closed.set()

            async with serve(agent, "127.0.0.1", 0) as server:
                carrier = Carrier(Stream(url(server), keep_call_alive=True))
                going = asyncio.create_task(run_call(carrier))
                while not carrier.streams:
                    await asyncio.sleep(0.005)
                going.cancel()
                await asyncio.wait([going])
                await closed.wait()
            return carrier, going

        carrier, going = go(scenario)
        assert going.cancelled()
        assert carrier.end_reason == "caller"

    def test_a_call_can_be_limited(self):
        async def agent(socket):
            async for _ in socket:
                pass

        async def scenario():
            async with serve(agent, "127.0.0.1", 0) as server:
                carrier = Carrier(Stream(url(server), keep_call_alive=True))
                ticks = []
                await run_call(carrier, on_tick=lambda now, _: ticks.append(now), max_s=0.5)
                return carrier, ticks

        carrier, ticks = go(scenario)
        assert carrier.end_reason == "caller"
        assert len(ticks) >= 5  # 25 where nothing else runs

    def test_servers_that_accept_and_say_nothing_cost_a_bounded_time(self, monkeypatch):
        monkeypatch.setattr("voiceband.emulator.run.agent_socket.CONNECT_TIMEOUT_S", 0.1)
        with socket.create_server(("127.0.0.1", 0), backlog=16) as silent:
            place = f"127.0.0.1:{silent.getsockname()[1]}/"
            stream = Stream(
                f"ws://{place}",
                keep_call_alive=True,
                status_callback_url=f"http://{place}#rt=100",
                content_type=PLIVO_MULAW_8K,
            )
            dialling, asking = Carrier(stream, retries=SOON), Carrier(f"http://{place}#rt=100&rc=2")
            go(lambda: run_call(dialling))
            go(lambda: run_call(asking))
        assert len(dialling.log.named("refused")) == 3
        assert "a status callback: " in dialling.problems[0]
        assert asking.end_reason.startswith("no answer: ")
        assert len(asking.log.named("HTTP request")) == 3

    def test_a_plain_server_here_is_dialled_plainly_where_its_xml_asks_for_tls(self, web):
        async def agent(socket):
            await socket.close()

        async def scenario():
            async with serve(agent, "127.0.0.1", 0) as server:
                address = url(server, "wss")
                back = web.url.replace("http", "https") + "/status"
                element = Stream(address, status_callback_url=back, keep_call_alive=True, content_type=PLIVO_MULAW_8K)
                web.answer = (200, Response(element, Hangup()).to_xml().encode(), {"Content-Type": "application/xml"})
                found, given = Carrier(web.url + "/answer"), Carrier(element, retries=SOON)
                await run_call(found)
                await run_call(given)
                return address, found, given

        address, found, given = go(scenario)
        assert found.end_reason == "Hangup element"
        doubts = [entry.detail["text"] for entry in found.log.named("warning")]
        assert [address[:-1] in doubts[0], web.url.replace("http", "https") in doubts[1]] == [True, True]
        assert len(doubts) == 2
        assert len(callbacks(web)) == 2
        # Who gives such an address himself is told that it is wrong.
        assert len(given.log.named("refused")) == 3

    def test_an_answer_that_is_too_long(self, web, monkeypatch):
        monkeypatch.setattr("voiceband.emulator.run.real.MAX_ANSWER_BYTES", 1000)
        web.answer = (200, b" " * 2000, {})
        carrier = Carrier(web.url + "/answer")
        go(lambda: run_call(carrier))
        assert "its answer is longer than 1000 bytes" in carrier.end_reason

    def test_a_file_is_fetched_and_played(self, web):
        web.answer = (200, b"no sound at all", {})
        carrier = Carrier(Response(Play(web.url + "/x.mp3"), Wait(1), Hangup()))
        go(lambda: run_call(carrier))
        assert web.requests[0][0] == "GET"
        assert "a file cannot be played" in carrier.problems[0]
        assert carrier.end_reason == "Hangup element"
