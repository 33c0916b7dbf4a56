"""`CallerSpoke` and `Audio.echo`: a whole call over a line that gives the agent's voice back."""

import base64
import json

import numpy as np
import pytest

from _support.denoise_signals import as_int16, voice
from _support.messages import media, played, start
from voiceband.formats import PLIVO_L16_16K, PLIVO_MULAW_8K
from voiceband.session import Audio, BargeInSettings, CallerSpoke, Session

PLAYOUT_S = 0.25
"""From sending to sound at the carrier's idle player."""


def call(
    *, caller=None, loss_db=18.0, echo_ms=120, seconds=12.0, barge_in=True, wire=PLIVO_MULAW_8K, lose=(), **options
):
    """Run a call in which the agent talks in turns of 3 s; return the events, each with its time."""
    rate = wire.sample_rate
    n = rate // 50
    session = Session(guard=False, barge_in=barge_in, **options)
    events = [(0.0, event) for event in session.receive(start(wire), 0.0)]
    ear, noise = np.zeros(round((seconds + 5) * rate)), np.random.default_rng(2)
    plays_until, answers = 0.0, []
    said = voice(seconds, rate, -20, seed=3)
    for k in range(int(seconds * 50)):
        now = 0.02 * (k + 1)
        if k % 200 == 25:
            session.play(as_int16(said[k * n : k * n + 3 * rate]), rate, end=True)
        while answers and answers[0][0] <= now:
            session.receive(played(answers.pop(0)[1]), now)
        for text in session.poll(now):
            message = json.loads(text)
            if message["event"] == "checkpoint":
                answers.append((max(plays_until, now), message["name"]))
            elif message["event"] == "playAudio":
                pcm = wire.decode(base64.b64decode(message["media"]["payload"])) / 32768
                begins = max(plays_until, now + PLAYOUT_S)
                at = round(begins * rate)
                ear[at : at + len(pcm)] = pcm
                plays_until = begins + len(pcm) / rate
        late = round(echo_ms * rate / 1000)
        first = k * n - late
        near = np.zeros(n) if first < 0 else ear[first : first + n] * 10 ** (-loss_db / 20)
        near = near + noise.normal(0, 10 ** (-65 / 20), n)
        if caller is not None:
            near = near + caller[k * n : k * n + n]
        if k not in lose:
            events += [(now, e) for e in session.receive(media(k, wire.encode(as_int16(near))), now)]
    return events


def spoke(events):
    """Return the events, but for those that follow within two seconds: the agent is not interrupted here."""
    found = []
    for now, event in events:
        if isinstance(event, CallerSpoke) and (not found or now > found[-1][0] + 2):
            found.append((now, event))
    return found


def interjection(starts, rate=8000, seconds=12.0, length_s=1.2, seed=11):
    t = np.arange(round(seconds * rate)) / rate
    return voice(seconds, rate, -22, seed) * sum(((t >= s) & (t < s + length_s)) for s in starts)


def began(caller, after_s, rate=8000):
    at = round(after_s * rate)
    return (at + np.flatnonzero(np.abs(caller[at:]) > 0.1)[0]) / rate


@pytest.mark.parametrize("wire", [PLIVO_MULAW_8K, PLIVO_L16_16K])
def test_an_agent_does_not_interrupt_itself_and_a_caller_does(wire):
    rate = wire.sample_rate
    assert spoke(call(wire=wire)) == []
    caller = interjection([5.5, 9.3], rate)
    found = spoke(call(caller=caller, wire=wire))
    assert len(found) == 2
    for (now, event), s in zip(found, [5.5, 9.3], strict=True):
        assert now - began(caller, s, rate) < 0.25
        assert abs(event.at_ms / 1000 - began(caller, s, rate)) < 0.2
        assert event.heard.heard_ms > 0


def test_audio_says_how_sure_it_is_that_it_is_echo():
    caller = interjection([5.5])
    audio = [(now, event) for now, event in call(caller=caller) if isinstance(event, Audio)]
    echo = [event.echo for now, event in audio if 1.3 < now < 3]
    assert np.median(echo) == 1.0
    assert max(event.echo for now, event in audio if now < 0.7) == 0.0
    assert max(event.echo for now, event in audio if 5.54 < now < 5.64) < 0.5
    plain = [event.echo for _, event in call(caller=caller, barge_in=False) if isinstance(event, Audio)]
    assert set(plain) == {0.0}


def test_short_sounds_do_not_count_where_they_are_tolerated():
    caller = interjection([5.5], length_s=0.35)
    assert len(spoke(call(caller=caller))) == 1
    assert spoke(call(caller=caller, barge_in=BargeInSettings(backchannel_ms=400))) == []
    longer = interjection([5.5], length_s=1.5)
    ((now, _),) = spoke(call(caller=longer, barge_in=BargeInSettings(backchannel_ms=400)))
    assert 0.4 < now - began(longer, 5.5) < 1.4  # the voice has pauses


def test_while_the_agent_is_silent_nobody_speaks_over_it():
    assert spoke(call(caller=interjection([0.1], length_s=0.3))) == []


@pytest.mark.parametrize("options", [{"buffer": "jitter"}, {"buffer": None}, {"rate": 24000, "denoise": 80}])
def test_with_other_stages(options):
    caller = interjection([5.5])
    assert spoke(call(**options)) == []
    assert len(spoke(call(caller=caller, **options))) == 1


def test_messages_that_are_missing_do_not_lose_the_echo():
    lose = set(range(60, 600, 45))
    assert spoke(call(lose=lose)) == []
    assert len(spoke(call(lose=lose, caller=interjection([5.5])))) == 1


def test_settings_are_checked():
    with pytest.raises(TypeError, match="barge_in must be a bool or a BargeInSettings, not 1"):
        Session(barge_in=1)
    with pytest.raises(ValueError, match="speech_ms must be"):
        BargeInSettings(speech_ms=5)
    with pytest.raises(ValueError, match="backchannel_ms must be"):
        BargeInSettings(backchannel_ms=3000)


def test_an_agent_may_write_into_what_it_was_given():
    def heard(use):
        session = Session(barge_in=True, buffer=None, guard=False)
        session.receive(start(), 0.0)
        session.play(noise, 8000, end=True)
        scores = []
        for i, piece in enumerate(noise.reshape(-1, 240)):  # 30 ms: half a frame waits for the next message
            session.poll(i * 0.03)
            for event in session.receive(media(i, PLIVO_MULAW_8K.encode(piece)), (i + 1) * 0.03):
                if isinstance(event, Audio):
                    scores.append(event.echo)
                    use(event.samples)
        return scores

    noise = np.random.default_rng(5).integers(-3000, 3000, 24000).astype(np.int16)
    kept = heard(lambda samples: None)
    assert max(kept) > 0
    assert heard(lambda samples: samples.fill(0)) == kept
