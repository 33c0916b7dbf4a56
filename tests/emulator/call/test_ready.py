"""Callers that are ready to be used: what each does to an agent that greets, answers, and stops for speech."""

import numpy as np
import pytest
import soundfile

from voiceband.dsp.g711 import ulaw_encode
from voiceband.emulator import Caller, Say, Script, WaitFor, load_scripts
from voiceband.emulator.caller.backchannels import RATE, cough, mhm
from voiceband.emulator.caller.ready import HOLD_S, READY, SILENT_S, ready_script
from voiceband.emulator.caller.sounds import clip_of
from voiceband.session import Audio, Dtmf, Started


def tone(seconds):
    return (8000 * np.sin(np.arange(round(8000 * seconds)) * 0.2)).astype(np.int16)


class Agent:
    """Greets, answers speech and keys, and stops for what lasts longer than a cough."""

    def __init__(self, greeting_s=1.0, answer_s=2.5, after_s=0.3, noise_ms=600):
        self.greeting_s, self.answer_s, self.after_s, self.noise_ms = greeting_s, answer_s, after_s, noise_ms
        self.keys = ""

    async def __call__(self, call):
        loud_ms = quiet_ms = 0
        async for event in call:
            if isinstance(event, Started) and self.greeting_s:
                await call.play(tone(self.greeting_s), 8000, end=True)
            elif isinstance(event, Dtmf):
                self.keys += event.digit
                await call.play(tone(self.answer_s), 8000, end=True)
            elif isinstance(event, Audio):
                ms = 1000 * len(event.samples) / 8000  # the rate of the call
                if event.level_dbfs > -40:
                    loud_ms, quiet_ms = loud_ms + ms, 0
                    if loud_ms > self.noise_ms:
                        await call.interrupt()
                else:
                    quiet_ms += ms
                    if quiet_ms > 1000 * self.after_s:
                        if loud_ms > 600:
                            await call.play(tone(self.answer_s), 8000, end=True)
                        loud_ms = 0


def spoken(call):
    """When the caller began and ceased to speak, in seconds, pauses of half a second apart."""
    loud = np.flatnonzero(np.abs(call.said.astype(int)) > 300) / call.rate
    cuts = np.flatnonzero(np.diff(loud) > 0.35)
    return list(zip(loud[np.r_[0, cuts + 1]], loud[np.r_[cuts, -1]], strict=True)) if len(loud) else []


def test_the_default_caller_waits_for_the_greeting_and_takes_turns(plivo_call):
    call = plivo_call(Agent(greeting_s=3.0))
    (one, _), (two, _) = spoken(call)
    greeted = call.first_audio + 3.0
    assert one == pytest.approx(greeted + 0.7, abs=0.1)
    assert two > one + 2.6 + 0.3 + 2.5
    assert call.timed_out == []
    assert call.summary()["script"].startswith("@talk: waits 2 s for a greeting")
    assert call.findings == []


def test_it_speaks_first_where_nobody_greets(plivo_call):
    call = plivo_call(Agent(greeting_s=0))
    assert spoken(call)[0][0] == pytest.approx(2.0, abs=0.1)
    assert call.timed_out == []


def test_barge_in(plivo_call):
    call = plivo_call(Agent(answer_s=6.0), script="@barge-in")
    (barge_in,) = call.barge_ins
    assert barge_in.cleared
    assert call.timed_out == []


def test_keys(plivo_call):
    agent = Agent()
    call = plivo_call(agent, script="@keys")
    assert agent.keys == "142#"
    assert call.timed_out == []
    assert not call.said.any()


def test_silent(plivo_call):
    call = plivo_call(Agent(), script="@silent")
    assert not call.said.any()
    assert call.duration > SILENT_S + 1


def test_impatient(plivo_call):
    call = plivo_call(Agent(greeting_s=2.0, answer_s=4.0), script="@impatient")
    first, second, third = spoken(call)
    assert first[0] < 0.3
    assert second[0] - first[1] == pytest.approx(1.1, abs=0.3)
    assert call.timed_out == []
    assert third[0] > second[1]


def test_backchannel(plivo_call):
    call = plivo_call(Agent(answer_s=6.0), script="@backchannel")
    assert [entry.detail["kind"] for entry in call.log.named("says")] == ["backchannel", "backchannel"]
    assert call.measures.agent.speech_ms == pytest.approx(7000, abs=200)  # neither was answered or stopped for
    assert (call.findings, call.timed_out) == ([], [])


def test_an_agent_that_stops_for_a_backchannel_is_told(plivo_call):
    call = plivo_call(Agent(answer_s=6.0, noise_ms=60), script="@backchannel")
    assert "stopped-for-noise" in [finding.rule for finding in call.findings]


def test_long_hold(plivo_call):
    call = plivo_call(Agent(), script="@long-hold", timeout_s=100)
    (_, first), (second, _) = spoken(call)
    assert second - first > HOLD_S
    assert len(call.answers) == 2


@pytest.mark.parametrize("name", READY)
def test_each_can_be_had_by_name(name):
    (script,) = load_scripts(name)
    assert script.steps
    assert script.about == f"{name}: {READY[name].about}"


def test_names_that_there_are_not():
    with pytest.raises(ValueError, match="'@nobody' is no ready script: there are @talk, @barge-in"):
        load_scripts("@nobody")


def test_ready_scripts_say_what_is_given(plivo_call):
    sentence = np.random.default_rng(1).normal(0, 3000, 8000).astype(np.int16)
    call = plivo_call(Agent(), script="@barge-in", say=np.concatenate([sentence, np.zeros(8000, np.int16), sentence]))
    (_, one), (two, _) = spoken(call)
    assert two > one
    assert call.barge_ins


@pytest.mark.parametrize("sound", [cough, mhm])
def test_backchannels_are_short_and_heard(sound):
    pcm = sound()
    assert 0.2 < len(pcm) / RATE < 0.5
    assert 11_000 < np.abs(pcm).max() <= 12_000
    assert (sound() == pcm).all()


class TestFiles:
    """What `--say` and the clips of scripts read: whatever the one reader of sound files reads."""

    PCM = (0.3 * np.sin(np.arange(16000) * 2 * np.pi * 440 / 16000)).astype(np.float32)

    @pytest.mark.parametrize(
        ("name", "subtype"),
        [("a.wav", "ULAW"), ("a.wav", "ALAW"), ("a.wav", "FLOAT"), ("a.wav", "PCM_24"), ("a.wav", "PCM_U8"),
         ("a.flac", "PCM_16"), ("a.mp3", None), ("a.ogg", None)],
    )  # fmt: skip
    def test_kinds(self, tmp_path, name, subtype):
        path = tmp_path / name
        soundfile.write(path, self.PCM, 16000, subtype=subtype)
        for clip in (Say(path).say, clip_of(str(path))):
            assert clip.rate == 16000
            part = clip.pcm[4000:12000].astype(float)
            assert np.sqrt(np.mean(part**2)) == pytest.approx(0.3 * 32768 / np.sqrt(2), rel=0.05)
        steps = ready_script("@talk", path).steps
        assert [type(step).__name__ for step in steps] == ["WaitFor", "Say", "WaitFor"]

    def test_raw_mu_law_with_a_name_that_says_so(self, tmp_path):
        path = tmp_path / "a.ulaw"
        path.write_bytes(ulaw_encode((self.PCM[::2] * 32767).astype(np.int16)))
        assert Say(path).say.rate == 8000

    def test_channels(self, tmp_path):
        path = tmp_path / "stereo.wav"
        soundfile.write(path, np.stack([self.PCM, np.zeros_like(self.PCM)], axis=1), 16000, subtype="PCM_16")
        peaks = [np.abs(Say(path, channel=channel).say.pcm).max() for channel in (1, 2, None)]
        assert peaks == [pytest.approx(9830, abs=2), 0, pytest.approx(4915, abs=2)]
        with pytest.raises(ValueError, match="channel must be 1 to 2, as many as it has, not 3"):
            Say(path, channel=3)
        with pytest.raises(ValueError, match="channel must not be given beside samples"):
            Say(np.zeros(9, np.int16), channel=1)
        assert len(ready_script("@talk", path, channel=1).steps) == 3
        with pytest.raises(ValueError, match="holds no speech"):
            ready_script("@talk", path, channel=2)


def test_a_greeting_is_heard_out_or_not_waited_for():
    with pytest.raises(ValueError, match="wait_for must be 'start', 'stop' or 'greeting'"):
        WaitFor("end")
    assert (WaitFor("greeting").timeout_s, WaitFor("stop").timeout_s) == (2.0, 10.0)
    assert Script([WaitFor("greeting")]).about == "a script of 1 step"
    assert Caller()(Agent(greeting_s=0), script=[WaitFor("greeting", timeout_s=1.0)]).timed_out == []


def test_keys_that_only_their_tones_tell_of(plivo_call):
    agent = Agent()
    call = plivo_call(agent, script="@keys-in-band", session={"tones": True})
    assert agent.keys == "142#"
    assert call.timed_out == []


def test_an_answering_machine_records_what_comes_after_its_beep(plivo_call):
    beeps, greetings = [], []

    async def leave_a_message(call):
        beeps.append(await call.after_beep())
        greetings.append(call.greeting)
        await call.play(tone(2.0), 8000, end=True)
        await call.drain(hangup_after_drain=True)

    call = plivo_call(leave_a_message, script="@voicemail", session={"tones": True})
    assert beeps[0].name == "1000"
    (said, *_, last, beep) = spoken(call)
    (greeting,) = greetings
    assert greeting.began_ms == pytest.approx(1000 * said[0], abs=60)
    assert greeting.began_ms + greeting.speech_ms == pytest.approx(1000 * last[1], abs=100)
    assert greeting.beep_ms == pytest.approx(1000 * beep[0], abs=20)
    assert 300 < greeting.longest_pause_ms < 1000
    assert said[0] == pytest.approx(0.5, abs=0.2)
    assert beep[1] < call.first_audio < beep[1] + 0.5
    assert call.timed_out == []
