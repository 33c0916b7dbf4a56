"""The feeds give exactly what their consumers take, however the stream is cut."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceband import resample
from voiceband.frameworks.feeds import Feed, SmartTurnFeed, assemblyai, flux, silero

X = np.random.default_rng(5).integers(-20000, 20000, 30000).astype(np.int16)
FEEDS = {
    "silero": (silero, {8000: 256, 16000: 512, 24000: 512}),
    "flux": (flux, {8000: 1280, 16000: 2560, 24000: 3840}),
    "assemblyai": (assemblyai, {8000: 800, 16000: 1600, 24000: 2400}),
}


def cut(x, sizes):
    at = 0
    for size in sizes:
        yield x[at : at + size]
        at += size
    yield x[at:]


def joined(pieces):
    return b"".join(p if isinstance(p, bytes) else p.tobytes() for p in pieces)


@pytest.mark.parametrize("name", FEEDS)
@pytest.mark.parametrize("rate", [8000, 16000, 24000])
@given(sizes=st.lists(st.integers(0, 1500), max_size=12))
def test_every_piece_has_its_length_whatever_the_blocks(name, rate, sizes):
    make, lengths = FEEDS[name]
    feed, whole = make(rate), make(rate)
    pieces = [p for block in cut(X, sizes) for p in feed.process(block)]
    assert {len(p) for p in pieces} == {lengths[rate]}
    assert joined(pieces) == joined(whole.process(X))
    left, other = feed.flush(), whole.flush()
    assert joined(left) == joined(other)
    assert all(len(p) == lengths[rate] for p in left)
    assert joined(feed.process(X)) == joined(pieces)  # a flush resets


def test_what_comes_out_is_what_went_in():
    assert joined(flux(8000).process(X[:1280])) == X[:1280].astype("<i2").tobytes()
    (window,) = silero(16000).process(X[:512])
    assert window.dtype == np.float32
    np.testing.assert_array_equal(window, X[:512] / np.float32(32768))
    feed = Feed(8000, 16000, 100)
    got = np.concatenate(feed.process(X[:8000]) + feed.flush())
    wanted = resample(X[:8000], 8000, 16000)
    late = round(0.0025 * 16000)
    best = max(range(late * 2), key=lambda k: np.dot(got[k : k + 15000].astype(float), wanted[:15000]))
    assert np.corrcoef(got[best : best + 15000], wanted[:15000])[0, 1] > 0.999


def test_what_is_left_is_padded_with_silence():
    feed = assemblyai(8000)
    assert feed.process(X[:100]) == []
    (piece,) = feed.flush()
    assert piece == X[:100].astype("<i2").tobytes() + bytes(600)
    assert feed.flush() == []


@pytest.mark.parametrize("rate", [8000, 16000])
@given(sizes=st.lists(st.integers(0, 1500), max_size=8), seconds=st.integers(1, 12))
def test_smart_turn_sees_the_last_eight_seconds(rate, sizes, seconds):
    x = np.resize(X, seconds * rate)
    feed, whole = SmartTurnFeed(rate), SmartTurnFeed(rate)
    for block in cut(x, sizes):
        feed.process(block)
    whole.process(x)
    window = feed.window()
    assert window.shape == (128000,)
    np.testing.assert_array_equal(window, whole.window())
    assert np.count_nonzero(window[: max(0, 128000 - seconds * 16000)]) == 0
    if rate == 16000:
        n = min(len(x), 128000)
        np.testing.assert_array_equal(window[-n:], x[-n:] / np.float32(32768))
    feed.reset()
    assert not feed.window().any()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: silero(8000, 24000), "rate must be 8000 or 16000, which Silero's models have, not 24000"),
        (lambda: assemblyai(11025), "rate must give whole samples in 50 ms, such as 8000 or 16000, not 11025"),
        (lambda: Feed(8000, 8000, 0), "n must be"),
        (lambda: flux(8000).process(np.array([np.nan])), "finite"),
    ],
)
def test_what_cannot_be_is_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()


@pytest.mark.parametrize("rate", [8000, 16000])
def test_a_feed_of_nothing_ends_with_nothing(rate):
    feed = Feed(8000, rate, 160)
    assert feed.flush() == feed.flush() == []
    feed.process(X[:1])
    assert len(feed.flush()) == 1
    assert feed.flush() == []
