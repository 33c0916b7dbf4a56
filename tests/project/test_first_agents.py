"""The agents of the first pages do what the pages say: an echo comes back whole, at its speed, and nothing is wrong."""

import wave
from pathlib import Path

import numpy as np
import pytest

from _support.pages import blocks
from voiceband.emulator.caller.steps import Pause, Say
from voiceband.session import Audio

ROOT = Path(__file__).parents[2]
SAID_S = 2.0
pytestmark = pytest.mark.source_tree


@pytest.fixture
def tone(tmp_path):
    with wave.open(str(tmp_path / "tone.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", None))
        wave_form = 8000 * np.sin(2 * np.pi * 300 * np.arange(int(SAID_S * 8000)) / 8000)
        file.writeframes(wave_form.astype("<i2").tobytes())
    return str(tmp_path / "tone.wav")


def defined(page, name):
    """Return what the block of a page that defines `name` makes."""
    (code,) = (b.text for b in blocks(ROOT / page, "python") if f"def {name}(" in b.text and "echo" in b.text)
    made = {"Audio": Audio}  # which the README imports in a block before
    exec(compile(code, page, "exec"), made)
    return made


def check_echo(call):
    window = call.rate // 200
    heard = np.abs(call.heard[: len(call.heard) // window * window].astype(int)).reshape(-1, window).max(axis=1) > 1500
    first, last = np.flatnonzero(heard)[[0, -1]]
    assert (last - first + 1) * 0.005 == pytest.approx(SAID_S, abs=0.03)
    assert heard[first : last + 1].all()
    assert call.findings == []
    assert sum(entry.name == "checkpoint" for entry in call.log) <= 3


def test_the_agent_of_the_first_page(plivo_call, tone):
    check_echo(plivo_call(defined("docs/index.md", "agent")["agent"], script=[Say(tone), Pause(3)]))


@pytest.mark.parametrize("wire", ["audio/x-mulaw;rate=8000", "audio/x-l16;rate=16000"])
def test_the_server_of_the_first_page(plivo_call, tone, wire):
    app = defined("README.md", "stream")["app"]
    script = [Say(tone), Pause(3)]
    check_echo(
        plivo_call("ws://agent.test/stream", app=app, clock="virtual", stream=f"contentType={wire}", script=script)
    )
