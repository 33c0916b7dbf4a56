"""The echo guard: echo from the caller's voice, on lines made here without any of its code."""

import copy
import pickle

import numpy as np
import pytest

from _support.denoise_signals import as_int16, voice, white
from _support.dose import dose
from voiceband import EchoGuard, ulaw_decode, ulaw_encode

RATE = 8000
BOUND_MS = 60


def spurts(seconds, seed, dbfs=-20.0, rate=RATE, say_s=3.0, rest_s=1.0):
    """Return an agent's speech: utterances with digital silence between them."""
    x = voice(seconds, rate, dbfs, seed)
    t = np.arange(len(x)) / rate % (say_s + rest_s)
    return x * (t < say_s)


def line(far, near=None, *, lag_ms=300, loss_db=20.0, rate=RATE, clip=0.0, noise_dbfs=-65.0, seed=5):
    """Return what comes from a caller: his voice, the far end as a room gives it back, noise, and mu-law."""
    rng = np.random.default_rng(seed)
    room = rng.standard_normal(rate // 20) * np.exp(-np.arange(rate // 20) / (rate / 120))
    room[0] += 3
    sounding = np.tanh(far * clip) / clip if clip else far
    echo = np.convolve(sounding, room)[: len(far)]
    echo *= 10 ** (-loss_db / 20) * np.sqrt(np.mean(far**2) / np.mean(echo**2))
    late = round(lag_ms * rate / 1000)
    echo = np.concatenate([np.zeros(late), echo])[: len(far)]
    heard = echo + white(len(far) / rate, rate, noise_dbfs, seed=seed + 1) + (0 if near is None else near)
    return ulaw_decode(ulaw_encode(as_int16(heard)))


def judged(guard, near, far, bound_ms=BOUND_MS):
    """Return the kind and the score of every frame."""
    n = guard.rate // 50
    found = []
    for at in range(0, len(near) - n + 1, n):
        score = guard.process(near[at : at + n], far[at : at + n], bound_ms=bound_ms)
        found.append((guard.kind, score))
    return found


def share(found, kinds, since_s=0.0, until_s=1e9):
    frames = [kind for k, (kind, _) in enumerate(found) if since_s <= k / 50 < until_s]
    return sum(kind in kinds for kind in frames) / len(frames)


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize(
    ("lag_ms", "loss_db"), dose([(100, 15), (900, 25)], [(100, 15), (300, 20), (600, 30), (900, 25)])
)
def test_an_echo_is_an_echo_and_its_lag_and_loss_are_found(lag_ms, loss_db, rate):
    far = spurts(20, 3, rate=rate)
    guard = EchoGuard(rate)
    found = judged(guard, line(far, lag_ms=lag_ms, loss_db=loss_db, rate=rate), as_int16(far))
    assert share(found, {"speech", "both"}) < 0.005
    assert share(found, {"echo"}) > 0.4
    assert abs(guard.lag_ms - lag_ms) <= 30
    # The quantile that is tracked lies above the mean.
    assert -8 < guard.loss_db - loss_db < 6


def test_a_handset_that_is_not_linear_and_louder_later():
    far = spurts(40, 3)
    near = line(far, clip=12.0, loss_db=22)
    near[20 * RATE :] = np.clip(near[20 * RATE :].astype(int) * 3 // 2, -32768, 32767)
    found = judged(EchoGuard(RATE), near, as_int16(far))
    assert share(found, {"speech", "both"}) < 0.01


def test_a_caller_who_talks_over_it_is_heard_at_once():
    far = spurts(30, 3)
    caller = voice(30, RATE, -22, seed=11)
    starts = [9.0, 17.0, 25.0]
    t = np.arange(len(far)) / RATE
    caller *= sum((t >= s) & (t < s + 1.5) for s in starts)
    found = judged(EchoGuard(RATE), line(far, caller), as_int16(far))
    for s in starts:
        began = next(k for k, x in enumerate(np.abs(caller)) if x > 0.02 and k >= s * RATE) / RATE
        at = next(k for k, (kind, _) in enumerate(found) if k / 50 > began - 0.02 and kind in ("speech", "both")) / 50
        assert at - began < 0.12
        assert found[round(at * 50) + 2][1] < 0.5
    assert share(found, {"speech", "both"}, 1, 8.9) == 0


def test_the_same_words_again_are_the_callers():
    """Who repeats what the agent has just said is not his echo: the lag tells."""
    far = spurts(24, 3)
    again = np.concatenate([np.zeros(round(1.9 * RATE)), far])[: len(far)]
    again[: 12 * RATE] = 0
    found = judged(EchoGuard(RATE), line(far, again), as_int16(far))
    assert share(found, {"speech", "both"}, 1, 11.9) == 0
    assert share(found, {"speech", "both"}, 14, 24) > 0.4


def test_clears_that_move_the_lag_do_not_lose_it():
    """Each stretch is off by another part of the bound; 45 clears."""
    rng = np.random.default_rng(8)
    parts, echoes = [], []
    for k in range(46):
        said = voice(1.2, RATE, -20, seed=20 + k % 5)
        late = round((250 + rng.uniform(-BOUND_MS, BOUND_MS)) * RATE / 1000)
        part = np.concatenate([said, np.zeros(round(0.8 * RATE))])
        parts.append(part)
        echoes.append(np.concatenate([np.zeros(late), part])[: len(part)] * 10 ** (-20 / 20))
    far, near = np.concatenate(parts), np.concatenate(echoes)
    near = near + white(len(far) / RATE, RATE, -65)
    found = judged(EchoGuard(RATE), ulaw_decode(ulaw_encode(as_int16(near))), as_int16(far))
    assert share(found, {"speech", "both"}) < 0.003


def test_while_the_far_end_is_silent_speech_is_speech():
    x = voice(4, RATE, -24, seed=4)
    near = as_int16(np.concatenate([np.zeros(2 * RATE), x]) + white(6, RATE, -65))
    found = judged(EchoGuard(RATE), near, np.zeros(len(near), np.int16))
    assert share(found, {"silence"}, 0, 2) == 1
    assert share(found, {"speech"}, 2.2, 6) > 0.5
    assert {score for _, score in found} == {0.0}


def test_any_split_into_whole_frames_gives_the_same_scores():
    far = spurts(8, 3)
    near, far = line(far, voice(8, RATE, -24, seed=11) * (np.arange(len(far)) > 5 * RATE)), as_int16(far)
    one = judged(EchoGuard(RATE), near, far)
    guard, at = EchoGuard(RATE), 0
    for frames in np.random.default_rng(1).integers(0, 12, 200):
        end = min(at + frames * 160, len(far) // 160 * 160)
        score = guard.process(near[at:end], far[at:end], bound_ms=BOUND_MS)
        at = end
        if at:
            assert (guard.kind, score) == one[at // 160 - 1]
    assert at == len(far)


def test_floats_and_other_widths_give_what_int16_gives():
    far = spurts(4, 3)
    near, far = line(far), as_int16(far)
    plain = judged(EchoGuard(RATE), near, far)
    assert judged(EchoGuard(RATE), near.astype(np.float32) / 32768, far.astype(np.float32) / 32768) == plain
    assert judged(EchoGuard(RATE), near / 32768, far) == plain
    assert judged(EchoGuard(RATE), near.astype(np.int64), np.stack([far, far], 1)[:, 0]) == plain


def test_a_copy_goes_on_with_the_same_scores():
    far = spurts(6, 3)
    near, far = line(far), as_int16(far)
    guard = EchoGuard(RATE)
    judged(guard, near[: 3 * RATE], far[: 3 * RATE])
    twins = [pickle.loads(pickle.dumps(guard)), copy.copy(guard)]
    rest = judged(guard, near[3 * RATE :], far[3 * RATE :])
    assert [judged(twin, near[3 * RATE :], far[3 * RATE :]) for twin in twins] == [rest, rest]
    fresh = judged(EchoGuard(RATE), near, far)
    guard.reset()
    assert judged(guard, near, far) == fresh
    make, (*arguments, rate, state) = guard.__reduce__()[:2]
    with pytest.raises(ValueError, match="damaged"):
        make(*arguments, rate, state[:-1] + bytes([state[-1] ^ 1]))
    with pytest.raises(ValueError, match="damaged"):
        make(*arguments, 16000, state)


def test_what_it_refuses_leaves_it_as_it_was():
    guard = EchoGuard(RATE)
    frame = np.zeros(160, np.float32)
    before = guard.__reduce__()[1]
    bad = frame.copy()
    bad[7] = np.nan
    refused = [
        ((bad, frame), {"bound_ms": 60}, r"near must be finite, but near\[7\] is nan"),
        ((frame, bad), {"bound_ms": 60}, r"far must be finite, but far\[7\] is nan"),
        ((frame[:150], frame[:150]), {"bound_ms": 60}, "whole frames of 20 ms, 160 samples each, not 150"),
        ((frame, frame[:0]), {"bound_ms": 60}, "near and far must be equally long, not 160 and 0"),
        ((frame, frame), {"bound_ms": -1}, "bound_ms must be from 0 to 2000, not -1"),
        ((frame, frame), {"bound_ms": np.nan}, "bound_ms must be from 0 to 2000"),
    ]
    for arguments, named, what in refused:
        with pytest.raises(ValueError, match=what):
            guard.process(*arguments, **named)
    with pytest.raises(TypeError, match="bound_ms must be a number"):
        guard.process(frame, frame, bound_ms="60")
    with pytest.raises(TypeError, match="far must be an array or a buffer"):
        guard.process(frame, None, bound_ms=60)
    assert guard.__reduce__()[1] == before
    for rate in (44100, 0):
        with pytest.raises(ValueError, match="rate must be 8000 or 16000"):
            EchoGuard(rate)
