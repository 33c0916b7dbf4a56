"""The examples of docs/livekit.md run."""

from pathlib import Path

import pytest

from _support.pages import run_page

pytest.importorskip("livekit.agents.voice.io", reason="needs livekit: make test-livekit runs it")


def test_the_page_runs():
    run_page(Path(__file__).parents[3] / "docs" / "livekit.md")
