"""A kernel can be pickled in any state that it can get into, and goes on with the same bits."""

import pickle

import numpy as np
import pytest

from voiceband import Denoiser, JitterBuffer, Resampler

RATE = 8000


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
