"""Stages that are switched while the call runs: one timeline, and no sample lost or made up."""

import ast
import inspect
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import voiceband
from _support.messages import media, start
from _support.session_calls import audio, feed, open_session, tone
from voiceband.formats import PLIVO_L16_8K, PLIVO_L16_16K, PLIVO_MULAW_8K
from voiceband.session import Session, Stopped
from voiceband.session.settings import Setting

switches = st.one_of(
    st.tuples(st.just("denoise"), st.sampled_from([None, 60, 85, 100])),
    st.tuples(st.just("buffer"), st.sampled_from(["timeline", "jitter", None])),
    st.tuples(st.just("rate"), st.sampled_from([None, 8000, 11025, 16000, 24000, 44100])),
    st.tuples(st.just("mute"), st.booleans()),
    st.tuples(st.just("talk"), st.integers(1, 8)),
    st.tuples(st.just("hole"), st.integers(1, 3)),
)


class Heard:
    """A caller whose stages are switched, and where each piece of its audio lies: (from, to, error) in ms."""

    def __init__(self, wire, **options):
        self.wire = wire
        self.session = open_session(wire, guard=False, **options)
        self.chunk = 0
        self.rate = options.get("rate")
        self.pieces = []
        self.audio = []

    def take(self, events):
        for event in audio(events):
            length_ms = len(event.samples) * 1000 / (self.rate or self.wire.sample_rate)
            self.pieces.append((event.position_ms, event.position_ms + length_ms))
            self.audio.append(event)

    def talk(self, pcm):
        self.take(feed(self.session, self.wire, pcm, first=self.chunk))
        self.chunk += len(pcm) // self.wire.frame_samples()
        self.session.poll(self.chunk * 0.02)
        self.take(self.session.events())

    def switch(self, what, value):
        if what == "mute":
            (self.session.mute if value else self.session.unmute)()
        else:
            setattr(self.session, what, value)
        self.take(self.session.events())  # tails have the old rate
        if what == "rate":
            self.rate = value


@given(st.lists(switches, max_size=25), st.sampled_from([None, 85]), st.sampled_from(["timeline", "jitter", None]))
def test_each_piece_begins_where_the_one_before_ended(steps, denoise, buffer):
    heard = Heard(PLIVO_L16_8K, denoise=denoise, buffer=buffer)
    muted, silences = False, set()
    rng = np.random.default_rng(0)
    for what, value in steps:
        if what == "talk":
            heard.talk(rng.integers(-9000, 9000, 160 * value, np.int16))
        elif what == "hole":
            heard.chunk += value
        else:
            if what == "mute" and value != muted:
                muted = value
                silences.add(len(heard.pieces))
            heard.switch(what, value)
    for i, ((_, end), (begin, _)) in enumerate(zip(heard.pieces, heard.pieces[1:], strict=False)):
        if i + 1 in silences:
            assert begin > end - 0.1
        else:
            # Within a sample of the slowest rate: a resampler's share of an odd block is rounded.
            assert begin == pytest.approx(end, abs=1000 / 8000)


@given(st.lists(st.one_of(switches.filter(lambda s: s[0] not in ("rate", "hole", "denoise"))), max_size=25))
def test_samples_come_once_and_unchanged(steps):
    """Through stages that change no sample; the jitter buffer is left out, for it may stretch time."""
    heard = Heard(PLIVO_L16_16K)
    said = [np.zeros(0, np.int16)]
    rng = np.random.default_rng(0)
    muted = False
    for what, value in steps:
        if what == "talk":
            pcm = rng.integers(-9000, 9000, 320 * value, np.int16)
            heard.talk(pcm)
            if not muted:
                said.append(pcm)
        elif (what, value) != ("buffer", "jitter"):
            muted = value if what == "mute" else muted
            heard.switch(what, value)
    got = [np.zeros(0, np.int16), *(event.samples for event in heard.audio)]
    np.testing.assert_array_equal(np.concatenate(got), np.concatenate(said))


@given(st.lists(st.tuples(st.integers(1, 6), st.booleans()), max_size=12))
def test_the_suppressor_takes_and_leaves_the_stream_whole(steps):
    """However often it is switched, what comes out is as long as what went in once it is out again."""
    heard = Heard(PLIVO_L16_8K)
    n = 0
    for length, on in [*steps, (1, False)]:
        heard.talk(tone(8000, 0.02 * length))
        heard.switch("denoise", 85 if on else None)
        n += 160 * length
    assert sum(len(event.samples) for event in heard.audio) == n
    assert heard.pieces[-1][1] == pytest.approx(n / 8)


def test_odd_messages_keep_the_timeline_through_the_suppressor():
    heard = Heard(PLIVO_L16_8K, buffer=None)
    rng = np.random.default_rng(0)
    heard.take(feed_one(heard.session, np.zeros(1, np.int16), 0))
    heard.switch("denoise", 85)
    n = 1
    for i in range(1, 60):
        pcm = rng.integers(-9000, 9000, int(rng.integers(1, 400)), np.int16)
        n += len(pcm)
        heard.take(feed_one(heard.session, pcm, i))
    heard.switch("denoise", None)
    heard.take(feed_one(heard.session, np.zeros(160, np.int16), 60))
    assert sum(len(e.samples) for e in heard.audio) == n + 160
    for (_, end), (begin, _) in zip(heard.pieces, heard.pieces[1:], strict=False):
        assert begin == pytest.approx(end)


def feed_one(session, pcm, i):
    return session.receive(media(i, pcm.astype("<i2").tobytes()), i * 0.02)


@pytest.mark.parametrize("end", ["close", "stop", "format"])
@pytest.mark.parametrize("options", [{"buffer": "jitter"}, {"denoise": 85}, {"rate": 16000}, {"byteorder_in": "auto"}])
def test_the_end_gives_what_the_stages_hold(end, options):
    session = open_session(PLIVO_L16_8K, guard=False, **options)
    # Noise, in which no byte order can be told.
    pcm = np.random.default_rng(0).integers(-20000, 20000, 1600, np.int16)
    events = feed(session, PLIVO_L16_8K, pcm)
    given = sum(len(e.samples) for e in audio(events))
    if end == "close":
        events += session.close()
        assert isinstance(events[-1], Stopped)
        assert session.close() == []
    elif end == "stop":
        events += session.receive('{"event":"stop"}', 0.3)
    else:
        events += session.receive(start(PLIVO_L16_16K, "s2"), 0.3)
    assert sum(len(e.samples) for e in audio(events)) > given
    if "byteorder_in" in options:
        np.testing.assert_array_equal(np.concatenate([e.samples for e in audio(events)]), pcm)
    if "denoise" in options:
        expected = voiceband.denoise(pcm, 8000, level=85)
        np.testing.assert_array_equal(np.concatenate([e.samples for e in audio(events)])[160:], expected)


def test_another_format_in_mid_call_goes_on_with_the_timeline():
    session = open_session(rate=16000, denoise=85)
    pcm = tone(8000, 1.0)
    events = feed(session, PLIVO_MULAW_8K, pcm)
    events += session.receive(start(PLIVO_L16_16K, "s2"), 5.0)
    events += feed(session, PLIVO_L16_16K, tone(16000, 1.0))
    end = 0.0
    for event in audio(events):
        assert event.position_ms == pytest.approx(end, abs=0.07)
        end = event.position_ms + len(event.samples) / 16
    # All was given: what the old stages held came before the new stream.
    latency = session.latency_ms
    assert end == pytest.approx(2000 + latency, abs=3)


def test_help_and_the_site_say_the_same_of_what_can_be_set():
    [body] = [node.body for node in ast.parse(inspect.getsource(Session)).body]
    said = {
        node.targets[0].id: after.value.value
        for node, after in itertools.pairwise(body)
        if isinstance(node, ast.Assign) and isinstance(after, ast.Expr)
    }
    settings = {name: value.__doc__ for name, value in vars(Session).items() if isinstance(value, Setting)}
    assert len(settings) >= 7
    assert said == settings
