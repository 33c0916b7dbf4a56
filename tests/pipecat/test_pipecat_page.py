"""The examples of docs/pipecat.md run."""

from pathlib import Path

import pytest

from pages import run_page

pytest.importorskip("pipecat.serializers.plivo", reason="needs pipecat: make test-pipecat runs it")


def test_the_page_runs():
    run_page(Path(__file__).parents[2] / "docs" / "pipecat.md")
