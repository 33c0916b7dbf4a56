"""G.711: exhaustive against models written from the standard, and against audioop."""

import warnings

import numpy as np
import pytest

import voiceband
from _support import oracles

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

EVERY_CODE = bytes(range(256))
EVERY_SAMPLE = np.arange(-32768, 32768).astype(np.int16)
LAWS = {
    "ulaw": (voiceband.ulaw_decode, voiceband.ulaw_encode, oracles.ulaw_outputs, oracles.ulaw_codes),
    "alaw": (voiceband.alaw_decode, voiceband.alaw_encode, oracles.alaw_outputs, oracles.alaw_codes),
}


@pytest.mark.parametrize("law", LAWS)
def test_decodes_every_code_as_the_standard_says(law):
    decode, _, outputs, _ = LAWS[law]
    np.testing.assert_array_equal(decode(EVERY_CODE), outputs())


@pytest.mark.parametrize("law", LAWS)
def test_encodes_every_sample_as_the_standard_says(law):
    _, encode, _, codes = LAWS[law]
    np.testing.assert_array_equal(np.frombuffer(encode(EVERY_SAMPLE), np.uint8), codes(EVERY_SAMPLE))


@pytest.mark.parametrize("law", LAWS)
def test_audioop_decodes_the_same(law):
    theirs = getattr(audioop, f"{law}2lin")(EVERY_CODE, 2)
    assert LAWS[law][0](EVERY_CODE).tobytes() == theirs


def test_audioop_encodes_alaw_the_same():
    assert voiceband.alaw_encode(EVERY_SAMPLE) == audioop.lin2alaw(EVERY_SAMPLE.tobytes(), 2)


def test_audioop_encodes_ulaw_differently_on_exactly_508_negative_samples():
    ours = np.frombuffer(voiceband.ulaw_encode(EVERY_SAMPLE), np.uint8)
    theirs = np.frombuffer(audioop.lin2ulaw(EVERY_SAMPLE.tobytes(), 2), np.uint8)
    # audioop halves twice rounding towards minus infinity, then negates: a magnitude of 4 k + 1..4 goes up to k + 1.
    # The code changes where k + 1 is one of the 127 decision values, for the four samples that share it.
    decisions = [((32 + 2 * step) << segment) - 33 for segment in range(8) for step in range(16)][1:]
    expected = {-4 * (d - 1) - offset for d in decisions for offset in (1, 2, 3, 4)}
    differing = {int(x) for x in EVERY_SAMPLE[ours != theirs]}
    assert differing == expected
    assert len(differing) == 508
    assert (ours.astype(int) - theirs.astype(int))[ours != theirs].tolist() == [1] * 508


@pytest.mark.parametrize("law", LAWS)
def test_codes_survive_a_round_trip(law):
    decode, encode, _, _ = LAWS[law]
    survived = np.frombuffer(encode(decode(EVERY_CODE)), np.uint8)
    changed = np.flatnonzero(survived != np.arange(256))
    # Mu-law has two zeros; the negative one, 0x7F, becomes the positive one.
    assert changed.tolist() == ([0x7F] if law == "ulaw" else [])


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("n", [0, 1, 7, 8, 15, 16, 31, 33, 63, 65, 127, 160, 161, 1000])
def test_any_length_at_any_address(law, n):
    decode, encode, outputs, codes = LAWS[law]
    rng = np.random.default_rng(n)
    data = rng.integers(0, 256, n + 3, np.uint8)
    pcm = rng.integers(-32768, 32768, n, np.int16)
    for offset in range(3):
        np.testing.assert_array_equal(decode(data[offset : n + offset]), outputs()[data[offset : n + offset]])
        room = np.zeros(2 * n + 5, np.uint8)
        odd = room[offset : 2 * n + offset].view(np.int16)
        odd[:] = pcm
        np.testing.assert_array_equal(np.frombuffer(encode(odd), np.uint8), codes(pcm))
        decode(data[offset : n + offset], out=odd)
        np.testing.assert_array_equal(odd, outputs()[data[offset : n + offset]])
        assert not room[:offset].any()
        assert not room[2 * n + offset :].any()
