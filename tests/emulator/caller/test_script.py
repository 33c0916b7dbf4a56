"""Scripted callers: each step against an agent whose speech is known, and YAML with its complaints."""

import json
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from _support.one_stream import joined
from voiceband import ToneDetector
from voiceband.emulator import (
    BargeIn,
    HangUp,
    Line,
    Network,
    Pause,
    Press,
    Say,
    Script,
    WaitFor,
    WaitForSpeech,
    lint,
    load_scripts,
    take_turns,
)
from voiceband.emulator.caller.sounds import load_sound, shipped
from voiceband.emulator.caller.steps import KINDS
from voiceband.formats import PLIVO_L16_16K, PLIVO_MULAW_8K
from voiceband.markup import Stream
from voiceband.protocol import Dtmf, PlayAudio, parse
from voiceband.session import Audio, Session

EXAMPLE = Path(__file__).parents[3] / "examples" / "caller.yaml"
TONE = (3000 * np.sin(np.arange(80_000) * 0.3)).astype(np.int16)


class Timed:
    """An agent that says so many seconds of tone, or silence, at given times."""

    def __init__(self, *talks):
        self.talks = sorted(talks)

    def receive(self, text, now):
        return ()

    def poll(self, now):
        texts = []
        while self.talks and self.talks[0][0] <= now:
            _, seconds, gain = self.talks.pop(0)
            pcm = (TONE[: round(seconds * 8000)] * gain).astype(np.int16)
            texts += [PlayAudio(PLIVO_MULAW_8K.encode(x), PLIVO_MULAW_8K).encode() for x in np.split(pcm, [8000])]
        return texts

    @property
    def next_poll(self):
        return self.talks[0][0] if self.talks else float("inf")


def talk(at, seconds, gain=1):
    """Let the caller hear it from `at` on: the way takes 25 ms, and the player 250 ms."""
    return (at - 0.275, seconds, gain)


def play(steps, *talks, until=60.0, **options):
    """Run a script; return it, the call, and when each of its steps began."""
    script = Script(steps)
    begun = {}

    def tick(now, call):
        begun.setdefault(script.step, now)

    one = joined(Timed(*talks), until=until, script=script, on_tick=tick, **options)
    assert one.over
    return script, one.stream, begun


def near(seconds):
    """A step ends with the media message that follows what it waits for."""
    return pytest.approx(seconds + 0.01, abs=0.011)


class TestSteps:
    def test_say_waits_until_it_is_said(self):
        script, call, begun = play([Say(TONE[:4000]), Say(TONE[:800]), Pause(0.1)])
        assert (begun[2], begun[3]) == (near(0.5), near(0.6))
        assert script.speech_ends == [begun[2], begun[3]]
        assert call.ended_at == near(0.7)
        said, _ = call.recording(9)
        np.testing.assert_array_equal(
            said[:4800], PLIVO_MULAW_8K.decode(PLIVO_MULAW_8K.encode(np.r_[TONE[:4000], TONE[:800]]))
        )

    def test_say_without_waiting(self):
        _, call, begun = play([Say(TONE[:8000], wait=False), Pause(0.3), HangUp()])
        assert begun[2] == 0
        assert call.ended_at == near(0.3)
        assert len(call.spoken) == pytest.approx(2400, abs=160)

    def test_sentences_of_the_shipped_clip(self):
        whole = load_sound(shipped("@caller"))
        first, second = Say("@caller", sentence=1).say, Say("@caller", sentence=2).say
        assert 1 < len(first.pcm) / first.rate < 3
        assert 0.5 < len(second.pcm) / second.rate < 2
        assert len(first.pcm) + len(second.pcm) < len(whole.pcm)
        script = Script([Say("@caller", sentence=1)])
        call = joined(lambda text, now: None, wire=PLIVO_L16_16K, script=script).stream
        assert len(call.spoken) / 32_000 == pytest.approx(len(first.pcm) / 8000, abs=0.03)

    def test_wait_for_start_and_stop(self):
        _, call, begun = play([WaitFor("start"), WaitFor("stop", silence_ms=600)], talk(1, 1.5))
        assert begun[2] == near(1.04)
        assert begun[3] == call.ended_at == near(3.1)

    def test_short_pauses_and_clicks_are_neither_stop_nor_start(self):
        _, _, begun = play([WaitFor("start"), WaitFor("stop")], talk(0.6, 0.02), talk(1, 0.5), talk(1.8, 0.5))
        assert (begun[2], begun[3]) == (near(1.02), near(2.7))

    def test_streamed_silence_is_no_speech(self):
        script, _, begun = play([WaitFor("start", timeout_s=2)], talk(0.5, 3, gain=0))
        assert script.timed_out[0][:2] == (1, WaitFor("start", timeout_s=2))
        assert begun[2] == near(2)

    def test_what_did_not_come_is_a_finding_unless_another_says_why(self):
        steps = [WaitFor("stop"), WaitForSpeech(700, timeout_s=1), Pause(1)]
        script, call, _ = play(steps, talk(0.5, 0.5))
        (finding,) = lint(call.log)
        assert (finding.rule, finding.at_ms) == ("timed-out", round(script.timed_out[0].at * 1000, 3))
        assert finding.message == "the caller gave up step 2 of its script, wait_for_speech_ms: 700"
        _, call, _ = play(steps)
        assert [finding.rule for finding in lint(call.log)] == ["silent-agent"]
        _, call, _ = play(
            steps, element=Stream("wss://agent.example.com/", audio_track="both", content_type=PLIVO_MULAW_8K)
        )
        assert lint(call.log) == []

    def test_an_answer_counts_from_the_end_of_the_callers_speech(self):
        # The greeting is over when the caller speaks; its answer has come and gone before "stop" is asked for.
        steps = [WaitFor("stop"), Say(TONE[:4000]), Pause(3), WaitFor("stop"), WaitFor("start", timeout_s=1)]
        script, _, begun = play(steps, talk(0.5, 0.5), talk(2.5, 0.5))
        assert begun[2] == near(1.4)
        assert begun[3] == near(1.9)
        assert begun[5] == near(4.9)
        assert [t.step for t in script.timed_out] == [5]

    def test_wait_for_speech(self):
        _, _, begun = play([WaitForSpeech(700)], talk(1, 0.5), talk(2, 1))
        assert begun[2] == near(2.2)

    def test_barge_in(self):
        script, call, begun = play([BargeIn(TONE[:8000], after_ms=300)], talk(1, 3))
        assert begun[2] == near(2.3)
        said, heard = call.recording(9)
        assert np.flatnonzero(np.abs(said) > 100)[0] / 8000 == near(1.3)
        assert np.abs(heard[round(1.3 * 8000) :]).max() > 2000
        assert script.speech_ends == [begun[2]]

    def test_barge_in_without_an_agent(self):
        script, _, begun = play([BargeIn(TONE[:800], timeout_s=1.5)])
        assert begun[2] == near(1.6)
        assert [(t.step, t.at) for t in script.timed_out] == [(1, near(1.5))]

    def test_a_stop_that_does_not_come_ends_too(self):
        script, _, begun = play([WaitFor("stop", longest_s=4)], *[talk(1 + i, 1) for i in range(9)])
        assert begun[2] == near(4)
        assert [t.step for t in script.timed_out] == [1]
        # The time-out is one of silence: a long answer is no missing one.
        script, _, begun = play([WaitFor("stop", timeout_s=2)], talk(1.5, 4))
        assert begun[2] == near(5.9)
        assert script.timed_out == []

    def test_press(self):
        sent = []
        script = Script([Pause(0.5), Press("1#", every_ms=200), HangUp()])
        call = joined(lambda text, now: sent.append((now, parse(text))), script=script).stream
        keys = [(now, e.digit) for now, e in sent if isinstance(e, Dtmf)]
        assert [digit for _, digit in keys] == ["1", "#"]
        assert keys[1][0] - keys[0][0] == near(0.2)
        assert not np.any(np.abs(call.recording(9)[0]) > 8)

    def test_press_with_tones_on_a_line(self):
        script = Script([Press("12", tones=True, every_ms=300), Pause(0.5)])
        call = joined(lambda text, now: None, script=script, source=lambda _: Line()).stream
        said, _ = call.recording(9)
        loud = np.flatnonzero(np.abs(said) > 2000) / 8000
        assert 0.01 < loud[0] < 0.06
        assert np.count_nonzero(np.diff(loud) > 0.1) == 1

    def test_press_with_tones_alone_is_heard_and_not_told(self):
        sent = []
        script = Script([Press("12", tones=True, message=False), Pause(1.0)])
        call = joined(lambda text, now: sent.append(parse(text)), script=script).stream
        assert not any(isinstance(e, Dtmf) for e in sent)
        told = ToneDetector(8000).process(call.recording(9)[0])
        assert [t.name for t in told if t.kind == "dtmf" and t.end_ms is None] == ["1", "2"]

    def test_nothing_happens_after_the_end(self):
        script = Script([HangUp(), Press("1")])
        one = joined(lambda text, now: None, script=script)
        assert script.step == 1
        script.tick(2.0, one.carrier)
        assert (script.step, one.stream.ended_at) == (1, 0)

    def test_speech_goes_through_the_line(self):
        script = Script([Say("@caller")])
        one = joined(
            lambda text, now: None,
            script=script,
            source=lambda _: Line(noise="street", snr_db=20, seed=1),
            seed=1,
        )
        call = one.stream
        assert call.ended_at == near(len(load_sound(shipped("@caller")).pcm) / 8000)
        noisy = call.recording(one.now)[0].astype(float)
        assert np.std(noisy[-800:]) > 50

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda: Say("absent.wav"), "absent.wav: cannot read: No such file"),
            (lambda: Say("@nobody"), "'@nobody' is no shipped clip: there is @caller"),
            (lambda: Say(5), "say must be a sound file, a shipped clip or samples, not 5"),
            (lambda: Say(np.zeros((2, 2), np.int16)), "say must be a 1-D array of int16, not 2-D"),
            (lambda: Say("@caller", sentence=3), "sentence must be from 1 to 2, not 3"),
            (lambda: Say(TONE, sentence=1), "sentence must not be given beside samples"),
            (lambda: BargeIn("@caller", after_ms=-1), "after_ms must be from 0 to 60000, not -1"),
            (lambda: Pause(float("nan")), "wait_s must be from 0 to 3600, not nan"),
            (lambda: WaitFor("end"), "wait_for must be 'start', 'stop' or 'greeting', not 'end'"),
            (lambda: WaitFor("stop", silence_ms=0), "silence_ms must be from 20 to 60000, not 0"),
            (lambda: WaitFor("stop", timeout_s=-1), "timeout_s must be from 0 to 3600, not -1"),
            (lambda: WaitForSpeech(5), "wait_for_speech_ms must be from 20 to 600000, not 5"),
            (lambda: Press(12), r"press must be a text of 0-9\*#A-D, in quotes, not 12"),
            (lambda: Press("1", message=False), "press must have tones or a message"),
            (lambda: Press("1", every_ms=1), "every_ms must be from 100 to 10000, not 1"),
            (lambda: Script(["say"]), "step 1 must be a Step, not 'say'"),
            (lambda: Script([], start_s=-1), "start_s must be from 0 to 86400, not -1"),
        ],
    )
    def test_bad_steps(self, make, message):
        with pytest.raises((TypeError, ValueError), match=message):
            make()


def test_taking_turns():
    _, call, begun = play(take_turns([TONE[:4000], TONE[:2000]]), talk(1, 1))
    assert begun[3] == near(2.4)
    assert call.ended_at == near(2.65 + 3)


class TestYaml:
    def write(self, tmp_path, text):
        path = tmp_path / "caller.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    def test_every_step(self, tmp_path):
        with wave.open(str(tmp_path / "hello.wav"), "wb") as file:
            file.setparams((1, 2, 16_000, 0, "NONE", ""))
            file.writeframes(np.arange(1600, dtype="<i2").tobytes())
        path = self.write(
            tmp_path,
            """
steps:
  - {wait_for: start, timeout_s: 3}
  - {wait_for: stop, silence_ms: 500, longest_s: 30}
  - {say: hello.wav, wait: no}
  - {barge_in: "@caller", after_ms: 250, sentence: 2, timeout_s: 1.5}
  - {wait_for_speech_ms: 800}
  - wait_s: 2
  - {press: "12#", every_ms: 120, tones: true}
  - hang_up
  - hang_up: true
""",
        )
        (script,) = load_scripts(path)
        assert script.steps[:2] == [WaitFor("start", timeout_s=3), WaitFor("stop", silence_ms=500, longest_s=30)]
        assert script.steps[2].say.rate == 16_000
        assert script.steps[2].say.pcm.tolist() == list(range(1600))
        assert not script.steps[2].wait
        barge_in = script.steps[3]
        assert (barge_in.after_ms, barge_in.timeout_s) == (250, 1.5)
        np.testing.assert_array_equal(barge_in.barge_in.pcm, Say("@caller", sentence=2).say.pcm)
        rest = [WaitForSpeech(800), Pause(2), Press("12#", every_ms=120, tones=True), HangUp(), HangUp()]
        assert script.steps[4:] == rest
        assert {type(step) for step in script.steps} == set(KINDS.values())

    def test_the_page_shows_the_example(self):
        page = (EXAMPLE.parent.parent / "docs" / "emulator.md").read_text(encoding="utf-8")
        shown = page.split("```yaml\n")[1].split("```")[0]
        assert EXAMPLE.read_text(encoding="utf-8").endswith("\n" + shown)

    def test_the_example_against_an_agent_that_answers(self):
        talker, keys = load_scripts(EXAMPLE)
        assert [(s.name, s.start_s) for s in (talker, keys)] == [("talker", 0), ("keys", 2)]
        transcripts = []
        for script in (talker, keys, *load_scripts(EXAMPLE)):
            session, loud = Session(rate=8000), []

            def answer(events, now, session=session, loud=loud):
                """Greet; say two seconds after the first second of speech, and again after a key."""
                for event in events:
                    if isinstance(event, Audio):
                        loud += [now] * bool(np.abs(event.samples).max(initial=0) > 2000)
                        if len(loud) == 40:
                            session.play(TONE[:16_000], 8000, end=True)
                    if isinstance(event, Dtmf) and event.digit == "#":
                        session.play(TONE[:8000], 8000, end=True)

            session.play(TONE[:8000], 8000, end=True)
            one = joined(session, Network("mobile", seed=3), until=60, on_events=answer, script=script, seed=1)
            call = one.stream
            assert one.over
            assert script.timed_out == []
            assert call.problems == []
            transcripts.append("".join(call.log.lines()))
        assert len(talker.speech_ends) == 2
        # The same seeds, the same transcript, byte for byte.
        assert transcripts[0] == transcripts[2]
        assert transcripts[1] == transcripts[3]
        assert [json.loads(line)["name"] for line in transcripts[1].splitlines()].count("dtmf") == 3

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "it must have either steps or callers and nothing else, not None"),
            ("steps: []\nspeed: 2\n", r"nothing else, not \{'steps': \[\], 'speed': 2\}"),
            ("steps: []", r"steps must be a list, not \[\]"),
            ("steps: [\n", "line 2: expected the node content"),
            ("steps: []\nsteps: []", "line 2: 'steps' is there twice"),
            ("steps:\n- wait_s: 1\n- shout: hello", r"step 2: it must have one of say, .*, not \{'shout': 'hello'\}"),
            ("steps:\n- {wait_s: 1, hang_up: true}", "step 1: it must have one of say"),
            ("steps:\n- 7", "step 1: it must have one of say, .*, not 7"),
            ("steps:\n- {wait_s: 1, loudly: yes}", "step 1: Object contains unknown field `loudly`"),
            ("steps:\n- wait_s: soon", "step 1: wait_s: Expected `float`, got `str`, not 'soon'"),
            ("steps:\n- wait_s: -3", "step 1: wait_s must be from 0 to 3600, not -3"),
            ("steps:\n- wait_s: .inf", "step 1: wait_s must be from 0 to 3600, not inf"),
            ("steps:\n- press: 12", "step 1: press: Expected `str`, got `int`, not 12"),
            ("steps:\n- press: xy", r"step 1: press must be a text of 0-9\*#A-D, in quotes, not 'xy'"),
            ("steps:\n- say: none.wav", r"step 1: .*none\.wav: cannot read: No such file"),
            ("steps:\n- say: ''", "step 1: say must be a sound file, a shipped clip or samples, not ''"),
            ("steps:\n- say: '@x'", "step 1: '@x' is no shipped clip"),
            ("steps:\n- {say: '@caller', sentence: 9}", "step 1: sentence must be from 1 to 2, not 9"),
            ("steps:\n- wait_for: later", "step 1: wait_for: Invalid enum value 'later', not 'later'"),
            ("steps:\n- hang_up: false", "step 1: hang_up: "),
            ("callers: 5", "callers must be a list, not 5"),
            ("callers: [{name: a}]", r"caller 1 must have steps, perhaps a name and a start_s, not \{'name': 'a'\}"),
            ("callers: [{name: a, steps: [hang_up]}, {name: a, steps: [hang_up]}]", "caller 2: name must be a text of"),
            ("callers: [{name: 5, steps: [hang_up]}]", "caller 1: name must be a text of its own, not 5"),
            ("callers: [{name: a, steps: [hang_up, wait]}]", "caller 'a', step 2: it must have one of .*, not 'wait'"),
            ("callers: [{steps: [hang_up], start_s: x}]", "caller 'caller 1': start_s must be a number, not 'x'"),
            ("? {a: 1}\n: 2", "line 1: .*"),
            ("!!python/object:os.system {}", "line 1: could not determine a constructor"),
            ("\x00", "it is no YAML"),
            ("[" * 1500, "it is nested too deeply|line "),
            ("a: &a [x, x]\nb: &b [*a, *a, *a, *a]\nsteps: [*b]", r"line 2: \*a is an alias: write out what"),
            ("steps:\n- &one {wait: 1}\n- *one", r"line 3: \*one is an alias"),
            ("steps: [{wait: 1" + ":1" * 10_000 + "}]", "line 1: a value must not be longer than 10000 characters"),
            ("#" + "x" * 1_000_001, "it must not be larger than 1000000 bytes"),
        ],
    )
    def test_complaints_name_file_step_and_value(self, tmp_path, text, message):
        path = self.write(tmp_path, text)
        with pytest.raises(ValueError, match=r"(?s)caller\.yaml: .*" + message):
            load_scripts(path)

    def test_no_file(self, tmp_path):
        with pytest.raises(ValueError, match=r"x\.yaml: it cannot be read: No such file"):
            load_scripts(tmp_path / "x.yaml")

    def test_without_the_library_it_says_what_to_install(self):
        code = "import sys; sys.modules['yaml'] = None; import voiceband.emulator.caller.script_file"
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert "ModuleNotFoundError: scripts in YAML need yaml; pip install 'voiceband[emulator]'" in result.stderr
