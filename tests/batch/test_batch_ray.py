"""The example that runs a pipeline as Ray tasks, where Ray is installed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from _support.batches import CLEAN, many
from voiceband.batch import process_file

pytest.importorskip("ray")
pytest.importorskip("soundfile")

EXAMPLE = Path(__file__).parents[2] / "examples" / "ray_batch.py"


@pytest.mark.source_tree
def test_the_example(tmp_path):
    many(tmp_path / "in", 3, 5)
    (tmp_path / "in" / "bad.wav").write_text("no sound")
    sources = sorted((tmp_path / "in").iterdir())
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
    result = subprocess.run(
        [sys.executable, EXAMPLE, *sources, "--out", tmp_path / "out"],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
    )
    assert result.returncode == 0, result.stderr
    assert f"bad: {tmp_path / 'in' / 'bad.wav'}: cannot read: Format not recognised" in result.stdout
    for source in sources[:3]:
        process_file(CLEAN, source, tmp_path / "one.flac")
        assert (tmp_path / "out" / f"{source.stem}.flac").read_bytes() == (tmp_path / "one.flac").read_bytes()
