"""The same answer twice in a row, and what may well be said again."""

import numpy as np
import pytest

from _support.desk import Desk, tone
from _support.noisy_agents import sentences
from voiceband.emulator import CallLog, lint
from voiceband.protocol import PlayAudio

SENTENCE = sentences()[0]
LONG_MS = len(SENTENCE) // 8


def say(desk, at_ms, pcm, *, piece_ms=20, mark=True):
    size = 8 * piece_ms
    for i in range(0, len(pcm), size):
        desk.call.receive(PlayAudio(desk.wire.encode(pcm[i : i + size]), desk.wire).encode(), desk.at(at_ms))
    if mark:
        desk.mark(at_ms)


def found(desk):
    findings = lint(CallLog.read(desk.call.log.lines()))
    assert findings == lint(desk.call.log)
    return [(finding.rule, finding.degree) for finding in findings if finding.rule != "repeated-name"]


@pytest.mark.parametrize("piece_ms", [20, 100, 5000])
@pytest.mark.parametrize("pause_ms", [0, 300, 1500])
@pytest.mark.parametrize("spoken", [False, True])
def test_the_same_answer_twice_is_doubtful(piece_ms, pause_ms, spoken):
    desk = Desk()
    if spoken:
        desk.say(200, 1000)
    say(desk, 2000, SENTENCE, piece_ms=piece_ms)
    say(desk, 2000 + (LONG_MS if pause_ms else 0) + pause_ms, SENTENCE, piece_ms=piece_ms)
    desk.say(12_000, 1000)
    say(desk, 13_500, sentences()[1])
    desk.end(16_000)
    assert found(desk) == [("repeated-answer", "doubtful")]


def test_checkpoints_around_each_answer_hide_nothing():
    desk = Desk()
    for at in (500, 500 + LONG_MS + 300):
        desk.mark(at)
        say(desk, at, SENTENCE)
    desk.end(12_000)
    assert found(desk) == [("repeated-answer", "doubtful")]


def test_it_is_found_without_checkpoints_too():
    desk = Desk()
    say(desk, 500, SENTENCE, mark=False)
    say(desk, 500 + LONG_MS + 1200, SENTENCE, mark=False)
    desk.end(12_000)
    assert ("repeated-answer", "doubtful") in found(desk)


def asked_again(desk):
    say(desk, 500, SENTENCE)
    desk.say(4000, 800)
    say(desk, 5500, SENTENCE)


def key_pressed(desk):
    say(desk, 500, SENTENCE)
    desk.press(3500)
    say(desk, 3800, SENTENCE)


def nobody_spoke(desk):
    say(desk, 500, SENTENCE)
    say(desk, 500 + LONG_MS + 4000, SENTENCE)


def interrupted(desk):
    say(desk, 500, SENTENCE)
    desk.say(1200, 500)
    desk.clear(1500)
    say(desk, 2700, SENTENCE)


def spoke_into_it(desk):
    say(desk, 500, SENTENCE)
    desk.say(2600, 500)
    say(desk, 500 + LONG_MS + 800, SENTENCE)


def word(desk):
    for at in (500, 2000):
        say(desk, at, sentences()[1])


def tones(desk):
    for at in (500, 3000):
        say(desk, at, tone(2000))


def ringing(desk):
    for at in range(500, 20_000, 6000):
        say(desk, at, tone(2000))


def another(desk):
    say(desk, 500, SENTENCE)
    say(desk, 500 + LONG_MS, (SENTENCE * 0.9).astype(np.int16))


def with_checkpoints_around_it(desk):
    desk.mark(400)
    say(desk, 500, SENTENCE)
    desk.mark(4000)
    say(desk, 4000, sentences()[1])


def one_of_three(desk):
    for i, part in enumerate((SENTENCE, sentences()[1], SENTENCE)):
        say(desk, 500 + i * 3000, part)


GOOD = [asked_again, key_pressed, nobody_spoke, interrupted, spoke_into_it, word, tones, ringing, another]
GOOD += [with_checkpoints_around_it, one_of_three]


@pytest.mark.parametrize("call", GOOD, ids=lambda call: call.__name__)
def test_what_may_be_said_again_is_not(call):
    desk = Desk()
    call(desk)
    desk.end(24_000)
    assert "repeated-answer" not in [rule for rule, _ in found(desk)]


@pytest.mark.parametrize("cleared_ms", [500 + 2 * LONG_MS + 400, 4000 + 2 * LONG_MS])
def test_a_clear_when_all_was_heard_hides_nothing(cleared_ms):
    desk = Desk()
    say(desk, 500, SENTENCE)
    say(desk, 500, SENTENCE)
    desk.clear(cleared_ms)
    desk.end(20_000)
    assert found(desk) == [("repeated-answer", "doubtful")]
    (finding,) = [one for one in lint(desk.call.log) if one.rule == "repeated-answer"]
    assert finding.hears == "the same sentence again"
