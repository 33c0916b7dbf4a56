"""Reports of calls: what a page says is what the call's own measures, linter and player say, and nothing of it runs."""

import json
import re

import numpy as np
import pytest

from _support.broken_agents import BROKEN
from _support.conversation import conversation
from _support.desk import Desk
from _support.good_agents import GoodAgent, voice
from _support.report_pages import HOSTILE, Page, dialogue, hostile, store
from voiceband.emulator import CallLog, CarrierStream, Line, lint, measure
from voiceband.emulator.judge.rules import RULES
from voiceband.report import report
from voiceband.report.model import call_report, clock
from voiceband.report.stored import open_call


def gathered(folder):
    return call_report(open_call(folder))


def of(model, kind):
    return [mark for mark in model.marks if mark.kind == kind]


@pytest.fixture(scope="module")
def talk(tmp_path_factory):
    """A call of 40 s with everything in it: its folder, and the call itself."""
    folder = tmp_path_factory.mktemp("reports") / "talk"
    return folder, dialogue(folder, 40.0)


# ---- what it says


def test_turns_and_marks_are_those_of_the_measures(talk):
    folder, call = talk
    model, measures = gathered(folder), call.measures
    at = call.stream.started_at - call.carrier.started_at  # the stream begins a little after the call
    assert len(measures.turns) > 5
    assert [turn.answer_ms for turn in model.turns] == pytest.approx(
        [turn.answer_ms for turn in measures.turns], abs=0.01
    )
    assert [t.start_ms for t in model.turns] == pytest.approx(
        [t.start_ms + at * 1000 for t in measures.turns], abs=0.01
    )
    assert model.talk_over_s == pytest.approx(measures.talk_over_ms / 1000, abs=1e-3)
    talk_over = of(model, "talk-over")
    assert sum(mark.end_s - mark.at_s for mark in talk_over) == pytest.approx(measures.talk_over_ms / 1000, abs=1e-3)
    assert len(of(model, "barge-in")) == len(measures.barge_ins) > 3
    assert len(of(model, "clipped")) == len(measures.clipped_words)
    assert [mark.kind for mark in model.marks] == [m.kind for m in sorted(model.marks, key=lambda m: m.at_s)]


def test_clears_checkpoints_and_keys_are_those_of_the_log(talk):
    folder, call = talk
    model, log = gathered(folder), call.log
    assert [mark.at_s for mark in of(model, "clear")] == pytest.approx(
        [e.at_s for e in log.named("clearAudio")], abs=1e-5
    )
    assert [mark.at_s for mark in of(model, "dtmf")] == [e.at_s for e in log.named("dtmf")] != []
    marks = of(model, "checkpoint")
    assert len(marks) == len(log.named("checkpoint"))
    answered = [mark for mark in marks if "has now heard" in mark.text]
    assert [mark.at_s for mark in answered] == [e.at_s for e in log.named("playedStream")] != []


def test_the_ledger_adds_up_to_what_the_player_played(talk):
    folder, call = talk
    model, player = gathered(folder), call.stream.player
    ms = 1000 / player.bytes_per_s
    assert sum(t.heard_ms for t in model.talks) == pytest.approx(sum(len(r.data) for r in player.runs) * ms, abs=0.1)
    assert sum(t.cleared_ms for t in model.talks) == pytest.approx(call.measures.unheard.cleared_ms, abs=0.1)
    assert sum(t.cut_ms for t in model.talks) == pytest.approx(call.measures.unheard.ended_ms, abs=0.1)
    assert sum(t.sent_ms for t in model.talks) == pytest.approx(
        sum(e.detail.get("ms", 0.0) for e in call.log.named("playAudio")), abs=0.1
    )


@pytest.mark.parametrize("kind", [*BROKEN, GoodAgent], ids=lambda kind: kind.__name__)
def test_findings_are_those_of_the_linter_and_say_what_to_do(kind, tmp_path):
    call = conversation(kind())
    model = gathered(store(tmp_path / "call", call.log))
    wanted = lint(call.log)
    rules = [mark.text.partition(":")[0].partition(" ")[0] for mark in model.findings]
    assert rules == [finding.rule for finding in wanted]
    for mark, finding in zip(model.findings, wanted, strict=True):
        assert mark.at_s == pytest.approx(finding.at_ms / 1000, abs=1e-3)
        assert finding.hears in mark.text
        assert mark.advice == RULES[finding.rule].remedy + "."


def test_a_gap_is_marked_where_the_caller_heard_it(tmp_path):
    desk = Desk()
    desk.play(100, 500)
    desk.play(900, 500)  # the first has ended at 850: heard from 1150 on
    desk.mark(900)
    desk.end(3000)
    model = gathered(store(tmp_path / "call", desk.call.log))
    (gap,) = of(model, "gap")
    assert (gap.at_s, gap.end_s) == pytest.approx((0.85, 1.15))
    assert "300 ms" in gap.text
    page = Page(report(tmp_path / "call"))
    assert gap.text in page.text
    assert "comes after the last one has ended" in page.text, "what a gap is"
    (band,) = [a for a in page.classes("band") if float(a["x"].rstrip("%")) == pytest.approx(100 * 0.85 / 3, abs=0.01)]
    assert float(band["width"].rstrip("%")) == pytest.approx(100 * 0.3 / 3, abs=0.01)


def test_lead_and_intervals_are_what_was_sent(tmp_path):
    desk = Desk()
    for at, ms in ((100, 200), (150, 200), (500, 200), (2000, 100)):
        desk.play(at, ms)
    desk.end(4000)
    model = gathered(store(tmp_path / "call", desk.call.log))
    # The player starts 250 ms late: at 150 all of the first waits; at 500 250 ms of both are left.
    assert [at for at, _ in model.lead] == pytest.approx([0.1, 0.15, 0.5, 2.0])
    assert [ms for _, ms in model.lead] == pytest.approx([0, 200, 250, 0])
    assert model.intervals == [pytest.approx((0.15, 50)), pytest.approx((0.5, 350))]
    assert [(t.at_s, t.sent_ms, t.from_s) for t in model.talks] == [
        pytest.approx((0.1, 600, 0.35)),
        pytest.approx((2.0, 100, 2.25)),
    ]


def test_the_ledger_splits_what_a_clear_dropped(tmp_path):
    desk = Desk()
    desk.play(0, 1000)
    desk.mark(0)
    desk.play(10, 2000)
    desk.clear(750)  # 500 ms are heard
    desk.play(1000, 400)
    desk.end(1500)  # 250 ms are heard
    model = gathered(store(tmp_path / "call", desk.call.log))
    assert [(t.sent_ms, t.heard_ms, t.cleared_ms, t.cut_ms) for t in model.talks] == [
        pytest.approx(row, abs=0.2) for row in ((1000, 500, 500, 0), (2000, 0, 2000, 0), (400, 250, 0, 150))
    ]
    assert [t.name for t in model.talks] == ["mark", None, None]
    assert all(t.answered_s is None for t in model.talks)
    (mark,) = of(model, "checkpoint")
    assert "never answered" in mark.text
    (clear,) = of(model, "clear")
    assert "2500 ms" in clear.text


def test_missing_audio_of_the_caller_is_marked(tmp_path):
    line = Line(8000, missing=0.05, missing_burst=3, seed=4)
    call = CarrierStream(source=line, seed=1)
    call.start(0.0)
    call.say(voice(3.0))
    for tick in range(300):
        call.poll(tick * 0.02)
    call.hang_up(6.0)
    lost = [(e.detail["chunk"] - 1) * 0.02 for e in call.log.named("lost frame") if e.detail["chunk"] > 1]
    assert len(lost) > 5
    marks = of(gathered(store(tmp_path / "call", call.log)), "concealment")
    # What is lost at the very end has nothing behind it that would show it.
    covered = [at for at in lost if any(m.at_s - 1e-3 <= at and at + 0.02 <= m.end_s + 1e-3 for m in marks)]
    assert len(covered) >= len(lost) - 3
    assert sum(m.end_s - m.at_s for m in marks) == pytest.approx(0.02 * len(covered), abs=1e-6)


def test_several_streams_share_one_timeline(tmp_path):
    log = CallLog()
    for began in (1.0, 5.0):
        call = CarrierStream(log=log, seed=int(began))
        if log.origin is None:
            log.add(0.0, "event", "phone call", None)
        call.start(began)
        call.say(voice(0.5))
        call.poll(began + 1)
        call.receive('{"event":"nonsense"}', began + 1)
        call.hang_up(began + 2)
    model = gathered(store(tmp_path / "call", log))
    assert [turn.start_ms for turn in model.turns] == pytest.approx([1000, 5000], abs=5)
    assert [mark.at_s for mark in model.findings] == pytest.approx([2.0, 6.0])
    loud = np.flatnonzero(np.abs(model.caller) > 1000) / model.rate
    assert (loud.min(), loud.max()) == pytest.approx((1.0, 5.5), abs=0.02)
    assert not np.any((loud > 1.52) & (loud < 4.98))


# ---- the page


def test_the_page_holds_everything_once(talk):
    folder, call = talk
    text = report(folder)
    page = Page(text)
    assert page.of("html")[0]["lang"] == "en"
    assert len(page.of("title")) >= 1
    assert len(page.of("h1")) == 1
    assert len(page.of("audio")) == 2
    for audio in page.of("audio"):
        assert audio["src"].startswith(("data:audio/flac;base64,", "data:audio/mpeg;base64,"))
        assert audio["aria-label"]
    for drawing in page.of("svg", role="img"):
        assert drawing["aria-label"]
    assert len(page.of("tr")) >= len(call.measures.turns)
    for turn in call.measures.turns:
        assert turn.answer_ms is None or f"{turn.answer_ms:.0f} ms" in page.text


def test_the_page_asks_nobody_and_runs_nothing_but_its_own_script(talk):
    check_closed(report(talk[0]))


def check_closed(text):
    """Find whatever could load or run: by the elements, and by the policy."""
    page = Page(text)
    assert len(page.of("script")) == 1
    for tag, attributes in page.elements:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            assert name != "style", tag
            if name in ("src", "href", "xlink:href", "action", "poster", "srcset", "data"):
                assert value.startswith(("data:image/png;base64,", "data:audio/", "#")) or value == "data:,", (
                    tag,
                    value,
                )
        assert tag not in ("iframe", "object", "embed", "base", "form", "img"), tag
    assert not re.findall(r"url\((?!#)|@import", text)
    (policy,) = page.of("meta", **{"http-equiv": "Content-Security-Policy"})
    assert "default-src 'none'" in policy["content"]
    assert "unsafe" not in policy["content"]
    assert not re.search(r"https?:|\*", policy["content"])
    return page


def test_hostile_texts_are_texts(tmp_path):
    page = check_closed(report(hostile(tmp_path / 'a"><img src=x onerror=alert(1)>')))
    for text in HOSTILE:
        assert " ".join(text.split()) in page.text
    assert '"><img src=x onerror=alert(1)>' in page.text, "the name of the folder"
    assert "1337" not in page.text


def test_half_surrogates_do_not_stop_a_page(tmp_path):
    desk = Desk()
    message = json.dumps({"event": "checkpoint", "streamId": desk.call.stream_id, "name": "\ud83d"})
    desk.call.receive(message, desk.at(100))
    desk.end(500)
    text = report(store(tmp_path / "call", desk.call.log)).encode("utf-8").decode("utf-8")
    assert "checkpoint" in Page(text).text


def test_a_page_is_bounded_whatever_an_agent_sends(tmp_path, dose):
    n = dose(4000, 9000)
    desk = Desk()
    now = desk.at(100)
    for i in range(n):
        desk.call.receive(json.dumps({"event": "checkpoint", "streamId": desk.call.stream_id, "name": f"n{i}"}), now)
        if i % 90 == 0:
            desk.call.receive("x" * 60_000, now)
    desk.end(500)
    text = report(store(tmp_path / "call", desk.call.log))
    assert len(text) < 4_000_000 * n / 9000
    assert f"{n - 2000} more marks than are shown" in Page(text).text


def test_the_recording_is_used_where_there_is_one(talk):
    folder, call = talk
    said, heard, rate = call.recording()
    model = gathered(folder)
    assert model.rate == rate
    assert np.array_equal(model.caller[: len(said)], said)
    assert np.array_equal(model.agent[: len(heard)], heard)
    # It is in time with the log.
    loud_s = np.flatnonzero(np.abs(model.agent.astype(int)) > 184)[0] / rate
    assert loud_s == pytest.approx(model.agent_speech[0][0], abs=1e-3)


def test_without_a_recording_the_sound_comes_from_the_log(talk, tmp_path):
    folder, call = talk
    model = gathered(store(tmp_path / "call", call.log))
    said, heard, _ = call.recording()
    assert any("made from the log" in note for note in model.notes)
    for ours, truth in ((model.caller, said), (model.agent, heard)):
        n = min(len(ours), len(truth))
        assert n > len(truth) - 10
        assert np.mean(ours[:n] != truth[:n]) < 1e-3
    assert model.turns == gathered(folder).turns


def test_a_long_call_fits(tmp_path, dose):
    seconds = dose(60, 1800)
    dialogue(tmp_path / "call", seconds, network="bursty")
    text = report(tmp_path / "call")
    assert len(text.encode()) <= 500_000 + 15_000_000 * seconds / 600
    assert len(text.encode()) > 200_000 * seconds / 600
    page = check_closed(text)
    assert float(page.of("body")[0]["data-duration"]) == pytest.approx(seconds, abs=0.1)


def test_clock():
    assert [clock(s) for s in (0, 9.96, 59.96, 61.25, 3599.99, 3600)] == [
        "0:00.0",
        "0:10.0",
        "1:00.0",
        "1:01.2",
        "1:00:00.0",
        "1:00:00.0",
    ]


def test_measures_of_this_file_are_of_the_same_call(talk):
    folder, call = talk
    assert measure(call.stream).as_dict() == json.loads((folder / "summary.json").read_text())["measures"]
