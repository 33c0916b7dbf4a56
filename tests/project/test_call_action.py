"""The action for GitHub's workflows: what its script does, and that what it passes on is there to be passed."""

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ACTION = ROOT / ".github" / "actions" / "call"


def test_each_input_reaches_the_script():
    text = (ACTION / "action.yml").read_text(encoding="utf-8")
    declared = set(re.findall(r"^  ([a-z-]+):$", text.partition("runs:")[0].partition("inputs:")[2], re.MULTILINE))
    assert set(re.findall(r"inputs\.([a-z-]+)", text)) == declared
    passed = set(re.findall(r"^        ([A-Z]+): \$", text, re.MULTILINE)) - {"INSTALL"}
    assert passed == set(re.findall(r"\$\{?([A-Z]+)\b", (ACTION / "call.sh").read_text(encoding="utf-8"))) - {"GITHUB"}


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.installed_program
def test_an_agent_is_served_called_and_judged(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = tmp_path / "short.yaml"
    script.write_text("steps:\n  - wait_s: 0.5\n")
    given = {"TARGET": f"ws://127.0.0.1:{port}/", "CALLS": "1", "SCRIPT": str(script), "STRICT": "false", "ARGS": ""}
    given |= {"SERVE": f"voiceband serve examples/agent.py:agent --port {port} --workers 1"}
    given |= {"SAVE": str(tmp_path / "base.json"), "BASELINE": "", "OUT": str(tmp_path / "out")}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    ended = subprocess.run(
        ["bash", ACTION / "call.sh"],
        env={**os.environ, **given, "PATH": path},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "good: nothing is wrong" in ended.stderr
    assert (tmp_path / "base.json").exists()
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {"junit.xml", "serve.log", "call.wav"}
