"""The pulse of a worker and its supervisor's ear, by the test's clock: what stands still for 5 s is told of by 6 s."""

import threading
from itertools import pairwise

import pytest

from voiceband.servers.serve.pulse import ALIVE, BEAT_S, LOOK_S, STILL, STILL_S, Pulse, PulseWatch, where_is

STEP_S = 0.05


def watch(stopped_at, seconds, *, hung=False, deaf=(0.0, 0.0), every_s=1.0):
    """Return what was told, and when, of a worker that stops, or its loop, and a supervisor that is deaf once."""
    pulse, ear = Pulse(STILL_S, 0.0), PulseWatch(STILL_S, 0.0)
    waiting, told = [], []
    looked = ticked = listened = 0.0
    for k in range(1, round(seconds / STEP_S)):
        now = k * STEP_S
        lives = now < stopped_at
        if lives and now - ticked >= LOOK_S:
            ticked = now
            pulse.tick(now)
        if (lives or hung) and now - looked >= LOOK_S:
            looked = now
            waiting += pulse.look(now)
        due = ear.due()
        if deaf[0] <= now < deaf[1] or not (waiting or now - listened >= every_s or (due is not None and due <= now)):
            continue
        listened = now
        if ear.listen(now):
            told.append(("silent", now))
            ear.forget("worker")
            return told
        for word in waiting:
            if word == ALIVE:
                ear.hear("worker", now)
            else:
                told.append((word, now))
        waiting.clear()
    return told


@pytest.mark.parametrize("offset", [k * STEP_S for k in range(30)])
@pytest.mark.parametrize(("hung", "word"), [(True, STILL), (False, "silent")])
def test_what_stands_still_is_told_once_and_never_before_its_time(hung, word, offset):
    ((said, at),) = watch(10 + offset, 30, hung=hung)
    assert said == word
    assert STILL_S - 1e-9 <= at - (10 + offset) <= STILL_S + BEAT_S + STEP_S


@pytest.mark.parametrize("offset", [k * STEP_S for k in range(30)])
def test_a_loop_that_is_blocked_for_less_is_not_told_of(offset):
    pulse, said = Pulse(STILL_S, 0.0), []
    ticked = looked = 0.0
    for k in range(1, round(30 / STEP_S)):
        now = k * STEP_S
        if now - ticked >= LOOK_S and not 10 + offset <= now < 14.9 + offset:
            ticked = now
            pulse.tick(now)
        if now - looked >= LOOK_S:
            looked = now
            said += pulse.look(now)
    assert set(said) == {ALIVE}


def test_a_process_that_lives_says_so_in_time_even_if_its_thread_is_late():
    pulse, said = Pulse(STILL_S, 0.0), []
    for k in range(1, 200):
        now = k * LOOK_S * 1.2
        pulse.tick(now)
        said += [now for _ in pulse.look(now)]
    assert max(later - earlier for earlier, later in pairwise(said)) <= BEAT_S


def test_a_thread_that_is_gone_stands_nowhere():
    gone = threading.Thread(target=int)
    gone.start()
    gone.join()
    assert where_is(gone.ident) == "nowhere"
    assert "test_pulse.py" in where_is(threading.get_ident())


def test_a_loop_that_goes_on_in_time_is_not_told_of_and_one_that_stops_again_is():
    pulse = Pulse(5.0, 0.0)
    said = []
    for k in range(1, 200):
        now = k * LOOK_S
        if not (5 < now < 10 or 15 < now < 25 or 30 < now < 40):
            pulse.tick(now)
        said += [(word, now) for word in pulse.look(now) if word != ALIVE]
    assert [word for word, _ in said] == [STILL, STILL]
    assert [at - began for (_, at), began in zip(said, (15, 30), strict=True)] == [5.25, 5.25]


def test_a_loop_that_has_had_no_turn_since_its_process_was_stopped_is_not_told_of():
    pulse = Pulse(5.0, 0.0)
    assert pulse.look(60.0) == [ALIVE]
    pulse.tick(60.1)
    assert pulse.look(60.25) == []
    assert pulse.look(120.0) == [ALIVE]
    assert pulse.look(120.25) == [STILL]


def test_a_supervisor_that_stood_still_itself_blames_nobody():
    assert watch(1e9, 60, deaf=(10.0, 40.0)) == []
    ear = PulseWatch(5.0, 0.0)
    ear.hear("a", 0.0)
    assert ear.listen(30.0) == []
    assert ear.due() == 36.0
    assert ear.listen(35.0 - BEAT_S) == []


def test_nobody_is_waited_for_who_has_left():
    ear = PulseWatch(5.0, 0.0)
    assert ear.due() is None
    ear.hear("a", 1.0)
    ear.hear("b", 2.0)
    assert ear.due() == 7.0
    ear.forget("a")
    ear.forget("a")
    assert ear.due() == 8.0
    for now in range(9):
        silent = ear.listen(float(now))
    assert silent == ["b"]
