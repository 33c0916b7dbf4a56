"""Each agent of the documentation that runs without a service is called, and nothing is wrong with it.

Those of README.md, index.md and drivers.md have test_first_agents.py; those of services.md have
test_cookbook.py.
"""

from pathlib import Path

import pytest

from _support.pages import blocks
from voiceband.emulator import BargeIn, Pause, Say, WaitFor

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.source_tree

SENTENCE = [Say("@caller", sentence=1), Pause(3)]
TALK = [
    BargeIn("@caller", after_ms=500, sentence=1),
    WaitFor("stop"),
    Say("@caller", sentence=2),
    WaitFor("stop"),
]
CALLS = {
    "quickstart.md agent": SENTENCE,
    "quickstart.md agent, twice": [*SENTENCE, *SENTENCE],
    "report.md agent": SENTENCE,
    "call.md greeter": [WaitFor("stop")],
    "call.md greeter, interrupted": [*TALK[:1], Pause(1)],
    "fastapi.md agent": TALK,
    "emulator.md act": [WaitFor("stop")],
}
ELSEWHERE = {("drivers.md", "agent"), ("index.md", "agent"), ("services.md", "agent")}
NO_ANSWER = {("call.md", "agent"), ("emulator.md", "on_event")}  # what a finding looks like; a recorder


def agents(page):
    """Return the agents that the blocks of a page define, by name."""
    found = {}
    names = {"__name__": page.stem}
    for block in blocks(page, "python"):
        if not (block.title or "").startswith("test_"):
            exec(compile("\n" * block.line + block.text, str(page), "exec"), names)
        found |= {name: value for name, value in names.items() if name in ("agent", "greeter", "act", "on_event")}
    return found


@pytest.mark.parametrize("wire", ["audio/x-mulaw;rate=8000", "audio/x-l16;rate=16000"])
@pytest.mark.parametrize("case", CALLS)
def test_nothing_is_wrong_with_the_agent_of_a_page(plivo_call, case, wire):
    page, name = case.split(",")[0].split()
    agent = agents(ROOT / "docs" / page)[name]
    call = plivo_call(agent, clock="virtual", stream=f"contentType={wire}", script=CALLS[case])
    assert call.findings == []


def test_no_agent_of_a_page_is_left_out():
    defined = {
        (page.name, name)
        for page in (ROOT / "docs").glob("*.md")
        for block in blocks(page, "python")
        for name in ("agent", "greeter", "act", "on_event")
        if f"def {name}(" in block.text
    }
    assert defined - ELSEWHERE - NO_ANSWER == {tuple(case.split(",")[0].split()) for case in CALLS}
