"""The parts of `voiceband load`, each beside something slower that shares no code with it."""

import base64
import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from voiceband.emulator.carrier.message_writer import MessageWriter
from voiceband.emulator.carrier.player import Player
from voiceband.emulator.judge.measures import talk_of
from voiceband.formats import PLIVO_FORMATS, PLIVO_MULAW_8K
from voiceband.load import replies
from voiceband.load.capacity import find_capacity
from voiceband.load.distribution import Distribution
from voiceband.load.ear import Ear
from voiceband.load.media_texts import ReadyMessages, ready_frames
from voiceband.load.probe import Probe
from voiceband.load.results import CallResult, LoadReport, WorkerResult
from voiceband.load.usage import Usage
from voiceband.protocol import Media, parse
from voiceband.sound.speech import speech_intervals

EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["play", "play", "play", "play", "silence", "checkpoint", "clear", "turn"]),
        st.integers(0, 60).map(lambda n: n * 0.02),  # since the event before
        st.integers(1, 40),  # frames
    ),
    max_size=60,
)


LOUD = base64.b64encode(bytes([0x10]) * 160)
QUIET = base64.b64encode(b"\xff" * 160)


def piece(frames, payload=LOUD):
    return base64.b64encode(base64.b64decode(payload) * frames)


@given(EVENTS, st.sampled_from([0.0, 0.06, 0.25]))
@example([("play", 0.0, 1), ("play", 0.04, 1), ("turn", 0.0, 1)], 0.0)  # it begins as the sound comes
def test_an_ear_hears_the_gaps_of_the_measures(events, delay_s):
    """What comes up to the last event; a gap is told when speech has followed."""
    player, ear, now = Player(8000, delay_s=delay_s), Ear(delay_s, PLIVO_MULAW_8K), 10.0
    seconds_of_speech, turns = 0.0, []
    for name, pause_s, frames in events:
        now += pause_s
        if name in ("play", "silence"):
            payload = piece(frames, LOUD if name == "play" else QUIET)
            player.play(base64.b64decode(payload), now)
            ear.play(payload, 0.02 * frames, now)
            seconds_of_speech += 0.02 * frames
        elif name == "checkpoint":
            player.checkpoint("x", now)
            marked_at = ear.checkpoint(now)
            assert player.next_mark == pytest.approx(marked_at, abs=1e-6)
            assert player.reached(marked_at + 1.0) == ["x"]
        elif name == "turn":
            turns.append((now, now + 0.01))
            ear.caller(now, begins=True)
            ear.caller(now := now + 0.01, begins=False)
        else:
            now = max(now, ear.end)  # so that nothing is taken back after it was a reason to tell of a gap
            player.clear(now)
            ear.clear(now)
        assert ear.end == pytest.approx(player.end_s, abs=1e-6)
    ear.finish(now)
    whole_s = max(now, ear.end) - 10 if player.runs else 1.0
    heard = PLIVO_MULAW_8K.decode(player.heard(10.0, whole_s, b"\xff"))
    caller = [((begin - 10) * 1000, (end - 10) * 1000) for begin, end in turns]
    _, holes = talk_of(player, 10.0, 10.0 + whole_s, caller, (), speech_intervals(heard, 8000))
    assert ear.gaps.max == pytest.approx(max((hole.ms for hole in holes if not hole.doubtful), default=0.0), abs=0.2)
    assert ear.heard_s == pytest.approx(seconds_of_speech)
    assert ear.gaps.n <= seconds_of_speech + 1


def test_an_ear_counts_a_gap_for_each_second_of_speech():
    ear, now = Ear(0.1, PLIVO_MULAW_8K), 0.0
    for frame in range(500):
        if frame in (120, 130, 300):
            now += 0.5
        ear.play(LOUD, 0.02, now)
        now += 0.02
    ear.finish(now)
    # Playing began 0.1 s late and went on as long after the last frame; a pause of 0.5 s is heard as one.
    assert ear.gaps.n == 10
    assert ear.gaps.over(1) == 2
    assert ear.gaps.max == pytest.approx(500)
    assert not ear.stalled


@pytest.mark.parametrize(
    ("before", "between", "after", "gap_ms"),
    [
        (LOUD, None, LOUD, 2250),  # it stalled within a word
        (LOUD, "checkpoint", LOUD, 0),  # it had said what it had to say
        (LOUD, "turn", LOUD, 0),  # the caller spoke
        (QUIET, None, QUIET, 0),  # there was nothing to be heard
        (LOUD, None, QUIET, 0),
    ],
)
def test_a_hole_of_two_seconds_is_a_stall_inside_speech_only(before, between, after, gap_ms):
    ear = Ear(0.25, PLIVO_MULAW_8K)
    ear.play(piece(50, before), 1.0, 0.0)
    if between == "checkpoint":
        ear.checkpoint(1.0)
    elif between == "turn":
        ear.caller(1.5, begins=True)
        ear.caller(2.5, begins=False)
    ear.play(piece(50, after), 1.0, 3.25)
    ear.finish(5.0)
    assert ear.gaps.max == pytest.approx(gap_ms)
    assert ear.stalled == (gap_ms > 0)


@pytest.mark.parametrize(("always", "gaps_ms"), [(False, 0), (True, 3000)])
def test_a_long_silence_is_a_gap_of_an_agent_that_always_speaks(always, gaps_ms):
    for ending in ("more audio", "nothing"):
        ear = Ear(0.0, PLIVO_MULAW_8K, always=always)
        ear.play(piece(50), 1.0, 0.0)
        ear.checkpoint(1.0)
        if ending == "more audio":
            ear.play(piece(50), 1.0, 4.0)
        ear.finish(4.0)
        assert ear.gaps.max == pytest.approx(gaps_ms), ending


def test_an_ear_drops_what_the_queue_has_no_room_for():
    ear = Ear(0.0, PLIVO_MULAW_8K)
    ear.play(piece(50 * 59), 59.0, 0.0)
    ear.play(piece(150), 3.0, 0.0)
    assert (ear.end, ear.heard_s, ear.dropped_s) == (60.0, 60.0, 2.0)


def test_an_ear_keeps_no_more_than_a_second():
    ear = Ear(0.25, PLIVO_MULAW_8K)
    for frame in range(1000):
        ear.play(LOUD, 0.02, frame * 0.02)
        assert len(ear._pieces) < 50
    ear.play(b"***", 0.02, 20.0)
    ear.finish(21.0)
    assert ear.unread == 1


@given(st.floats(0, 2), st.lists(st.tuples(st.floats(0, 3), st.integers(1, 40)), min_size=1, max_size=40))
def test_an_ear_has_room_for_what_a_player_has(delay_s, pieces):
    ear, player = Ear(delay_s, PLIVO_MULAW_8K), Player(8000, delay_s=delay_s)
    now = 0.0
    for later_s, piece_s in pieces:
        now += later_s
        ear.play(b"", piece_s, now)
        player.play(bytes(8000 * piece_s), now)
        assert ear.dropped_s * 8000 == pytest.approx(player.overflow_bytes, abs=2 * len(pieces))


@given(st.lists(st.floats(0, 1000), min_size=1), st.sampled_from([1, 50, 95, 99, 100]))
def test_percentiles_are_those_of_numpy(values, percent):
    split = len(values) // 3
    figures, others = Distribution(), Distribution()
    for k, value in enumerate(values):
        (figures if k < split else others).add(value)
    figures.join(others)
    expected = np.percentile(values, percent, method="inverted_cdf")
    assert figures.percentile(percent) == pytest.approx(expected, abs=0.1 if expected < 100 else 1.0)
    assert figures.max == max(values)
    assert figures.over(99.9) == sum(v >= 100 for v in values)
    assert figures.n == len(values)
    figures.clear()
    assert figures.summary() == {"p50": 0.0, "p95": 0.0, "p99": 0.0, "max": 0.0, "n": 0}


def test_figures_stay_small():
    figures = Distribution()
    for value in np.random.default_rng(1).uniform(0, 1e9, 10_000):
        figures.add(value)
    figures.add(-5.0)
    assert figures.max == 600_000
    assert figures.percentile(0) == 0
    assert len(figures.counts) < 20


@pytest.mark.parametrize("form", PLIVO_FORMATS, ids=str)
@pytest.mark.parametrize("headers", ["", 'a=1;b="%d"'])
def test_ready_messages_are_those_of_the_carrier(form, headers):
    size = form.frame_samples(20)
    pcm = np.random.default_rng(3).integers(-20000, 20000, size * 3 - 5, np.int16)
    frames = ready_frames(form, pcm, headers)
    assert len(frames) == 3
    ready, writer = (kind(form, "id-%s", headers, 1_000_000) for kind in (ReadyMessages, MessageWriter))
    for k, frame in zip(range(120), itertools.cycle(frames), strict=False):
        piece = pcm[k % 3 * size :][:size]
        piece = np.concatenate([piece, np.zeros(size - len(piece), np.int16)])
        text = ready.next_media(frame)
        assert text == writer.media("inbound", k + 1, 20 * k, form.encode(piece))
        event = parse(text)
        assert isinstance(event, Media)
        assert (event.chunk, event.timestamp_ms) == (k + 1, 1_000_000 + 20 * k)
        if not k % 7:
            assert ready.played("x") == writer.played("x")
    assert ready.chunks == 120


PAYLOADS = st.binary(max_size=400).map(lambda data: (data, base64.b64encode(data).decode()))


@given(PAYLOADS, st.booleans(), st.booleans(), st.sampled_from([None, (",", ":")]))
def test_audio_is_found_in_any_spelling(payload, stream_first, escaped, separators):
    data, text = payload
    media = {"contentType": "audio/x-mulaw", "sampleRate": 8000, "payload": text}
    message = {"streamId": "s"} if stream_first else {}
    message |= {"event": "playAudio", "media": media}
    line = json.dumps(message, separators=separators)
    if escaped:
        line = line.replace("/", "\\/")
    span = replies.audio_span(line.encode())
    if span is None:
        assert "/" in text
        assert escaped
        event, raw = replies.read(line.encode())
        assert event == "playAudio"
        found = replies.payload_text(raw)
    else:
        found = line[slice(*span)]
    assert found == text
    assert replies.base64_bytes(found.encode()) == len(data)


@pytest.mark.parametrize(
    "message", [b"", b"\xff", b"[]", b"{}", b'{"event":7}', b'"playAudio"', b'{"event":"playAudio"}', b"[" * 5000]
)
def test_what_is_no_message_is_nothing(message):
    assert replies.audio_span(message) is None
    event, raw = replies.read(message)
    assert event in ("", "playAudio")
    assert replies.payload_text(raw) == ""


def run_probe(answer_after, *, echo, until_s, loud_until=0.0, delay_s=0.0, speech_s=None, at_once=False, marks=True):
    """Drive a probe as a call does, with answers so long after each beginning; return it, and what was said."""
    ear = Ear(delay_s, PLIVO_MULAW_8K, always=echo)
    probe = Probe(ear, "silence", ("a", "b", "c"), echo=echo, first_at=101.0, speech_s=speech_s)
    said, answers = [], []
    for k in range(round(until_s * 50)):
        now = 100.0 + k / 50
        frame = probe.frame(now)
        said.append(frame)
        if frame == "a" and answer_after is not None:
            answers.append(now + answer_after)
        if at_once and k == 0:
            ear.play(piece(round(loud_until * 50)), loud_until, now)
        elif (now < 100 + loud_until and not at_once) or any(at <= now < at + 0.1 for at in answers):
            ear.play(LOUD, 0.02, now)
        elif marks and now - 0.02 < ear.end:
            ear.checkpoint(now)
        if probe.listens:
            probe.heard(ear.listen(), now)
    return probe, said


@pytest.mark.parametrize(("echo", "delay_ms"), [(True, 520), (False, 460)])
def test_a_probe_times_the_answers(echo, delay_ms):
    probe, said = run_probe(0.5, echo=echo, until_s=10)
    assert "".join(frame for frame in said if frame != "silence") == "abc" * probe.delays.n
    assert probe.delays.n >= 3
    assert probe.delays.percentile(1) == pytest.approx(delay_ms, abs=20)
    assert probe.delays.max == pytest.approx(delay_ms, abs=20)
    assert probe.unanswered == 0


@pytest.mark.parametrize(("echo", "delay_ms"), [(True, 520 - 15 + 250), (False, 460 + 20 + 250)])
def test_a_probe_times_from_sound_to_sound_in_the_callers_ear(echo, delay_ms):
    """The first 15 and the last 20 ms of what is said are silent, and the player's delay is 250 ms."""
    probe, _ = run_probe(0.5, echo=echo, until_s=10, delay_s=0.25, speech_s=(0.015, 0.04))
    assert probe.delays.percentile(1) == pytest.approx(delay_ms, abs=20)
    assert probe.delays.max == pytest.approx(delay_ms, abs=20)


def test_a_probe_gives_up_and_tries_again():
    probe, said = run_probe(None, echo=True, until_s=30)
    assert (probe.unanswered, probe.delays.n) == (2, 0)
    assert said.count("a") == 3


@pytest.mark.parametrize("at_once", [False, True])
def test_a_probe_does_not_interrupt(at_once):
    """However early what it hears has come."""
    _, said = run_probe(0.5, echo=False, until_s=6, loud_until=4.0, at_once=at_once)
    assert 200 <= said.index("a") <= 220


def test_a_probe_waits_longer_for_an_agent_that_may_have_stalled():
    _, said = run_probe(0.5, echo=False, until_s=9, loud_until=3.0, marks=False)
    assert 298 <= said.index("a") <= 302


def test_a_greeting_is_no_answer_to_a_probe():
    """What was sent within 200 ms of the beginning of the caller's turn."""
    probe, _ = run_probe(0.1, echo=False, until_s=30)
    assert (probe.unanswered, probe.delays.n) == (2, 0)


def fake_report(n, holds, *, late_ms=0.0, failed=False, stalled=False, echo=True):
    state = "stalled" if stalled and n > holds else "good"
    call = CallResult(
        0, state, "silence for 1.3 s" if state == "stalled" else "", Distribution(), Distribution(), heard_s=1.0
    )
    call.gaps.add(0 if n <= holds else 250)
    calls = [call]
    if failed and n > holds:
        calls.append(CallResult(1, "failed", "upgrade refused with 503", Distribution(), Distribution()))
    worker = WorkerResult(calls, frames=1)
    worker.late.add(late_ms)
    return LoadReport([worker], n, echo=echo)


@given(st.integers(0, 3000), st.integers(1, 100))
def test_a_capacity_is_found(holds, first):
    found = find_capacity(lambda n: fake_report(n, holds), first=first, most=2000, time_s=math.inf)
    if holds >= 2000:
        assert (found.held, found.failed, found.limit) == (2000, None, "most calls")
    else:
        assert found.limit == "found"
        assert found.held <= holds < found.failed
        assert found.failed - found.held <= max(1, 0.05 * found.held)
        assert found.why == "p99 of the gaps 250 ms"
    assert len(found.steps) < 30
    json.dumps(found.summary())


def test_a_search_ends_in_time_at_the_generators_limit_and_at_an_interrupt():
    clock = itertools.count(0, 10)
    found = find_capacity(lambda n: fake_report(n, 10**6), first=1, most=10**6, time_s=45, clock=lambda: next(clock))
    assert (found.limit, found.held, found.failed) == ("time", 16, None)
    found = find_capacity(lambda n: fake_report(n, 30, late_ms=8), first=10, most=1000, time_s=1e9)
    assert (found.limit, found.held, found.failed) == ("generator", 20, None)
    found = find_capacity(lambda n: fake_report(n, 30, late_ms=8, stalled=True), first=10, most=1000, time_s=1e9)
    assert (found.limit, found.held, found.failed) == ("generator", 20, None)
    # Of what says little by itself, a generator that is late cannot know whether it was sent.
    found = find_capacity(lambda n: fake_report(n, 30, late_ms=8, echo=False), first=10, most=1000, time_s=1e9)
    assert (found.limit, found.held, found.why) == (
        "generator", 0, "no gap at 10 calls, but the generator itself was late",
    )  # fmt: skip
    found = find_capacity(lambda n: fake_report(n, 30, late_ms=8, failed=True), first=10, most=1000, time_s=1e9)
    assert (found.limit, found.held, found.failed) == ("found", 30, 31)
    assert found.why == "1 calls failed, were lost or stalled: upgrade refused with 503"

    def interrupted(n):
        report = fake_report(n, 10**6)
        report.interrupted = n > 10
        return report

    found = find_capacity(interrupted, first=10, most=1000, time_s=1e9)
    assert (found.limit, found.held, len(found.steps)) == ("interrupted", 10, 2)


def test_the_usage_of_a_process_that_is_not_there():
    with pytest.raises(ValueError, match=r"^pid must be .* not 4000000000"):
        Usage(4_000_000_000)
