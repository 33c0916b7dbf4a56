"""The examples of docs/pipecat.md, and its whole bot."""

import asyncio
from pathlib import Path

import pytest

from _support.likeness import likeness, played, voice
from _support.one_connection import call_agent
from _support.pages import run_page

pytest.importorskip("pipecat.serializers.plivo", reason="needs pipecat: make test-pipecat runs it")

import uvicorn

from voiceband.formats import PLIVO_L16_16K, PLIVO_MULAW_8K

DOCS = Path(__file__).parents[3] / "docs"


def test_the_page_runs():
    run_page(DOCS / "pipecat.md")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # uvicorn's and pipecat's own, which we cannot mend
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("wire", [PLIVO_MULAW_8K, PLIVO_L16_16K], ids=str)
def test_the_bot_of_the_page_says_what_it_hears(wire):
    app = run_page(DOCS / "pipecat.md")["app"]
    said = voice(1.0, wire.sample_rate)
    (call,) = asyncio.run(converse(app, wire, said)).streams
    assert call.problems == []
    assert likeness(played(call), said) >= 0.99


async def converse(app, wire, said):
    """Call the application, and hang up after two seconds."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", ws_per_message_deflate=False))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        return await asyncio.wait_for(call_agent(f"ws://127.0.0.1:{port}/stream", wire, say=said, seconds=2.0), 20)
    finally:
        server.should_exit = True
        await serving
