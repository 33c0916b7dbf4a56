"""`audio_ms`: the caller's audio in longer events holds the same samples, in the same order with everything else."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from _support.messages import media, played, start
from voiceband.formats import PLIVO_L16_16K, PLIVO_MULAW_8K
from voiceband.session import Audio, Capture, Dtmf, Session, Started, Stopped, replay

RNG = np.random.default_rng(3)
PAYLOADS = [RNG.integers(0, 256, 160, np.uint8).tobytes() for _ in range(60)]
DTMF = json.dumps({"event": "dtmf", "streamId": "s", "dtmf": {"track": "inbound", "digit": "5"}})
STOP = json.dumps({"event": "stop", "streamId": "s", "stop": {"callId": "c"}})


def run(messages, wire=PLIVO_MULAW_8K, **options):
    """Return the events of some messages, 20 ms apart."""
    session = Session(lead_ms=None, guard=False, **options)
    events = session.receive(start(wire), 0.0)
    for i, message in enumerate(messages):
        session.poll(0.02 * i)
        events += session.events()
        events += session.receive(message, 0.02 * i)
    return events + session.close()


def content(events):
    """Return what events say, with the audio between two others as one."""
    said = []
    for event in events:
        if isinstance(event, Audio):
            pcm = event.samples.tobytes()
            if said and said[-1][0] == (event.track, event.concealed):
                said[-1] = (said[-1][0], said[-1][1] + pcm)
            else:
                said.append(((event.track, event.concealed), pcm))
        else:
            said.append((type(event), repr(event)))
    return said


def lengths(events):
    return [len(event.samples) for event in events if isinstance(event, Audio)]


def test_one_event_for_five_messages():
    events = run([media(i, PAYLOADS[i]) for i in range(13)], audio_ms=100)
    assert lengths(events) == [800, 800, 480]
    assert [event.position_ms for event in events[1:4]] == [0, 100, 200]
    assert [event.timestamp_ms for event in events[1:4]] == [0, 100, 200]
    assert isinstance(events[-1], Stopped)  # the rest comes before


def test_an_event_has_the_length_with_converted_rates_too():
    events = run([media(i, PAYLOADS[i]) for i in range(25)], rate=16_000, audio_ms=100)
    assert len(lengths(events)) <= 6
    assert lengths(events)[1:4] == [1600] * 3


@settings(deadline=None, max_examples=80)
@given(
    st.lists(
        st.sampled_from(["media", "media", "media", "media", "lost", "twice", "late", "dtmf", "bad"]), max_size=50
    ),
    st.sampled_from([20, 40, 60, 100, 200, 1000]),
    st.sampled_from([None, 8000, 16_000, 24_000]),
    st.sampled_from(["timeline", "jitter", None]),
    st.booleans(),
)
def test_the_samples_and_the_order_are_those_of_single_messages(kinds, audio_ms, rate, buffer, stops):
    messages, i = [], 0
    for kind in kinds:
        if kind in ("media", "twice"):
            messages += [media(i, PAYLOADS[i])] * (1 + (kind == "twice"))
        elif kind == "late" and i > 2:
            messages.append(media(i - 2, PAYLOADS[i - 2]))
        elif kind == "dtmf":
            messages.append(DTMF)
        elif kind == "bad":
            messages.append("{")
        i += kind in ("media", "twice", "lost")
    messages += [STOP] * stops
    single = run(messages, rate=rate, buffer=buffer)
    gathered = run(messages, rate=rate, buffer=buffer, audio_ms=audio_ms)
    assert content(gathered) == content(single)
    assert len(gathered) <= len(single)
    most = (audio_ms + 10) * (rate or 8000) / 1000
    assert all(n <= max(most, max(lengths(single), default=0)) for n in lengths(gathered))


def test_tracks_are_gathered_apart():
    messages = [media(i // 2, PAYLOADS[i], ("inbound", "outbound")[i % 2]) for i in range(20)]
    events = run(messages, audio_ms=100, tracks=("inbound", "outbound"))
    assert [(event.track, len(event.samples)) for event in events if isinstance(event, Audio)] == [
        ("inbound", 800),
        ("outbound", 800),
    ] * 2


def test_what_waits_is_given_before_anything_else_happens():
    session = Session(audio_ms=100, guard=False)
    assert [type(e) for e in session.receive(start(), 0.0)] == [Started]
    assert session.receive(media(0), 0.0) == []
    assert session.held_samples == 160
    assert [type(e) for e in session.receive(DTMF, 0.01)] == [Audio, Dtmf]
    assert session.held_samples == 0
    session.receive(media(1), 0.02)
    assert session.receive(played("nobody's"), 0.02) == []  # this is no event
    assert isinstance(session.receive("{", 0.02)[0], Audio)
    session.receive(media(2), 0.04)
    assert lengths(session.receive(STOP, 0.05)) == [160]


def test_muting_and_another_rate_give_out_what_was_gathered():
    session = Session(audio_ms=100, guard=False)
    session.receive(start(), 0.0)
    for i in range(2):
        assert session.receive(media(i), 0.02 * i) == []
    session.mute()
    assert session.has_events
    assert lengths(session.events()) == [320]
    assert session.receive(media(2), 0.04) == []
    session.unmute()
    for i in (3, 4, 5):
        session.receive(media(i), 0.02 * i)
    session.rate = 16_000
    got = session.events()
    assert lengths(got)[0] == 320  # at the rate that it came at
    got = []
    for i in range(6, 16):
        got += session.receive(media(i), 0.02 * i)
    assert 1600 in lengths(got)


def test_the_length_can_be_set_while_the_call_runs():
    session = Session(guard=False)
    assert session.audio_ms is None
    got = session.receive(start(), 0.0)
    for i in range(10):
        if i == 2:
            session.audio_ms = 40
        if i == 7:
            session.audio_ms = None
        got += session.receive(media(i, PAYLOADS[i]), 0.02 * i)
    assert b"".join(e.samples.tobytes() for e in got[1:]) == b"".join(
        e.samples.tobytes() for e in run([media(i, PAYLOADS[i]) for i in range(10)])[1:-1]
    )
    assert 320 in lengths(got)
    assert lengths(got)[-3:] == [160] * 3


def test_another_format_does_not_mix_rates():
    session = Session(audio_ms=100, guard=False)
    got = session.receive(start(), 0.0)
    for i in range(3):
        got += session.receive(media(i), 0.02 * i)
    got += session.close()
    got += session.receive(start(PLIVO_L16_16K, "t"), 1.0)
    for i in range(10):
        got += session.receive(media(i, bytes(640), stream_id="t"), 1.0 + 0.02 * i)
    assert lengths(got)[0] == 480
    assert 1600 in lengths(got)
    assert sum(lengths(got)) + session.held_samples == 480 + 3200


def test_a_replay_gathers_as_the_call_did(tmp_path):
    path = tmp_path / "call.jsonl"
    with Capture(path) as capture:
        session = Session(capture=capture)
        got = session.receive(start(), 0.0)
        session.audio_ms = 60
        for i in range(7):
            got += session.receive(media(i, PAYLOADS[i]), 0.02 * i)
        got += session.close()
    again = [event for _, event in replay(path, Session())]
    assert content(again) == content(got)
    assert lengths(again) == lengths(got)


@pytest.mark.parametrize(("bad", "error"), [(50, ValueError), (0, ValueError), (1020, ValueError), ("100", TypeError)])
def test_bad_lengths_are_refused(bad, error):
    with pytest.raises(error, match="audio_ms must be"):
        Session(audio_ms=bad)
    session = Session(audio_ms=40)
    with pytest.raises(error, match="audio_ms must be"):
        session.audio_ms = bad
    assert session.audio_ms == 40
