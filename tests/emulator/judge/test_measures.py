"""The measures: calls whose truth is known to the millisecond, on virtual time."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from _support.broken_agents import BROKEN
from _support.conversation import conversation
from _support.desk import Desk, tone
from _support.dose import dose
from _support.good_agents import GoodAgent
from voiceband.emulator import CallLog, CarrierStream, measure
from voiceband.emulator.caller.line import Line
from voiceband.emulator.caller.sounds import read_at, shipped
from voiceband.emulator.caller.speech_level import active_level_dbfs
from voiceband.emulator.judge.caller_turns import Turn, answered, talk_of_sound
from voiceband.emulator.judge.replay import measure_log, replay
from voiceband.formats import PLIVO_FORMATS, PLIVO_L16_8K, PLIVO_L16_16K, PLIVO_MULAW_8K
from voiceband.sound.speech import Activity, overlap_ms, speech_intervals


def near(*ms):
    return pytest.approx(ms if len(ms) > 1 else ms[0], abs=0.5)


@pytest.mark.parametrize("wire", PLIVO_FORMATS, ids=str)
def test_answers_are_timed_from_the_callers_last_to_the_agents_first_sound_at_the_caller(wire):
    desk = Desk(wire)
    desk.play(310, 500)  # a greeting, heard from 560 to 1060
    desk.mark(310)
    desk.say(2000, 700)
    desk.play(3150, 400)  # heard from 3400
    desk.mark(3150)
    desk.say(5000, 300)
    desk.play(5900, 200)  # heard from 6150
    m = desk.end(8000)
    assert m.duration_ms == near(8000)
    assert m.first_audio_ms == near(560)
    assert [(t.start_ms, t.end_ms, t.answer_ms) for t in m.turns] == [near(2000, 2700, 700), near(5000, 5300, 850)]
    assert m.answers_ms == [near(700), near(850)]
    assert m.answer_median_ms == near(775)
    assert (m.gaps, m.talk_over_ms, m.barge_ins, m.clipped_words, m.unheard.ms) == ([], 0, [], [], 0)
    assert m.agent.speech_ms == near(1100)
    assert m.caller.speech_ms == near(1000)


def test_silence_that_the_agent_streams_is_no_answer():
    desk = Desk()
    desk.play(0, 3000, level=0)
    desk.say(500, 500)
    desk.play(2200, 300)  # queued behind the silence, so heard from 3250
    m = desk.end(4000)
    assert m.first_audio_ms == near(3250)
    assert m.answers_ms == [near(2250)]


def test_gaps_are_those_that_can_be_heard():
    desk = Desk()
    desk.play(0, 400)  # heard from 250 to 650
    desk.play(700, 400)  # 50 ms late: heard from 950
    desk.mark(700)
    desk.play(2000, 400, level=0)  # the same in silence
    desk.play(2700, 400, level=0)
    m = desk.end(5000)
    assert len(desk.call.player.gaps) == 2
    assert [(gap.at_ms, gap.ms) for gap in m.gaps] == [near(650, 300)]


def test_barge_in_talk_over_and_what_was_cleared():
    desk = Desk()
    desk.play(0, 5000)  # heard from 250
    desk.say(2000, 1000)
    desk.clear(2430)
    desk.play(3600, 500)  # heard from 3850
    m = desk.end(6000)
    (barge_in,) = m.barge_ins
    assert (barge_in.at_ms, barge_in.silence_ms) == near(2000, 430)
    assert barge_in.cleared
    assert m.talk_over_ms == near(430)
    assert (m.unheard.cleared_ms, m.unheard.ended_ms, m.unheard.dropped_ms) == near(2820, 0, 0)
    assert [(c.at_ms, c.by) for c in m.clipped_words] == [(near(2430), "clear")]
    assert [(t.start_ms, t.end_ms, t.answer_ms) for t in m.turns] == [near(2000, 3000, 850)]


def test_an_agent_that_talks_on_is_not_said_to_have_answered():
    desk = Desk()
    desk.play(0, 5000)
    desk.say(2000, 1000)
    m = desk.end(8000)
    assert m.turns[0].answer_ms is None
    (barge_in,) = m.barge_ins
    assert not barge_in.cleared
    assert (barge_in.silence_ms, m.talk_over_ms) == near(3250, 1000)


def test_the_end_of_the_call_cuts_speech():
    desk = Desk()
    desk.play(0, 5000)
    m = desk.end(2250)
    assert (m.unheard.cleared_ms, m.unheard.ended_ms, m.unheard.dropped_ms) == near(0, 3000, 0)
    assert [(c.at_ms, c.by) for c in m.clipped_words] == [(near(2250), "end")]


@pytest.mark.parametrize(("clear_ms", "clipped"), [(500, 1), (752, 0), (850, 0), (948, 0), (1200, 1)])
def test_a_cut_in_a_pause_clips_no_word(clear_ms, clipped):
    desk = Desk()
    desk.play(0, 500)  # heard from 250 to 750
    desk.play(0, 200, level=0)
    desk.play(0, 500)  # heard from 950
    desk.clear(clear_ms)
    assert len(desk.end(3000).clipped_words) == clipped


def test_audio_beyond_the_queue_is_unheard():
    desk = Desk(PLIVO_L16_8K)
    for _ in range(35):
        desk.play(0, 2000)
    m = desk.end(1000)
    # The delay of 250 ms takes no room in the queue of 60 s; 750 ms of it were heard in the first second.
    assert (m.unheard.dropped_ms, m.unheard.ended_ms) == near(10_000, 59_250)


@pytest.mark.parametrize("wire", [PLIVO_MULAW_8K, PLIVO_L16_16K], ids=str)
def test_levels(wire):
    desk = Desk(wire)
    desk.play(0, 1000, level=3277)
    desk.mark(0)
    desk.play(2000, 500, level=32767)
    desk.say(100, 600)
    m = desk.end(4000)
    assert m.agent.peak_dbfs == pytest.approx(0, abs=0.2)
    assert m.agent.clipped == wire.sample_rate // 2
    level = 10 * math.log10((1000 * 3277**2 + 500 * 32767**2) / 1500 / 32768**2)
    assert m.agent.active_dbfs == pytest.approx(level, abs=0.2)
    assert m.caller.active_dbfs == pytest.approx(20 * math.log10(8000 / 32768), abs=0.2)
    assert m.caller.clipped == 0


def test_the_level_of_speech_is_that_of_p56():
    pcm = read_at(shipped("@caller"), 8000)
    call = CarrierStream(PLIVO_L16_8K, seed=1)
    call.start(0.0)
    call.say(pcm)
    call.poll(6.0)
    assert measure(call, 6.0).caller.active_dbfs == pytest.approx(active_level_dbfs(pcm, 8000), abs=1.0)


def test_a_call_without_a_word():
    m = Desk().end(1000)
    assert (m.first_audio_ms, m.turns, m.answer_median_ms) == (None, [], None)
    assert (m.agent.active_dbfs, m.agent.peak_dbfs, m.caller.active_dbfs) == (None, None, None)
    assert json.loads(json.dumps(m.as_dict()))["answer_median_ms"] is None


def test_noise_of_the_line_is_not_the_callers_speech():
    line = Line(noise="street", snr_db=5, seed=1)
    desk = Desk(source=line)
    desk.say(1000, 500)
    m = desk.end(3000)
    assert speech_intervals(desk.call.recording(103.0)[0], 8000)[0][0] < 500, "the noise alone is loud"
    assert [(t.start_ms, t.end_ms) for t in m.turns] == [near(1000, 1500)]


def test_true_speech_can_be_given():
    desk = Desk()
    desk.say(1000, 500)
    desk.call.hang_up(desk.at(3000))
    m = measure(desk.call, caller_speech=[(200.0, 700.0), (2900.0, 4000.0)])
    assert [(t.start_ms, t.end_ms) for t in m.turns] == [near(200, 700), near(2900, 3000)]
    with pytest.raises(ValueError, match="caller_speech must be in order and apart, but 400 follows 700"):
        measure(desk.call, caller_speech=[(200, 700), (400, 900)])


def test_a_call_that_runs_needs_a_time():
    call = CarrierStream(seed=1)
    with pytest.raises(ValueError, match="now must be after the start of the call"):
        measure(call, 1.0)
    call.start(0.0)
    with pytest.raises(ValueError, match="finite while it runs, not inf"):
        measure(call)
    assert measure(call, 1.0).duration_ms == 1000


@pytest.mark.parametrize("kind", [GoodAgent, *BROKEN[:: dose(4, 1)]], ids=lambda kind: kind.__name__)
def test_a_stored_call_measures_as_the_live_one_did(kind):
    call = conversation(kind())
    stored = CallLog.read(call.log.lines())
    live = measure(call).as_dict()
    again = measure_log(stored).as_dict()
    # The log's clock is rounded to a microsecond, and a sample lasts 62 to 125.
    assert json.loads(json.dumps(again), parse_float=lambda x: round(float(x))) == json.loads(
        json.dumps(live), parse_float=lambda x: round(float(x))
    )


def test_a_replayed_call_sounds_as_it_did():
    call = conversation(GoodAgent())
    again = replay(CallLog.read(call.log.lines()))
    for side in (0, 1):
        assert np.array_equal(call.recording(call.ended_at)[side], again.recording(again.ended_at)[side])
    assert (again.end_reason, again.stream_id, again.format) == ("hang-up", call.stream_id, call.format)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([], "has no start message"),
        (['{"at_s":0,"way":"sent","name":"start","text":"{"}'], "start message cannot be read"),
        (['{"at_s":0,"way":"sent","name":"start","text":"{\\"event\\":\\"stop\\"}"}'], "start message is none"),
    ],
)
def test_a_log_without_a_stream_is_named(lines, why):
    with pytest.raises(ValueError, match=why):
        measure_log(CallLog.read(lines))


class TestTurns:
    @pytest.mark.parametrize(
        ("caller", "agent", "turns"),
        [
            ([(0, 100)], [(300, 400)], [(0, 100, 200)]),
            ([(0, 100)], [], [(0, 100, None)]),
            # A pause of less than a second is the same turn, unless the agent began in it.
            ([(0, 100), (1000, 1100)], [(1500, 1600)], [(0, 1100, 400)]),
            ([(0, 100), (1000, 1100)], [(500, 1300)], [(0, 100, 400), (1000, 1100, None)]),
            ([(0, 100), (1200, 1300)], [(1500, 1600)], [(0, 100, None), (1200, 1300, 200)]),
            # The agent begins before the caller has ended, or has never stopped.
            ([(1000, 2000)], [(1900, 3000)], [(1000, 2000, 0)]),
            ([(1000, 2000)], [(500, 3000), (3500, 4000)], [(1000, 2000, None)]),
            # What the agent had said before is over when the caller ends.
            ([(1000, 2000)], [(500, 1500), (2400, 3000)], [(1000, 2000, 400)]),
        ],
    )
    def test_what_answers_what(self, caller, agent, turns):
        assert answered(caller, talk_of_sound(caller, agent)) == [Turn(*turn) for turn in turns]


class TestActivity:
    def test_a_click_and_a_pause(self):
        pcm = np.concatenate(
            [np.zeros(83, np.int16), tone(300), np.zeros(1592, np.int16), tone(50), np.zeros(8000, np.int16)]
        )
        assert speech_intervals(pcm, 8000) == [near(83 / 8, 83 / 8 + 300 + 199 + 50)]
        assert speech_intervals(pcm[:83], 8000) == speech_intervals(pcm[:0], 8000) == []

    @given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 60)), max_size=12), st.sampled_from([8000, 16000]))
    def test_frame_by_frame_it_is_the_same_as_over_the_whole(self, stretches, rate):
        """In frames of 10 ms, against the definition: a loop over single samples."""
        pcm = np.concatenate(
            [np.zeros(0, np.int16)]
            + [np.concatenate([np.zeros(a * rate // 100, np.int16), tone(10 * b, rate=rate)]) for a, b in stretches]
            + [np.zeros(rate // 2, np.int16)]
        )
        loud = [i for i, x in enumerate(pcm.tolist()) if abs(x) > 1000]
        expected = []
        for i in loud:
            if expected and i - expected[-1][1] < rate // 5:
                expected[-1][1] = i + 1
            else:
                expected.append([i, i + 1])
        expected = [(a / rate * 1000, b / rate * 1000) for a, b in expected]
        assert np.array(speech_intervals(pcm, rate)) == pytest.approx(np.array(expected))
        activity = Activity(rate)
        size = rate // 100
        for i in range(0, len(pcm), size):
            frame = pcm[i : i + size]
            activity.push(frame if frame.any() else None, len(frame))
        assert np.array(activity.intervals) == pytest.approx(np.array(expected))
        begins = [at for name, at in activity.noted if name == "speech begins"]
        assert begins == pytest.approx([begin for begin, _ in expected])

    @given(
        st.lists(st.integers(0, 50), min_size=0, max_size=8, unique=True),
        st.lists(st.integers(0, 50), min_size=0, max_size=8, unique=True),
    )
    def test_overlap_is_what_counting_gives(self, a, b):
        def intervals(edges):
            edges = sorted(edges)[: len(edges) // 2 * 2]
            return list(zip(edges[::2], edges[1::2], strict=True))

        a, b = intervals(a), intervals(b)
        both = sum(any(x <= t < y for x, y in a) and any(x <= t < y for x, y in b) for t in range(60))
        assert overlap_ms(a, b) == both


def test_speech_in_the_log_is_exact():
    call = CarrierStream(seed=1)
    call.start(50.0)
    call.poll(50.5)
    call.say(tone(233))
    call.poll(52.0)
    events = [(e.name, e.detail["at_ms"]) for e in call.log if e.way == "event"]
    assert events == [("speech begins", near(500)), ("speech ends", near(733))]
    assert call.speech == [near(500, 733)]


def test_cuts_are_bounded_and_none_of_the_audio_is_lost_from_the_sum(monkeypatch):
    monkeypatch.setattr("voiceband.emulator.carrier.player.MAX_CUTS", 3)
    desk = Desk()
    for i in range(10):
        desk.play(1000 * i, 500)
        desk.clear(1000 * i + 350)
    m = desk.end(11_000)
    assert len(desk.call.player.cuts) == 3
    assert m.unheard.cleared_ms == near(10 * 400)
