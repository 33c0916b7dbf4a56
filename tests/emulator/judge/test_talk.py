"""Who speaks when: holes, pauses, answers, and interruptions, where the truth is known."""

import pytest

from _support.desk import Desk
from voiceband.emulator import lint, measure
from voiceband.emulator.judge.replay import measure_log


def found(desk):
    return [finding.rule for finding in lint(desk.call.log)]


def cleared_and_goes_on(pieces, *, marks=False):
    """An agent that clears as the caller speaks from 1.0 to 4.5 s, and says these pieces from then on."""
    desk = Desk()
    desk.play(0, 2000)
    desk.say(1000, 3500)
    desk.clear(1200)
    for at, ms in pieces:
        desk.play(at, ms)
        if marks:
            desk.mark(at)
    desk.end(8000)
    return desk


class TestHoles:
    @pytest.mark.parametrize(
        ("hole_ms", "rules"),
        [
            (300, ["gap"]),
            (800, ["gap"]),
            (1000, ["gap"]),
            (1300, ["stalled"]),
            (2000, ["stalled"]),
            (5000, ["stalled"]),
        ],
    )
    @pytest.mark.parametrize("marks", [False, True])
    def test_a_hole_in_an_utterance_is_one_however_long(self, hole_ms, rules, marks):
        desk = Desk()
        if marks:  # an agent that ends what it says by a checkpoint
            desk.play(0, 300)
            desk.mark(0)
        desk.play(1000, 1000)  # heard from 1250 to 2250
        desk.play(2000 + hole_ms, 1000)
        if marks:
            desk.mark(2000 + hole_ms)
        m = desk.end(10_000)
        assert [(gap.at_ms, gap.ms) for gap in m.gaps] == [pytest.approx((2250, hole_ms), abs=1)]
        assert found(desk) == rules

    @pytest.mark.parametrize("pause_ms", [500, 900, 3000])
    def test_what_a_checkpoint_or_a_clear_has_ended_does_not_go_on(self, pause_ms):
        for end in ("mark", "clear"):
            desk = Desk()
            desk.play(0, 1000)
            getattr(desk, end)(0 if end == "mark" else 1260)
            desk.play(1000 + pause_ms, 1000)
            assert desk.end(8000).gaps == []
            assert found(desk) == []

    @pytest.mark.parametrize(("pressed_ms", "right"), [(2200, ["gap"]), (2300, []), (2700, []), (3900, ["gap"])])
    def test_an_answer_to_a_key_is_no_late_audio(self, pressed_ms, right):
        desk = Desk()
        desk.play(1000, 2000)  # heard from 1250 to 3250
        for at in sorted([pressed_ms, 3800]):
            if at == pressed_ms:
                desk.press(at)
            else:
                desk.play(at, 1000)
        m = desk.end(8000)
        assert found(desk) == right
        assert len(m.gaps) == len(right)
        assert len(measure_log(desk.call.log).gaps) == len(right)

    def test_an_answer_to_a_turn_is_no_late_audio(self):
        desk = Desk()
        desk.play(100, 2000)  # heard from 350 to 2350
        desk.say(1500, 1000)
        desk.play(2600, 2000)  # heard from 2850
        m = desk.end(8000)
        assert found(desk) == []
        assert m.gaps == []
        assert m.turns[0].answer_ms == pytest.approx(350, abs=1)

    @pytest.mark.parametrize(
        ("say_ms", "length_ms", "stall_ms", "behind_ms", "rules"),
        [
            (3000, 1700, 2000, 0, ["stalled"]),  # the rest comes while the caller, tired of waiting, speaks
            (3000, 1500, 2000, 1500, ["stalled"]),
            (2900, 1000, 4000, 3500, ["stalled"]),  # and after that turn, from an agent that has not heard its end
            (2900, 1000, 2400, 0, []),  # an early answer
            (2900, 1000, 4000, 0, []),  # an answer
            (2900, 1000, 4000, 300, []),
        ],
    )
    @pytest.mark.parametrize("marks", [False, True])
    def test_a_turn_whose_end_the_agent_cannot_have_heard_makes_no_pause(
        self, say_ms, length_ms, stall_ms, behind_ms, rules, marks
    ):
        desk = Desk()
        if marks:
            desk.play(0, 300)
            desk.mark(0)
        desk.play(1000, 1000)  # heard from 1250 to 2250
        desk.say(say_ms, length_ms)
        desk.at(2000 + stall_ms)
        desk.call.unread(behind_ms / 1000)
        desk.play(2000 + stall_ms, 900)
        m = desk.end(9000)
        assert found(desk) == rules
        assert len(m.gaps) == len(measure_log(desk.call.log).gaps) == len(rules)

    def test_a_rest_that_was_cleared_before_it_was_heard_shows_no_stall(self):
        desk = Desk()
        desk.play(1000, 1000)  # heard from 1250 to 2250
        desk.say(3000, 1500)
        desk.play(3600, 1000)
        desk.clear(3700)
        desk.play(5000, 1000)
        assert desk.end(9000).gaps == []
        assert found(desk) == []

    @pytest.mark.parametrize("soft", ["end", "beginning"])
    @pytest.mark.parametrize(("pause_ms", "gaps"), [(300, ["error"]), (600, ["doubtful"]), (900, ["doubtful"])])
    def test_a_pause_between_whole_sentences_may_be_meant(self, soft, pause_ms, gaps):
        desk = Desk()
        desk.play(0, 1000)
        desk.play(0, 60, level=0 if soft == "end" else 8000)
        desk.play(1060 + pause_ms, 60, level=0 if soft == "beginning" else 8000)
        desk.play(1060 + pause_ms, 1000)
        m = desk.end(8000)
        findings = lint(desk.call.log)
        assert [(one.rule, one.degree) for one in findings] == [("gap", degree) for degree in gaps]
        assert len(m.gaps) == len(measure_log(desk.call.log).gaps) == gaps.count("error")

    def test_a_pause_is_a_gap_where_the_agent_marks_its_ends(self):
        desk = Desk()
        desk.play(0, 300)
        desk.mark(0)
        desk.play(1000, 1000)
        desk.play(1000, 60, level=0)
        desk.play(2660, 1000)
        desk.end(8000)
        assert [(one.rule, one.degree) for one in lint(desk.call.log)] == [("gap", "error")]

    def test_a_prompt_to_a_caller_who_says_nothing_is_no_stall(self):
        desk = Desk()
        desk.play(0, 1000)
        desk.play(8000, 1000)
        assert desk.end(12_000).gaps == []
        assert found(desk) == []

    def test_what_a_filter_still_held_is_no_speech_that_came_too_late(self):
        desk = Desk()
        desk.play(0, 1000)
        desk.play(1500, 8)
        desk.mark(1500)
        assert desk.end(5000).gaps == []
        assert found(desk) == []

    def test_sentences_that_end_softly_are_apart(self):
        desk = Desk()
        for at in (0, 3000):
            desk.play(at, 1000)
            desk.play(at, 100, level=0)
        assert desk.end(8000).gaps == []
        assert found(desk) == []


class TestAnswers:
    def test_the_rest_of_what_the_caller_spoke_into_is_no_answer(self):
        desk = Desk()
        desk.play(0, 300)
        desk.mark(0)
        desk.play(1000, 1000)  # heard from 1250 to 2250; it is not over
        desk.say(2000, 400)
        desk.play(3000, 1000)  # and goes on after the caller
        desk.mark(3000)
        m = desk.end(8000)
        assert m.gaps == []
        assert [turn.answer_ms for turn in m.turns] == [None]

    def test_the_rest_of_a_talk_that_stalled_is_no_answer(self):
        desk = Desk()
        desk.say(0, 500)
        desk.play(1000, 1000)  # heard from 1250
        desk.play(4000, 1000)
        m = desk.end(8000)
        assert [turn.answer_ms for turn in m.turns] == [pytest.approx(750, abs=1)]

    def test_a_greeting_is_a_greeting(self):
        desk = Desk()
        desk.say(0, 300)
        desk.play(100, 1000)  # sent 100 ms after the caller has begun
        desk.mark(100)
        desk.play(2000, 500)
        assert [turn.answer_ms for turn in desk.end(6000).turns] == [pytest.approx(1950, abs=1)]

    def test_answers_are_never_negative(self):
        desk = Desk()
        desk.say(0, 2000)
        desk.play(1600, 500)  # heard from 1850
        assert [turn.answer_ms for turn in desk.end(6000).turns] == [0]

    @pytest.mark.parametrize("cleared", [False, True])
    def test_an_answer_begins_where_the_silence_that_is_streamed_before_it_ends(self, cleared):
        desk = Desk()
        desk.say(1000, 1500)  # to 2500
        for at in range(0, 5000, 20):
            if cleared and at == 1200:
                desk.clear(at)
            desk.play(at, 20, level=8000 if 3000 <= at < 4000 else 0)
        m = desk.end(8000)
        assert [turn.answer_ms for turn in m.turns] == [pytest.approx(750, abs=21)]
        assert found(desk) == []

    def test_what_is_queued_behind_a_greeting_is_an_answer_of_its_own(self):
        desk = Desk()
        desk.play(0, 2000)  # heard from 250 to 2250
        desk.say(1000, 500)
        desk.play(2000, 1000)
        m = desk.end(8000)
        assert [turn.answer_ms for turn in m.turns] == [pytest.approx(750, abs=1)]


class TestDroppedRest:
    """The caller speaks into a hole, and the agent drops what was to come."""

    @staticmethod
    def call(desk, *, answer_marked=True, said_ms=1500, spoke_ms=4250, tail_ms=0, clears=True, end_ms=12_000):
        desk.play(0, 1000)
        desk.mark(0)
        desk.play(2000, said_ms)  # heard from 2250 on
        if tail_ms:
            desk.play(2000, tail_ms, level=0)
        if answer_marked:
            desk.mark(2000)
        desk.say(spoke_ms, 1500)
        if clears:
            desk.clear(spoke_ms + 300)
        desk.play(spoke_ms + 2200, 1000)
        desk.mark(spoke_ms + 2200)
        desk.end(end_ms)
        return [(finding.rule, finding.degree) for finding in lint(desk.call.log)]

    @pytest.mark.parametrize(("spoke_ms", "rule"), [(4260, "gap"), (4600, "gap"), (5500, "stalled"), (9000, "stalled")])
    def test_what_breaks_off_long_before_the_caller_speaks_is_doubtful(self, spoke_ms, rule):
        desk = Desk()
        assert self.call(desk, answer_marked=False, spoke_ms=spoke_ms) == [(rule, "doubtful")]
        (finding,) = lint(desk.call.log)
        assert f"{spoke_ms - 3750} ms before the caller spoke" in finding.message
        assert measure(desk.call).gaps == []

    @pytest.mark.parametrize(
        "otherwise",
        [
            {"answer_marked": True},  # it was over
            {"tail_ms": 100, "answer_marked": False},  # its sound had ended
            {"spoke_ms": 4000, "answer_marked": False},  # the agent may have ceased for the caller
            {"spoke_ms": 3000, "answer_marked": False},
            {"clears": False, "answer_marked": False},
        ],
    )
    def test_all_else_is_none(self, otherwise):
        assert self.call(Desk(), **otherwise) == []

    def test_nor_is_it_where_the_agent_leaves_checkpoints_out(self):
        desk = Desk()
        desk.play(0, 500)
        desk.mark(0)
        desk.play(1500, 500)
        desk.say(2600, 500)
        desk.play(4500, 1000)
        desk.say(6500, 800)
        desk.clear(6800)
        desk.end(9000)
        assert found(desk) == []


class TestInterruptions:
    @pytest.mark.parametrize(("ms", "rules"), [(300, []), (500, []), (600, ["no-clear"]), (1080, ["no-clear"])])
    def test_who_is_spoken_to_for_so_long_must_stop(self, ms, rules):
        desk = Desk()
        desk.play(0, 10_000)
        desk.say(2000, ms)
        m = desk.end(12_000)
        assert found(desk) == rules
        assert [barge.silence_ms for barge in m.barge_ins] == [pytest.approx(8250, abs=25)]

    @pytest.mark.parametrize(("clear_ms", "rules"), [(2900, []), (3100, ["no-clear"])])
    def test_a_clear_within_a_second_is_in_time(self, clear_ms, rules):
        desk = Desk()
        desk.play(0, 10_000)
        desk.say(2000, 2000)
        desk.clear(clear_ms)
        desk.end(6000)
        assert found(desk) == rules

    def test_an_agent_that_falls_silent_by_itself_was_not_in_the_way(self):
        desk = Desk()
        desk.play(0, 2500)  # heard to 2750
        desk.say(2000, 2000)
        desk.end(6000)
        assert found(desk) == []

    def test_a_greeting_that_talks_over_the_caller_is_told(self):
        desk = Desk()
        desk.say(0, 2000)
        desk.play(100, 4000)
        desk.end(8000)
        (finding,) = lint(desk.call.log)
        assert finding.rule == "no-clear"
        assert "the agent began to speak into the caller's speech" in finding.message

    def test_an_agent_that_clears_and_goes_on_talks_over_the_caller(self):
        desk = Desk()
        desk.play(0, 2000)
        desk.say(1000, 2500)
        desk.clear(1200)
        desk.play(1300, 4000)  # the rest, from a task that nobody has cancelled
        desk.end(8000)
        (finding,) = lint(desk.call.log)
        assert finding.rule == "no-clear"
        assert finding.message.endswith("later, by audio that it sent after its clearAudio")

    @pytest.mark.parametrize("pieces", [[(1300, 500), (2150, 2000)], [(1300, 700), (2200, 700), (3100, 700)]])
    def test_a_pause_is_no_end_of_an_agent_that_clears_and_goes_on(self, pieces):
        (finding,) = lint(cleared_and_goes_on(pieces).call.log)
        assert finding.rule == "no-clear"
        assert finding.message.endswith("later, by audio that it sent after its clearAudio")

    @pytest.mark.parametrize(
        "pieces",
        [
            [(1300, 500)],  # "Yes?"
            [(1300, 300), (1900, 300)],
            [(at, 300) for at in range(1300, 4400, 1000)],  # "mhm" now and then
            [(1300, 600), (4600, 2000)],  # which ends before the caller does
            [(1300, 400), (3900, 500)],
        ],
    )
    def test_who_clears_and_says_a_word_does_not_go_on(self, pieces):
        assert found(cleared_and_goes_on(pieces, marks=True)) == []

    def test_an_echo_is_no_talk(self):
        desk = Desk()
        desk.say(0, 2000)
        for at in range(20, 2040, 20):
            desk.play(at, 20)
        desk.end(5000)
        assert found(desk) == []


def test_whether_the_agent_read_meanwhile_is_told():
    desk = Desk()
    desk.play(0, 1000)
    desk.at(1500)
    for ms in range(1500, 3000, 100):
        desk.call.backed_up((ms - 1400) / 1000, desk.at(ms))
    desk.play(3000, 1000)
    desk.end(6000)
    (finding,) = lint(desk.call.log)
    assert finding.message.endswith("it did not read its socket for 1.5 s meanwhile")


@pytest.mark.parametrize(("answered_ms", "rules"), [(None, ["unanswered-turn"]), (6000, [])])
def test_a_word_that_ends_before_the_caller_does_is_no_answer(answered_ms, rules):
    desk = Desk()
    desk.play(0, 800)
    desk.say(2000, 2000)
    desk.play(3500, 150)  # "mhm", heard until 3900
    desk.mark(3500)
    if answered_ms is not None:
        desk.play(answered_ms - 250, 1500)
        desk.mark(answered_ms - 250)
    (turn,) = desk.end(14_000).turns
    assert turn.answer_ms == (None if answered_ms is None else pytest.approx(2000, abs=20))
    assert found(desk) == rules
