"""The agents of services.md, between an emulated caller and servers that speak as the services do."""

from pathlib import Path

import numpy as np
import pytest

from _support.broken_servers import served
from _support.likeness import likeness
from _support.pages import blocks
from _support.speech_services import KEY, Deepgram, Realtime, expand, tone
from voiceband.emulator.caller.steps import BargeIn, Pause, Say, WaitFor

PAGE = Path(__file__).parents[2] / "docs" / "services.md"
CALLER = [
    Say("@caller", sentence=1),
    BargeIn("@caller", after_ms=700, sentence=2),
    WaitFor("start", timeout_s=3),
    Pause(0.5),
]


def run(service, monkeypatch, **environment):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    (source,) = (block.text for block in blocks(PAGE, "python") if block.title == f"{service}_agent.py")
    names = {"__name__": service}
    exec(compile(source, str(PAGE), "exec"), names)
    return names["agent"]


def heard_first(call, ms):
    """Return what the caller heard first, with some silence around."""
    begin = int(np.flatnonzero(np.abs(call.heard) > 100)[0])
    return call.heard[begin - 100 : begin + 100 + round(ms * call.rate / 1000)]


@pytest.mark.waits
def test_the_openai_agent(plivo_call, monkeypatch):
    service = Realtime()
    with served(service) as url:
        agent = run("openai", monkeypatch, OPENAI_REALTIME_URL=url, OPENAI_API_KEY=KEY)
        call = plivo_call(agent, clock="real", script=CALLER)
    assert call.findings == []
    assert service.refused == []
    assert list(service.replies) == ["item_1", "item_2"]
    # What the model believes to have been heard is what the caller's player has played.
    truth_ms = len(call.stream.player.runs[0].data) / 8
    assert truth_ms > 700
    assert abs(service.truncated["item_1"] - truth_ms) < 300
    assert service.truncated["item_1"] < len(service.replies["item_1"]) / 8 - 300  # what was sent
    assert [each.cleared for each in call.barge_ins] == [True]
    assert likeness(heard_first(call, 600), tone(0.6, 8000, 400)) > 0.99
    assert likeness(expand(b"".join(service.heard)), call.said[: 2 * call.rate]) > 0.99


def test_the_openai_agent_with_a_wrong_key(plivo_call, monkeypatch):
    with served(Realtime()) as url:
        agent = run("openai", monkeypatch, OPENAI_REALTIME_URL=url, OPENAI_API_KEY="another")
        with pytest.raises(ExceptionGroup) as caught:
            plivo_call(agent, clock="real", script=CALLER)
    assert "invalid_api_key" in str(caught.value.exceptions[0])


@pytest.mark.waits
def test_the_deepgram_agent(plivo_call, monkeypatch):
    service = Deepgram()
    with served(service) as url:
        agent = run("deepgram", monkeypatch, DEEPGRAM_URL=url.rstrip("/"), DEEPGRAM_API_KEY=KEY)
        wide = "contentType=audio/x-l16;rate=16000"
        call = plivo_call(agent, clock="real", script=CALLER, stream=wide)
    assert call.findings == []
    assert service.refused == []
    assert service.spoken == ["You said: two rolls please."] * 2
    assert service.cleared == 2
    assert [each.cleared for each in call.barge_ins] == [True]
    assert likeness(heard_first(call, 600), tone(0.6, 16000, 500)) > 0.99
    assert likeness(np.frombuffer(b"".join(service.heard), "<i2"), call.said[: 2 * call.rate]) > 0.99
