"""Nonces: each is good for one request, in one thread, and they are forgotten in time."""

import copy
import pickle
import threading

import pytest

from _support.signatures import GOOD, NONCE, TOKEN, WS, signed
from voiceband.callbacks import (
    NonceCache,
    sign_v2,
    verify_upgrade,
    verify_v2,
    verify_v3,
)


def test_a_second_request_with_one_nonce_is_refused():
    nonces = NonceCache()
    assert not verify_v3("GET", WS, signed("forged"), TOKEN, nonces=nonces)
    assert len(nonces) == 0  # only genuine requests are remembered
    assert verify_v3("GET", WS, signed(GOOD), TOKEN, nonces=nonces)
    assert not verify_v3("GET", WS, signed(GOOD), TOKEN, nonces=nonces)
    assert not verify_upgrade(WS, signed(GOOD), TOKEN, nonces=nonces)
    assert verify_v2(WS, signed(sign_v2(WS, NONCE, TOKEN), name="X-Plivo-Signature-V2"), TOKEN, nonces=nonces)
    assert verify_v3("GET", WS, signed(GOOD), TOKEN)


def test_nonces_are_forgotten_by_age_and_by_number():
    now = 0.0
    nonces = NonceCache(max_size=3, max_age_s=10, clock=lambda: now)
    assert [nonces.add(n) for n in "abca"] == [True, True, True, False]
    now = 9.999
    assert not nonces.add("a")
    now = 10.0
    assert nonces.add("a")
    assert len(nonces) == 1
    assert [nonces.add(n) for n in "xyz"] == [True] * 3
    assert len(nonces) == 3
    assert nonces.add("a")  # the oldest had to go
    assert not nonces.add("z")
    assert repr(nonces) == "NonceCache(3 of 3)"
    for wrong in (
        {"max_size": 0},
        {"max_age_s": 0},
        {"max_age_s": float("nan")},
    ):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            NonceCache(**wrong)
    for wrong in ({"max_size": True}, {"max_size": 1.5}, {"max_age_s": "3600"}):
        with pytest.raises(TypeError, match=next(iter(wrong))):
            NonceCache(**wrong)


def test_one_nonce_is_new_to_one_thread_only():
    nonces, new = NonceCache(), []
    barrier = threading.Barrier(4)

    def add():
        barrier.wait()
        new.extend(n for n in range(2000) if nonces.add(str(n)))

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(new) == list(range(2000))


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, pickle.dumps])
def test_what_one_process_remembers_is_not_copied(way):
    with pytest.raises(TypeError, match="a NonceCache cannot be copied or pickled"):
        way(NonceCache())
