"""Nonces that several processes share in a file."""

import multiprocessing
import os
import pickle
import sys
import threading

import pytest

from _support.signatures import add_all
from voiceband.callbacks import NonceFile, sign_v3, verify_upgrade
from voiceband.callbacks.nonce_file import LOCK_S, locked


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def test_each_nonce_is_new_once_whoever_asks(tmp_path):
    nonces = NonceFile(tmp_path / "nonces")
    other = NonceFile(tmp_path / "nonces")
    assert nonces.add("a")
    assert not other.add("a")
    assert other.add("b")
    assert not pickle.loads(pickle.dumps(nonces)).add("b")
    nonces.close()
    assert not NonceFile(tmp_path / "nonces").add("a")  # the file outlives its users


def test_processes_that_race_let_each_in_once(tmp_path, dose):
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    nonces = NonceFile(tmp_path / "nonces")
    racers = [context.Process(target=add_all, args=(nonces, results)) for _ in range(dose(2, 3))]
    for racer in racers:
        racer.start()
    new = [nonce for _ in racers for nonce in results.get(timeout=300)]
    for racer in racers:
        racer.join()
    assert sorted(new, key=int) == [str(i) for i in range(300)]


def test_a_nonce_is_forgotten_with_time_or_when_there_are_many(tmp_path):
    clock = Clock()
    nonces = NonceFile(tmp_path / "nonces", max_size=1000, max_age_s=60, clock=clock)
    size = (tmp_path / "nonces").stat().st_size
    assert nonces.add("first")
    clock.now += 59
    assert not nonces.add("first")
    clock.now += 1
    assert nonces.add("first")
    for i in range(1000):
        clock.now += 0.001
        assert nonces.add(str(i))
    assert sum(not nonces.add(str(i)) for i in range(1000)) > 950
    for i in range(20_000):
        nonces.add(f"more {i}")
    assert (tmp_path / "nonces").stat().st_size == size


def test_a_file_that_is_locked_for_a_while_can_be_opened(tmp_path):
    NonceFile(tmp_path / "nonces").close()
    file = os.open(tmp_path / "nonces", os.O_RDWR)
    with locked(file) as mine:
        assert mine
        opening = threading.Thread(target=lambda: opened.append(NonceFile(tmp_path / "nonces")))
        opened = []
        opening.start()
        opening.join(4 * LOCK_S)
        assert opened == []
    opening.join()
    os.close(file)
    assert opened[0].add("one")


def test_a_file_that_stays_locked_lets_nobody_in(tmp_path):
    nonces = NonceFile(tmp_path / "nonces")
    file = os.open(tmp_path / "nonces", os.O_RDWR)
    try:
        with locked(file) as mine:
            assert mine
            assert not nonces.add("a")
    finally:
        os.close(file)
    assert nonces.add("a")


@pytest.mark.parametrize("content", [b"something else", bytes(5000)])
def test_another_file_is_refused_and_stays(tmp_path, content):
    (tmp_path / "nonces").write_bytes(content)
    with pytest.raises(ValueError, match="no file of nonces"):
        NonceFile(tmp_path / "nonces", max_size=100)
    assert (tmp_path / "nonces").read_bytes() == content


@pytest.mark.parametrize("bad", [{"max_size": 0}, {"max_age_s": 0}, {"max_size": 1.5}])
def test_bad_settings(tmp_path, bad):
    with pytest.raises((ValueError, TypeError), match=next(iter(bad))):
        NonceFile(tmp_path / "nonces", **bad)


@pytest.mark.skipif(sys.platform == "win32", reason="has no such permissions")
def test_the_file_is_for_its_user_only(tmp_path):
    NonceFile(tmp_path / "nonces")
    assert (tmp_path / "nonces").stat().st_mode & 0o077 == 0


def test_upgrades_are_checked_with_it(tmp_path):
    signature = sign_v3("GET", "http://voice.example.com/ws", "1", "secret")
    headers = {"X-Plivo-Signature-V3": signature, "X-Plivo-Signature-V3-Nonce": "1"}
    answers = [
        verify_upgrade("wss://voice.example.com/ws", headers, "secret", nonces=NonceFile(tmp_path / "nonces"))
        for _ in range(2)
    ]
    assert answers == [True, False]


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_by_fork_has_a_lock_of_its_own(tmp_path):
    children = []

    def clock():
        """Called while the file is locked: the child, begun there, must find it so."""
        if not children:
            child = multiprocessing.get_context("fork").Process(target=lambda: sys.exit(nonces.add("b")))
            children.append(child)
            child.start()
            child.join(20)
            child.kill()
        return 1000.0

    nonces = NonceFile(tmp_path / "nonces", clock=clock)
    assert nonces.add("a")
    assert children[0].exitcode == 0  # False
    assert nonces.add("b")
