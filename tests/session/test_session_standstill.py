"""A process or a caller that stood still, with `buffer="jitter"`: the window is made up for, the rest is one length."""

import pytest

from _support.messages import media, start
from voiceband.session import Audio, Session, Warned

SPEECH = b"\x10" * 80 + b"\x90" * 80
DAY_S = 86_400.0


def playing(seconds=2.0):
    session = Session(buffer="jitter", guard=False)
    session.receive(start(), 0.0)
    n = round(seconds * 50)
    for i in range(n):
        session.receive(media(i, SPEECH), i * 0.02)
        session.poll(i * 0.02 + 0.001)
        session.events()
    return session, n


def audio_s(events):
    return sum(len(event.samples) for event in events if isinstance(event, Audio)) / 8000


def stalls(events):
    return [event for event in events if isinstance(event, Warned) and event.kind == "stall"]


@pytest.mark.parametrize("polled_first", [False, True])
@pytest.mark.parametrize("gap_s", [3.0, 10.0, 10_000.0, 30 * DAY_S])
def test_a_standstill_gives_its_window_and_one_length(gap_s, polled_first):
    session, n = playing()
    now = n * 0.02 + gap_s
    events = []
    if polled_first:
        session.poll(now)
    events += session.receive(media(n, SPEECH), now) + session.events()
    assert audio_s(events) <= 2.1
    (stall,) = stalls(events)
    assert stall.track == "inbound"
    assert float(stall.reason.split()[2]) == pytest.approx(gap_s, abs=0.5)
    for i in range(1, 100):
        events += session.receive(media(n + i, SPEECH), now + i * 0.02)
        session.poll(now + i * 0.02 + 0.001)
        events += session.events()
    assert len(stalls(events)) == 1
    last = [event for event in events if isinstance(event, Audio)][-1]
    assert last.position_ms == pytest.approx((now + 2) * 1000, abs=500)  # the time that was left out counts
    assert last.samples.any()


def test_a_first_message_without_audio_and_a_long_pause_give_nothing_made_up():
    session = Session(buffer="jitter", guard=False)
    session.receive(start(), 0.0)
    session.receive(media(0, b""), 0.0)
    events = session.receive(media(1, SPEECH), 10_000.0)
    assert audio_s(events) <= 2.1
    assert len(stalls(events)) == 1


def test_a_short_stall_is_made_up_for_in_full():
    session, n = playing()
    now = n * 0.02 + 1.5
    session.poll(now)
    events = session.events()
    assert audio_s(events) == pytest.approx(1.5, abs=0.1)
    assert not stalls(events)


def test_a_clock_that_jumps_ahead_and_comes_back_goes_on_giving_audio():
    session, n = playing()
    session.poll(n * 0.02 + 30 * DAY_S)
    events = session.events()
    for i in range(n, n + 50):
        events += session.receive(media(i, SPEECH), i * 0.02)
        session.poll(i * 0.02 + 0.001)
        events += session.events()
    assert audio_s(events) == pytest.approx(1.0, abs=0.2)
    assert [stall.reason.split(" ")[0] for stall in stalls(events)] == ["left", "the"]


def test_what_came_at_once_after_a_standstill_is_heard():
    session, n = playing()
    now = n * 0.02 + 3.0
    events = []
    for i in range(n, n + 20):
        events += session.receive(media(i, SPEECH), now)
    for i in range(100):
        session.poll(now + i * 0.02)
        events += session.events()
    heard = [event for event in events if isinstance(event, Audio) and not event.concealed and event.samples.any()]
    assert audio_s(heard) >= 0.35
