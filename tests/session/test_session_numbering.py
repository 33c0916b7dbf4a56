"""Counters that are not what they should be: repeated, restarted, shared by tracks, or counting samples."""

import base64
import json

import pytest

from _support.session_calls import audio, open_session
from voiceband.session import Warned

FRAME = base64.b64encode(bytes([200] * 160)).decode()


def media(chunk, timestamp, track="inbound"):
    body = {"track": track, "payload": FRAME}
    if chunk is not None:
        body["chunk"] = chunk
    if timestamp is not None:
        body["timestamp"] = str(timestamp)
    return json.dumps({"event": "media", "streamId": "s", "media": body})


def hear(messages, **options):
    """Return the seconds of audio that were heard of each track, and the kinds of warnings."""
    session = open_session(**options)
    heard, warned = {}, []
    for i, message in enumerate(messages):
        session.poll(0.02 * i)
        for event in session.receive(message, 0.02 * i) + session.events():
            if isinstance(event, Warned):
                warned.append(event.kind)
            for one in audio([event]):
                heard[one.track] = heard.get(one.track, 0) + len(one.samples)
    return {track: n / 8000 for track, n in heard.items()}, warned


@pytest.mark.parametrize("buffer", ["timeline", "jitter"])
@pytest.mark.parametrize(
    "messages",
    [
        pytest.param([media(1, 0)] * 500, id="one message"),
        pytest.param([media(1, None)] * 500, id="one chunk"),
        pytest.param([media(None, 0)] * 500, id="one timestamp"),
        pytest.param([media(i % 100 + 1, 20 * (i % 100)) for i in range(500)], id="a clip in a loop"),
        pytest.param([media(i % 50 + 1, 20 * (i % 50)) for i in range(500)], id="a short clip in a loop"),
        pytest.param([media(i % 60 + 1, 1000 + 20 * (i % 60)) for i in range(500)], id="counters begin again"),
    ],
)
def test_canned_callers_are_heard_after_half_a_second(messages, buffer):
    heard, warned = hear(messages, buffer=buffer)
    assert 9.4 <= heard["inbound"] <= 10.01
    assert warned == ["numbering"]


def test_some_messages_twice_are_no_reason_to_count_anew():
    once = [media(i + 1, 20 * i) for i in range(200)]
    heard, warned = hear(once[:100] + once[80:100] + once[100:])
    assert heard == {"inbound": 4.0}
    assert warned == []


@pytest.mark.parametrize("chunks", [True, False])
def test_timestamps_that_count_samples_are_recognised(chunks):
    heard, warned = hear([media(i + 1 if chunks else None, 160 * i) for i in range(500)])
    assert 10.0 <= heard["inbound"] <= 10.5
    assert warned == ["numbering"]


def test_messages_at_the_pace_of_their_samples_are_not_such_timestamps():
    """Every eighth, 160 ms after the one before, goes the general way: the others must not be forgotten there."""
    usual = [media(i + 1, 20 * i) for i in range(500)]
    messages = [text[:-1] + ', "extra_headers": "é"}' if i % 8 == 0 else text for i, text in enumerate(usual)]
    heard, warned = hear(messages)
    assert heard == {"inbound": 10.0}
    assert warned == []


@pytest.mark.parametrize("tracks", [("inbound", "outbound"), ("inbound",)])
@pytest.mark.parametrize("timestamps", [True, False])
def test_one_counter_for_both_tracks_keeps_their_lengths(tracks, timestamps):
    messages = [
        media(2 * i + 1 + k, 20 * i if timestamps else None, track)
        for i in range(100)
        for k, track in enumerate(("inbound", "outbound"))
    ]
    heard, warned = hear(messages, tracks=tracks)
    assert heard == dict.fromkeys(tracks, 2.0)
    assert warned == ([] if len(tracks) == 2 else ["track"])


def test_a_counter_for_each_track_stays_what_it_is():
    messages = [media(i + 1, None, track) for i in range(100) if i != 50 for track in ("inbound", "outbound")]
    heard, _ = hear(messages, tracks=("inbound", "outbound"))
    assert heard == {"inbound": 2.0, "outbound": 2.0}  # what is missing is filled


def test_a_track_that_nobody_hears_is_told_once():
    assert hear([media(i + 1, 20 * i, "outbound") for i in range(100)]) == ({}, ["track"])
