"""A kernel can be pickled in any state that it can get into, and goes on with the same bits."""

import copy
import pickle
import re

import numpy as np
import pytest

from voiceband import Concealer, Denoiser, EchoGuard, JitterBuffer, Resampler, SoundGuard, Timeline, ToneDetector

RATE = 8000
ARGUMENTS = {
    Concealer: (RATE,),
    Denoiser: (RATE,),
    EchoGuard: (RATE,),
    JitterBuffer: (RATE,),
    Resampler: (RATE, 16000),
    SoundGuard: ("mulaw", RATE),
    Timeline: (RATE,),
    ToneDetector: (RATE,),
}


def tone(hz, amplitude, seconds):
    return amplitude * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE)) / RATE)


SOUNDS = {
    "a hum, then a tone": np.concatenate([tone(50, 200, 0.04), tone(200, 8000, 0.4)]),
    "silence, then a tone": np.concatenate([np.zeros(800), tone(1000, 30000, 0.3)]),
    "faint noise, then the loudest there is": np.concatenate(
        [np.random.default_rng(3).normal(0, 9, 6000), np.full(1600, 2.0**31)]
    ),
    "clicks": np.where(np.arange(4000) % 400 == 0, 32767.0, 0.0),
}


@pytest.mark.parametrize("sound", SOUNDS)
@pytest.mark.parametrize("latency", ["normal", "low"])
def test_a_suppressor_after_every_push(sound, latency):
    x = (SOUNDS[sound] / 32768).astype(np.float32)
    stream = Denoiser(RATE, dtype="float32", latency=latency)
    twin = Denoiser(RATE, dtype="float32", latency=latency)
    for at in range(0, len(x), 160):
        made = stream.process(x[at : at + 160])
        stream = pickle.loads(pickle.dumps(stream))
        assert np.array_equal(made, twin.process(x[at : at + 160]))


def test_a_resampler_of_the_largest_floats():
    x = np.full(400, np.finfo(np.float32).max, np.float32) * np.where(np.arange(400) % 3, 1, -1).astype(np.float32)
    stream = Resampler(8000, 44100, dtype="float32")
    stream.process(x)
    assert np.array_equal(pickle.loads(pickle.dumps(stream)).flush(), stream.flush(), equal_nan=True)


def test_arrivals_far_before_the_origin_of_the_clock():
    """The least delay is kept in a ring by time: a time must not become an index before its first."""
    x = tone(200, 8000, 0.02).astype(np.int16)
    figures = []
    for origin in (0.0, -9e11, -5.5e11, 9e11):
        buffer = JitterBuffer(RATE)
        for k in range(200):
            buffer.push(k, 20 * k, x, arrival=origin + float(k))  # whole seconds: exact at every origin
        figures.append(pickle.loads(pickle.dumps(buffer)).stats)
    assert figures[0].transport_max_ms > 0
    assert len({repr(figure) for figure in figures}) == 1


@pytest.mark.parametrize("kernel", ARGUMENTS, ids=lambda kernel: kernel.__name__)
def test_a_subclass_stays_one_and_keeps_what_it_was_given(kernel, monkeypatch):
    mine = type("Mine", (kernel,), {"__module__": __name__})
    monkeypatch.setitem(globals(), "Mine", mine)  # where pickle looks for it
    stream = mine(*ARGUMENTS[kernel])
    stream.call = "a7"
    for twin in (pickle.loads(pickle.dumps(stream)), copy.copy(stream), copy.deepcopy(stream)):
        assert (type(twin), twin.call) == (mine, "a7")


def test_a_full_buffer_that_returns_a_period_back():
    """Media after an extrapolation may begin up to a pitch period earlier, but not with more than the buffer holds."""
    t = np.arange(5 * RATE) / RATE
    x = 8000 * np.sign(np.sin(2 * np.pi * 100 * t)) * np.exp(-((t * 100) % 1) * 5) + 2000 * np.sin(2 * np.pi * 700 * t)
    x = x.astype(np.int16)
    for dry_ms in range(5, 60, 5):
        buffer = JitterBuffer(RATE, tick_ms=5, mode="fixed", delay_ms=20)
        for k in range(50):
            buffer.push(k, 20 * k, x[160 * k : 160 * k + 160], arrival=0.02 * k)
            for tick in range(4):
                buffer.pull(0.02 * k + 0.005 * tick)
        now = 0.995
        while buffer.buffered_ms > 0 or dry_ms > 0:
            dry_ms -= 0 if buffer.buffered_ms > 0 else 5
            now += 0.005
            buffer.pull(now)
        for k in range(50, 150):
            buffer.push(k, 20 * k, x[160 * k : 160 * k + 160], arrival=now)
        for _ in range(3):
            now += 0.005
            buffer.pull(now)
            assert buffer.buffered_ms <= 2000
            pickle.loads(pickle.dumps(buffer))


@pytest.mark.parametrize("kernel", [EchoGuard, ToneDetector])
def test_the_memory_that_is_stated_is_what_it_takes(kernel):
    (stated,) = re.findall(r"Memory is constant,\s+(\d+) KB", kernel.__doc__)
    state = kernel(RATE).__reduce__()[1][-1]
    assert int(stated) == round(len(state) / 1000)
