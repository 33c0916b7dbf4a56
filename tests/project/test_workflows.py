"""What GitHub's workflows run is there, is pinned, and covers what the classifiers say."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WORKFLOWS = {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in (ROOT / ".github/workflows").glob("*.yml")}
JOBS = [(f"{name}.{job}", does) for name, flow in WORKFLOWS.items() for job, does in flow["jobs"].items()]
STEPS = [pytest.param(step, id=f"{name}-{k}") for name, does in JOBS for k, step in enumerate(does["steps"])]
PLACEHOLDER = "Refuse to release with the placeholder of the repository's owner"
pytestmark = pytest.mark.source_tree


def brought(requirement):
    """Return the extras that are installed with a requirement, those that it names and those that they name."""
    extras = {name for names in re.findall(r"(?:voiceband|\.)\[([\w,-]+)\]", requirement) for name in names.split(",")}
    inner = [line for name in extras for line in PROJECT["optional-dependencies"][name]]
    return extras.union(*(brought(line) for line in inner if line.startswith("voiceband[")))


@pytest.mark.parametrize("step", STEPS)
def test_a_step_runs_what_is_there_and_what_is_pinned(step):
    if used := step.get("uses"):
        here = used.startswith("$/")
        assert here or re.fullmatch(r"[\w-]+(/[\w-]+)+@[0-9a-f]{40}", used)
        if here:
            inputs = yaml.safe_load((ROOT / used[2:] / "action.yml").read_text("utf-8"))["inputs"]
            assert step["with"].keys() <= inputs.keys()
        return
    command = step["run"]
    for target in re.findall(r"\bmake ([\w-]+)", command):
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE), target
    for script in re.findall(r"\b(?:source/)?((?:tools|tests|benchmarks)/[\w/]+\.\w+)", command):
        assert (ROOT / script).exists(), script
    for extras in re.findall(r"\[([\w,]+)\]\"", command):
        assert set(extras.split(",")) <= PROJECT["optional-dependencies"].keys()


@pytest.mark.parametrize(("name", "job"), JOBS, ids=[name for name, _ in JOBS])
def test_a_job_has_a_time_limit_and_rights_of_its_own(name, job):
    assert job["timeout-minutes"] <= 90
    assert "permissions" in job
    for target in job.get("strategy", {}).get("matrix", {}).get("target", []):
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE), target


def test_a_workflow_has_no_rights_but_its_jobs_and_ends_what_it_overtakes():
    for name, flow in WORKFLOWS.items():
        assert flow["permissions"] == {}, name
        assert "concurrency" in flow, name
    assert "schedule" in WORKFLOWS["ci"][True]  # `on`, which YAML 1.1 reads as true


def test_the_matrix_has_every_python_and_system_of_the_classifiers():
    of_test, of_windows = (WORKFLOWS["ci"]["jobs"][job] for job in ("test", "windows"))
    matrix = of_test["strategy"]["matrix"]
    said = re.findall(r"Python :: (3\.\d+)\b", "\n".join(PROJECT["classifiers"]))
    assert matrix["python"] == said
    assert PROJECT["requires-python"] == f">={said[0]}"
    lowest = next(s for s in WORKFLOWS["ci"]["jobs"]["lowest"]["steps"] if "setup-python" in s.get("uses", ""))
    assert lowest["with"]["python-version"] == said[0]
    of_systems = {"Linux": "ubuntu", "MacOS": "macos", "Windows": "windows"}
    lines = [line for line in PROJECT["classifiers"] if line.startswith("Operating System")]
    tried = {re.split(r"[-.]", name)[0] for name in (*matrix["os"], of_windows["runs-on"])}
    assert {of_systems[line.rpartition(" ")[2]] for line in lines} == tried


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_nothing_is_released_while_the_owner_is_a_placeholder(tmp_path):
    jobs = WORKFLOWS["wheels"]["jobs"]
    assert "sdist" in jobs["publish"]["needs"]
    (step,) = (s for s in jobs["sdist"]["steps"] if s.get("name") == PLACEHOLDER)
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    for name in ("pyproject.toml", "docs/call.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text.replace("OWNER/voiceband", "acme/voiceband"), encoding="utf-8")

    def refuses():
        return subprocess.run(["bash", "-e", "-c", step["run"]], cwd=tmp_path, stdout=-3).returncode

    assert refuses() == 0
    (tmp_path / "docs" / "more.md").write_text("https://github.com/OWNER/voiceband\n")
    assert refuses() == 1
    # Replaced everywhere, it must not be what the step looks for.
    assert "OWNER/voiceband" not in step["run"]


def test_the_action_brings_the_command_that_its_examples_serve_with():
    action = yaml.safe_load((ROOT / ".github/actions/call/action.yml").read_text("utf-8"))
    assert action["inputs"]["install"]["default"] == "this"
    assert {"cli", "serve"} <= brought(action["runs"]["steps"][0]["run"])
    steps = [s for s in WORKFLOWS["call"]["jobs"]["call"]["steps"] if s.get("uses", "").startswith("$/")]
    assert all("voiceband serve " in step["with"]["serve"] for step in steps)
    assert {"cli", "serve"} <= brought(steps[0]["with"]["install"])
