"""The benchmark of whole servers: what it counts, and what it says."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from _support.dose import dose

pytest.importorskip("picows")
ROOT = Path(__file__).parents[2]


@pytest.mark.waits
@pytest.mark.skipif(
    sys.platform != "linux" or not {0, 1} <= os.sched_getaffinity(0), reason="needs Linux with cores 0 and 1"
)
@pytest.mark.parametrize("agent", dose(["talk"], ["echo", "talk"]))
def test_servers_are_put_side_by_side(agent, tmp_path):
    names = ("constant/picows", "voiceband serve")
    figures = tmp_path / "figures.json"
    options = ("--load", "paced", "--agent", agent, "--calls", "4", "--repeats", "1", "--seconds", "0.5")
    command = [sys.executable, "-m", "benchmarks.load", *names, *options, "--json", str(figures)]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=True)
    assert all(f"\n{name}" in said.stdout for name in names), said
    (got,) = json.loads(figures.read_text()).values()
    for name in names:
        (run,) = got[name]
        assert run["us"] > 0
        assert run["wakes"] > 0
        assert run["answered"] > 0
        assert 0 <= run["late_p50_ms"] <= run["late_p99_ms"] <= run["late_max_ms"]
