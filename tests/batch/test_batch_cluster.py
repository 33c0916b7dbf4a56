"""A batch on a Dask cluster of separate processes, one of which is killed: byte for byte what one process makes."""

import os
import signal

import pytest

from _support.batches import CLEAN, JOURNAL, many, run, tree
from voiceband.batch import Batch, FileError
from voiceband.batch import cluster as on_cluster

pytest.importorskip("soundfile")

pytestmark = pytest.mark.filterwarnings("default")  # of Dask's own, about ports and its event loop


@pytest.fixture(scope="module")
def cluster():
    """Two processes, and their nannies, which replace one that is killed."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as local:
        yield local


def test_a_worker_is_killed_in_the_middle(tmp_path, cluster, dose):
    n_files = dose(30, 60)
    many(tmp_path / "in", n_files, 2)
    (tmp_path / "in" / "bad.wav").write_text("no sound")
    victims = [nanny.pid for nanny in cluster.workers.values()]
    states = {}
    with Batch(tmp_path / "in", tmp_path / "out", CLEAN) as batch:
        for n, outcome in enumerate(batch.run(scheduler=cluster.scheduler_address)):
            assert outcome.job.name not in states  # nothing twice
            states[outcome.job.name] = outcome.state
            if n == 10:
                os.kill(victims[0], signal.SIGKILL)
    assert len(states) == n_files + 1  # nothing lost
    assert states.pop("bad.wav") == "bad"
    assert set(states.values()) == {"done"}
    run(tmp_path / "in", tmp_path / "one")
    assert tree(tmp_path / "out") == tree(tmp_path / "one")
    lines = (tmp_path / "out" / JOURNAL).read_bytes().splitlines()
    assert len(lines) == n_files
    again = run(tmp_path / "in", tmp_path / "out")
    assert list(again.values()).count("same") == n_files


def test_stopping_leaves_whole_files_only(tmp_path, cluster, dose):
    n_files = dose(16, 40)
    many(tmp_path / "in", n_files, 20)
    with Batch(tmp_path / "in", tmp_path / "out", CLEAN) as batch:
        outcomes = batch.run(scheduler=cluster.scheduler_address)
        done = [next(outcomes) for _ in range(3)]
        outcomes.close()
    assert [outcome.state for outcome in done] == ["done"] * 3
    states = list(run(tmp_path / "in", tmp_path / "out").values())
    assert states.count("same") == 3
    assert states.count("done") == n_files - 3


def test_a_scheduler_that_is_not_there(tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(on_cluster, "TIMEOUT_S", 0.3)
    many(tmp_path / "in", 1, 1)
    with (
        Batch(tmp_path / "in", tmp_path / "out", CLEAN) as batch,
        pytest.raises(FileError, match="cannot reach the scheduler"),
    ):
        list(batch.run(scheduler="tcp://127.0.0.1:1"))
