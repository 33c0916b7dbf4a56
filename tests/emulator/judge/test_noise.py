"""Agents that play steady noise without end: their speech is judged as if the noise were not there."""

import math
import tracemalloc
from functools import cache

import numpy as np
import pytest

from _support.noisy_agents import (
    NOISES,
    Deaf,
    NeverSpeaks,
    NoisyAgent,
    SpeaksOnce,
    Stalls,
    StallsInNoise,
    at_level,
    coloured,
    jumping,
    noise,
    sentences,
    tones,
)
from voiceband.emulator import Answering, CallLog, CarrierStream, Linter, VirtualCall, lint
from voiceband.emulator.call import PlacedCall, Placement, target_of
from voiceband.emulator.caller.ready import ready_script
from voiceband.emulator.judge.replay import measure_log
from voiceband.formats import PLIVO_MULAW_8K
from voiceband.protocol import PlayAudio
from voiceband.sound.noise_floor import USUAL, NoiseFloor

RATE = 8000


def called(agent, script="@talk"):
    placement = Placement(
        target_of("ws://agent.test/", f'contentType="{agent.wire}"'), ready_script(script).steps, seed=1
    )
    VirtualCall(placement.carrier, lambda _: Answering(agent), on_tick=placement.tick).run(60)
    return PlacedCall(placement)


@cache
def quiet(agent, script):
    """Return the call of an agent without noise, which is the same beside every noise."""
    return called(agent(), script)


def rules(call):
    return sorted((finding.rule, finding.degree) for finding in call.findings if finding.rule != "no-speech")


def limits_of(pcm, *, piece=160):
    """Return how loud speech has to be, at the end and at most, in dB above what it has to be without noise."""
    floor = NoiseFloor(RATE)
    for i in range(0, len(pcm), piece):
        floor.push(pcm[i : i + piece])
    limits = np.atleast_1d(floor.limits(0, len(pcm) // 80, 80)) / USUAL
    return 10 * np.log10(limits[-1]), 10 * np.log10(limits.max())


@pytest.mark.parametrize("script", ["@talk", "@barge-in"])
@pytest.mark.parametrize("kind", NOISES)
def test_a_good_agent_with_noise_behind_it_stays_one(kind, script):
    usual, noisy = quiet(NoisyAgent, script), called(NoisyAgent(noise(kind, -36)), script)
    assert noisy.errors == [] == noisy.gaps
    assert len(noisy.answers) == len(usual.answers) == 2
    assert noisy.answers == pytest.approx(usual.answers, abs=0.1)
    assert noisy.measures.talk_over_ms <= usual.measures.talk_over_ms + 200


@pytest.mark.parametrize(
    ("agent", "script", "found"),
    [
        (Deaf, "@barge-in", [("no-clear", "error")]),
        (Stalls, "@talk", [("gap", "error")]),
        (SpeaksOnce, "@talk", [("unanswered-turn", "error")]),
        (NeverSpeaks, "@talk", [("silent-agent", "error")]),
        (StallsInNoise, "@talk", []),
    ],
)
@pytest.mark.parametrize("kind", ["office", "hum"])
def test_what_is_wrong_is_found_behind_the_noise(agent, script, found, kind):
    call = called(agent(noise(kind, -38)), script)
    assert rules(call) == found
    assert rules(quiet(agent, script)) == found
    # The stored log tells the same.
    log = CallLog.read(call.log.lines())
    assert lint(log) == call.findings
    assert measure_log(log).as_dict()["turns"] == call.measures.as_dict()["turns"]


def test_an_agent_that_plays_only_noise_is_told_so():
    found = {finding.rule: finding for finding in called(NeverSpeaks(noise("office", -38))).findings}
    assert "played nothing but steady noise" in found["silent-agent"].message
    assert found["no-speech"].degree == "doubtful"


def test_reading_what_was_found_so_far_does_not_change_the_verdict():
    log = called(NoisyAgent(noise("office", -36))).log
    linter = Linter()
    for entry in log:
        linter.see(entry)
        assert linter.findings == []
    assert linter.finish() == lint(log) == []


def test_what_comes_amid_lively_sound_is_found_within_two_seconds():
    linter, told_s = Linter(), math.inf
    call = CarrierStream(log=CallLog(on_entry=linter.see, keep=False))
    call.start(0.0)
    for i, pcm in enumerate(np.split(jumping(10), 500)):
        at = i / 50
        if i == 250:
            assert linter.findings == []
            call.receive('{"event":"media","media":{"payload":"//8="}}', at)
        call.receive(PlayAudio(PLIVO_MULAW_8K.encode(pcm), PLIVO_MULAW_8K).encode(), at)
        if linter.findings:
            told_s = min(told_s, at)
    assert [finding.rule for finding in linter.findings] == ["media-event"]
    assert told_s <= 5 + 2.1


SOUNDS = {
    "a tone of hold": tones(10, (440, 1.0)),
    "ringback": tones(10, (440, 1.0), (480, 1.0)),
    "a key held down": tones(10, (697, 1.0), (1209, 1.0)),
    "a chord": tones(10, (262, 1.0), (330, 1.0), (392, 1.0), (523, 1.0)),
    "a tune": np.concatenate([tones(0.25, (hz, 1.0)) for hz in (262, 294, 330, 392, 440) * 8]),
    "a vowel": sum(tones(10, (120 * k, np.exp(-(((120 * k - 700) / 300) ** 2)) + 0.05)) for k in range(1, 28)),
    "an offset": np.ones(10 * RATE),
}


@pytest.mark.parametrize("dbfs", [-12, -28, -33, -40])
@pytest.mark.parametrize("name", SOUNDS)
def test_sounds_with_a_pitch_are_no_noise(name, dbfs):
    assert limits_of(at_level(SOUNDS[name], dbfs)) == (0.0, 0.0)


@pytest.mark.parametrize("dbfs", [-15, -25, -30, -38])
def test_speech_without_a_pause_never_raises_its_own_limit(dbfs):
    said = np.concatenate(sentences()).astype(float)
    frames = said[: len(said) // 80 * 80].reshape(-1, 80)
    dense = frames[np.square(frames).mean(axis=1) > np.square(said).mean() / 300].reshape(-1)
    assert limits_of(at_level(np.tile(dense, 5), dbfs)) == (0.0, 0.0)


@pytest.mark.parametrize("kind", NOISES)
def test_noise_is_known_from_its_beginning_and_forgotten_when_it_ceases(kind):
    silence = np.zeros(RATE, np.int16)
    floor = NoiseFloor(RATE)
    floor.push(np.concatenate([silence, noise(kind, -35)[: 4 * RATE], silence]))
    at = [10 * np.log10(floor.limit(round(s * RATE)) / USUAL) for s in (0.5, 1.1, 4.9, 5.5)]
    assert at[0] == at[3] == 0.0
    assert all(10 + 4 <= level <= 10 + 12 for level in at[1:3])


def test_any_split_gives_the_same_limits():
    parts = [noise("white", -36)[:20000], np.zeros(5000, np.int16), noise("office", -33)[:20000], sentences()[0]]
    pcm = np.concatenate([*parts, noise("street", -36)[:20000]])
    whole = NoiseFloor(RATE)
    whole.push(pcm)
    limits = whole.limits(0, len(pcm) // 80, 80)
    assert len(np.unique(limits)) > 3
    single = [*range(1, 20000), len(pcm)]
    for ends in (single, *(range(piece, len(pcm) + piece, piece) for piece in (7, 80, 160, 333, 8000))):
        floor, begin = NoiseFloor(RATE), 0
        for end in ends:
            floor.push(pcm[begin:end])
            begin = end
        assert floor.at == len(pcm)
        assert np.allclose(floor.limits(0, len(pcm) // 80, 80), limits, rtol=1e-5)


@pytest.mark.parametrize("piece", [160, 333])
def test_no_sound_is_undecided_or_kept_for_longer_than_two_seconds(piece):
    pcm = np.concatenate([jumping(15), noise("office", -36)[: 5 * RATE], jumping(15)])
    floor, undecided, kept = NoiseFloor(RATE, keep=16), 0, 0
    tracemalloc.start()
    try:
        for i in range(0, len(pcm), piece):
            floor.push(pcm[i : i + piece])
            kept = max(kept, tracemalloc.get_traced_memory()[0])
            undecided = max(undecided, floor.at - floor.undecided_at)
    finally:
        tracemalloc.stop()
    assert floor.noisy
    assert RATE < undecided <= 2 * RATE + piece
    assert kept < 5 * RATE * 4  # bytes of a float32


@pytest.mark.parametrize("seed", range(4))
def test_noise_that_swells_as_syllables_do_is_none(seed):
    n = 10 * RATE
    swell = 0.3 + np.abs(np.sin(2 * np.pi * np.arange(n) / RATE))
    assert limits_of(at_level(coloured(10, 0.2, seed) * swell, -32)) == (0.0, 0.0)


def test_noise_as_loud_as_speech_is_none():
    assert limits_of(at_level(coloured(6, 0.0), -22)) == (0.0, 0.0)
