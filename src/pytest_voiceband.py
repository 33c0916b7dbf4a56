"""The pytest plugin: the fixture `plivo_call`. Nothing of voiceband is imported before a test asks for it.

It is a module of its own, since pytest imports the plugins of every installed package in every run.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

    from voiceband.emulator.call.placed import PlacedCall
    from voiceband.emulator.call.testing import Caller

_CALLS: pytest.StashKey[list[PlacedCall]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let failures be kept."""
    parser.getgroup("voiceband").addoption(
        "--plivo-save",
        metavar="DIR",
        default=None,
        help="keep call.wav, wire.jsonl, summary.json and report.html of the calls of tests that fail",
    )


@pytest.fixture
def plivo_call(request: pytest.FixtureRequest) -> Caller:
    """Call an agent as the carrier would: ``plivo_call("ws://...")``; see `voiceband.emulator.Caller`."""
    try:
        from voiceband.emulator.call.testing import Caller
    except ModuleNotFoundError as error:
        pytest.fail(str(error), pytrace=False)
    calls = request.node.stash.setdefault(_CALLS, [])
    return Caller(calls.append)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Generator[None, Any, None]:
    """Say of a test that fails what its calls came to, and keep them if they are to be kept."""
    report = (yield).get_result()
    calls = item.stash.get(_CALLS, [])
    if call.when != "call" or not report.failed or not calls:
        return
    folder = item.config.getoption("--plivo-save")
    for number, placed in enumerate(calls, 1):
        said = placed.explanation
        if folder is not None:
            name = re.sub(r"[^\w.-]+", "-", item.nodeid)[-150:]
            said += f"\nkept in {placed.save(Path(folder) / (f'{name}-{number}' if len(calls) > 1 else name))}"
        report.sections.append((f"plivo_call {number}" if len(calls) > 1 else "plivo_call", said))
