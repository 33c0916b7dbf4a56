"""The ear for tones of a session: events of what the caller's line brings, and each key once."""

import json

import numpy as np
import pytest

import voiceband
from _support.messages import media
from _support.session_calls import open_session
from _support.tone_signals import cadence, key, pcm, silence, tone
from voiceband.formats import PLIVO_L16_8K, PLIVO_MULAW_8K
from voiceband.session import Audio, Dtmf, Greeting, Session, Tone


def call(x, wire=PLIVO_MULAW_8K, keys=(), **options):
    """Return the events of a call in which the caller's line brings samples, and the carrier tells keys at times."""
    encode = voiceband.l16_encode if wire is PLIVO_L16_8K else voiceband.ulaw_encode
    session, events, keys = open_session(wire, tones=True, **options), [], list(keys)
    for i in range(len(x) // 160):
        while keys and keys[0][1] <= i * 0.02:
            digit, _ = keys.pop(0)
            message = {"event": "dtmf", "streamId": "s", "dtmf": {"track": "inbound", "digit": digit, "timestamp": "1"}}
            events += session.receive(json.dumps(message), i * 0.02)
        events += session.receive(media(i, encode(x[160 * i : 160 * i + 160])), i * 0.02)
        events += session.events()
    return events


def told(events):
    return [e for e in events if isinstance(e, (Tone, Dtmf))]


TYPED = pcm(silence(0.5), key("4", 0.1), silence(0.2), key("2", 0.1), silence(3), noise_db=30)


@pytest.mark.parametrize("wire", [PLIVO_MULAW_8K, PLIVO_L16_8K])
@pytest.mark.parametrize("options", [{}, {"buffer": None}, {"denoise": 100}, {"gain_in_db": -20}, {"rate": 24000}])
def test_a_key_in_the_audio_is_a_key(wire, options):
    found = told(call(TYPED, wire, **options))
    assert [(e.digit, e.track, e.in_band) for e in found] == [("4", "inbound", True), ("2", "inbound", True)]
    assert [abs(e.timestamp_ms - at) <= 25 for e, at in zip(found, (500, 800), strict=True)] == [True, True]


@pytest.mark.parametrize("late", [-0.4, 0.0, 0.5])
def test_a_key_that_the_carrier_tells_too_is_told_once(late):
    found = told(call(TYPED, keys=[("4", 0.55 + late), ("2", 0.85 + late)]))
    assert [e.digit for e in found] == ["4", "2"]


def test_keys_that_are_not_the_same_are_told_both():
    found = told(call(TYPED, keys=[("7", 0.6), ("4", 3.2)]))
    assert [(e.digit, e.in_band) for e in found] == [("4", True), ("7", False), ("2", True), ("4", False)]


def test_the_same_key_twice_by_both_ways_is_told_twice():
    x = pcm(silence(0.5), key("5", 0.1), silence(0.1), key("5", 0.1), silence(2))
    assert [e.digit for e in told(call(x, keys=[("5", 0.7), ("5", 0.9)]))] == ["5", "5"]


def test_call_progress_is_told_on_the_timeline_of_the_audio():
    x = pcm(cadence([425], (0.5, 0.5), 3), silence(2), tone(1000, 0.5), silence(1), noise_db=30)
    first, busy, start, beep = told(call(x))
    assert (first.kind, first.end_ms, busy.kind) == ("busy", None, "busy")
    assert abs(busy.start_ms - 100) <= 15
    assert (start.kind, beep.kind, beep.name) == ("beep", "beep", "1000")


def test_the_audio_is_the_same_with_and_without():
    plain = open_session(PLIVO_MULAW_8K)
    without = [plain.receive(media(i, voiceband.ulaw_encode(TYPED[160 * i :][:160])), i * 0.02)[0] for i in range(50)]
    with_ear = [e for e in call(TYPED[: 50 * 160]) if isinstance(e, Audio)]
    assert all(np.array_equal(a.samples, b.samples) for a, b in zip(without, with_ear, strict=True))


def test_without_the_option_nothing_is_heard():
    session = open_session(PLIVO_MULAW_8K)
    events = [
        e for i in range(50) for e in session.receive(media(i, voiceband.ulaw_encode(TYPED[160 * i :][:160])), i / 50)
    ]
    assert told(events) == []


def test_the_option_is_a_flag():
    with pytest.raises(TypeError, match="tones must be"):
        Session(tones="yes")


def greeting_of(x):
    session = open_session(PLIVO_MULAW_8K, tones=True)
    for i in range(len(x) // 160):
        session.receive(media(i, voiceband.ulaw_encode(x[160 * i : 160 * i + 160])), i * 0.02)
    return session.greeting


def test_a_greeting_is_measured_until_its_beep():
    speech = tone([200, 330, 500], 0.8, level=3000)
    x = pcm(silence(0.5), speech, silence(0.7), speech, silence(0.4), tone(1000, 0.5), silence(0.3), speech)
    found = greeting_of(x)
    assert (found.began_ms, found.speech_ms) == (pytest.approx(500, abs=20), pytest.approx(2300, abs=40))
    assert (found.longest_pause_ms, found.beep_ms) == (pytest.approx(700, abs=40), pytest.approx(3200, abs=15))


def test_a_greeting_ends_at_a_long_silence_and_nobody_has_none():
    speech = tone([200, 330, 500], 0.6, level=3000)
    found = greeting_of(pcm(silence(0.2), speech, silence(3.2), speech))
    assert (found.speech_ms, found.longest_pause_ms, found.beep_ms) == (pytest.approx(600, abs=20), 0.0, None)
    assert greeting_of(pcm(silence(1))) == Greeting()
    with pytest.raises(RuntimeError, match="tones=True"):
        _ = Session().greeting
