"""Servers on agent-transport's endpoint, which speaks the protocol in Rust; a thread of ours carries the audio."""

import asyncio
import contextlib
import socket
import threading

import pytest

pytest.importorskip("agent_transport", reason="needs agent-transport, which has no wheel here")

import agent_transport

from _support.likeness import likeness, voice
from voiceband.formats import PLIVO_L16_8K, PLIVO_L16_16K, PLIVO_MULAW_8K

FORMATS = pytest.mark.parametrize("wire", [PLIVO_MULAW_8K, PLIVO_L16_8K, PLIVO_L16_16K], ids=str)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@contextlib.asynccontextmanager
async def serving(agent, rate):
    """Run `agent(endpoint, session, over)` in a thread for the first call."""
    over = threading.Event()
    port = free_port()  # the endpoint takes an address, not a socket
    endpoint = agent_transport.AudioStreamEndpoint(
        listen_addr=f"127.0.0.1:{port}", input_sample_rate=rate, output_sample_rate=rate, auto_hangup=False
    )

    def run():
        while not over.is_set():
            event = endpoint.wait_for_event(timeout_ms=50)
            if event is not None and event.get("type") in ("incoming_call", "call_answered"):
                agent(endpoint, event["session"].session_id, over)
                return

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield f"ws://127.0.0.1:{port}/"
    finally:
        over.set()
        thread.join()
        endpoint.shutdown()


def echo(rate):
    def agent(endpoint, session, over):
        while not over.is_set():
            piece = endpoint.recv_audio_bytes_blocking(session, timeout_ms=20)
            if piece is not None:
                endpoint.send_audio_bytes(session, bytes(piece[0]), rate, 1)

    return agent


def speaker(pcm, rate):
    def agent(endpoint, session, over):
        n = rate // 50
        for at in range(0, len(pcm), n):
            while not over.is_set():
                try:
                    endpoint.send_audio_bytes(session, pcm[at : at + n].tobytes(), rate, 1)
                    break
                except RuntimeError:  # "buffer full": it takes 200 ms
                    over.wait(0.01)

    return agent


@FORMATS
def test_an_echo_is_what_was_said(wire, place):
    said = voice(1.2, wire.sample_rate)

    async def scenario():
        async with serving(echo(wire.sample_rate), wire.sample_rate) as address:
            return await place(address, wire, said, seconds=3)

    call, findings = asyncio.run(scenario())
    assert findings == []
    assert likeness(call.recording(call.ended_at)[1], wire.decode(wire.encode(said))) >= 0.99


@FORMATS
def test_speech_is_heard(wire, place):
    meant = voice(1.2, wire.sample_rate, seed=2)

    async def scenario():
        async with serving(speaker(meant, wire.sample_rate), wire.sample_rate) as address:
            return await place(address, wire, seconds=3)

    call, findings = asyncio.run(scenario())
    assert findings == []
    assert likeness(call.recording(call.ended_at)[1], wire.decode(wire.encode(meant))) >= 0.99
