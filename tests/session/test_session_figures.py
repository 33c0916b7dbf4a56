"""Statistics, the summary and metrics."""

import json
from typing import get_args

import pytest

from _support.joined import random_call
from _support.messages import media, start
from _support.session_calls import clean_call, feed, tone
from voiceband.formats import PLIVO_L16_16K, PLIVO_MULAW_8K
from voiceband.session import METRICS, Audio, Session, SessionEvent
from voiceband.session.counters import Counters


class TestFigures:
    def test_stats_and_summary(self):
        counted = []
        session = Session(metrics=lambda name, value: counted.append((name, value)))
        _, joined = clean_call(session)
        joined.run(0.5)
        session.play(tone(8000, 1.0), name="a", end=True)
        joined.run(3.0)
        session.play(tone(8000, 3.0), name="b", end=True)
        joined.run(4.0)
        session.interrupt(joined.now)
        joined.run(5.0)
        session.receive("{", joined.now)
        stats = session.stats
        assert stats.messages_in > 250
        assert stats.malformed == session.malformed == 1
        assert stats.round_trip_ms == pytest.approx(50, abs=2)
        assert stats.playout_delay_ms == pytest.approx(275, abs=40)
        assert stats.barge_in_send_max_ms == 0
        assert stats.barge_in_ms == pytest.approx(50, abs=2)
        assert stats.frames_out >= 50
        assert stats.underruns == 0
        assert 379 <= stats.lead_ms <= 600
        summary = json.loads(json.dumps(session.summary()))
        assert summary["interruptions"] == 1
        assert {"malformed", "played", "cleared", "interruptions"} <= {name for name, _ in counted}

    def test_metrics_come_to_the_same_as_the_stats(self):
        counted, seen = {}, {}

        def hook(name, value):
            metric = METRICS[name]  # a name that is not there fails
            if metric.kind == "counter":
                assert value > 0
                counted[name] = counted.get(name, 0) + value
            else:
                seen.setdefault(name, []).append(value)

        session = Session(metrics=hook, buffer="jitter")
        call, joined = clean_call(session)
        call.say(tone(8000, 9.0))
        events = []
        joined.run(0.5)
        odd = session.play(tone(24000, 4.0), 24000)
        joined.run(2.0)
        session.buffer = "timeline"
        joined.run(2.5)
        joined.stalled_until = joined.now + 0.2
        joined.run(3.0)
        session.interrupt(joined.now)
        session.play(b"", format="linear16", rate=24000, name=odd.name, end=True)
        joined.run(4.0)
        session.receive("{", joined.now)
        session.receive('{"event":"playedStream","name":"nobody"}', joined.now)
        for i in (90000, 90000, 90003, 90001):
            events += session.receive(media(i, bytes(160)), joined.now)
        events += session.receive(start(PLIVO_L16_16K, "s2"), joined.now)
        session.play(bytes(3), format="audio/x-l16;rate=16000")
        session.play(b"", format="audio/x-l16;rate=16000", end=True)
        session.checkpoint("c", timeout_s=0.1)
        session.poll(4.1)
        session.poll(60.0)
        events += session.events() + session.close("over")
        stats = session.stats.as_dict()
        told = {name: round(value, 3) for name, value in counted.items()}
        for name, metric in METRICS.items():
            if metric.kind == "counter" and name in stats:
                assert told.get(name, 0) == stats[name], name
        assert {"gaps", "late_answers", "late_pieces", "half_samples", "reconnects", "malformed"} <= counted.keys()
        assert counted["interruptions"] == len(seen["barge_in_ms"]) == 1
        assert counted["cleared"] == 2  # and what the other format cut off
        assert seen["barge_in_ms"] == [pytest.approx(50, abs=2)]
        assert seen["barge_in_send_ms"] == [0.0]
        assert max(seen["send_late_ms"]) > 1
        assert min(seen["round_trip_ms"]) == pytest.approx(50, abs=2)
        assert seen["queued_ms"][-1] == stats["queued_ms"]
        assert seen["lead_ms"][-1] == pytest.approx(stats["lead_ms"], abs=1e-3)
        told_of = {type(e).__name__.lower() for _, e in joined.events} | {type(e).__name__.lower() for e in events}
        assert {name for name in told_of if name != "audio"} <= counted.keys()
        assert counted["missed"] >= 1

    def test_every_kind_of_event_but_audio_has_a_name_for_the_hook(self):
        told = []
        for kind in set(get_args(SessionEvent)) - {Audio}:
            Counters(lambda name, _: told.append(name)).note([kind(**dict.fromkeys(kind.__struct_fields__))])
        assert {METRICS[name].kind for name in told} == {"counter"}
        assert {"caller_spoke", "tone", "dtmf"} <= set(told)

    def test_metrics_come_once_a_second_while_media_flows(self):
        told = []
        session = Session(metrics=lambda name, value: told.append((name, value)))
        session.receive(start(), 0.0)
        feed(session, PLIVO_MULAW_8K, tone(8000, 5.0))
        totals = [value for name, value in told if name == "messages_in"]
        assert len(totals) == 5
        assert all(value == pytest.approx(50, abs=2) for value in totals[1:])

    def test_another_format_forgets_no_figure(self):
        session = Session()
        _, joined = clean_call(session)
        session.round_trip(0.01)
        joined.run(0.2)
        session.play(tone(8000, 1.0), name="a", end=True)
        joined.run(3.0)
        before = session.stats
        session.receive(start(PLIVO_L16_16K, "s2"), 3.0)
        after = session.stats
        for name in ("frames_out", "send_late_max_ms", "gaps", "underruns", "round_trip_ms", "concealed_ms"):
            assert getattr(after, name) == getattr(before, name), name
        assert before.frames_out == 50

    def test_random_calls_are_deterministic(self):
        assert random_call(7) == random_call(7)
