"""Callers that take little time, and `voiceband call` in this process."""

import pytest

from _support.commands import voiceband

QUICK = "steps:\n  - wait_for: start\n    timeout_s: 2.6\n  - wait_for: stop\n    timeout_s: 2.6\n    silence_ms: 100\n"
"""A caller who waits just long enough for an agent that says nothing to count as silent."""
HASTY = "steps:\n  - wait_s: 0.5\n"


@pytest.fixture
def run(tmp_path):
    """Run the command in this process; give its exit code, stdout and stderr."""

    def run(*options):
        ended = voiceband("call", *options, "--out", tmp_path / "call")
        return ended.returncode, ended.stdout, ended.stderr

    return run


@pytest.fixture
def quick(tmp_path):
    path = tmp_path / "quick.yaml"
    path.write_text(QUICK)
    return path


@pytest.fixture
def hasty(tmp_path):
    path = tmp_path / "hasty.yaml"
    path.write_text(HASTY)
    return path
