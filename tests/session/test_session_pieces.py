"""Pieces that follow one another are one utterance: any split of a signal gives the bits of one call."""

import array
import base64
import io
import itertools
import json
import math
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import voiceband
from _support.messages import start
from _support.session_calls import open_session
from voiceband.formats import PLIVO_FORMATS, PLIVO_L16_8K, PLIVO_MULAW_8K
from voiceband.session import Drained, Played, Session

RATES = (8000, 16_000, 22_050, 24_000, 44_100, 48_000)
RNG = np.random.default_rng(7)
NOISE = RNG.integers(-20_000, 20_000, 20_000).astype(np.int16)


def audio(texts):
    """Return the bytes of some messages."""
    messages = [json.loads(text) for text in texts]
    return b"".join(base64.b64decode(m["media"]["payload"]) for m in messages if m["event"] == "playAudio")


def names(texts):
    return [m["name"] for m in map(json.loads, texts) if m["event"] == "checkpoint"]


def rest(session, now):
    """Return what is still sent."""
    texts = session.poll(now)
    while session.next_poll < math.inf and session.queued_ms:
        now = max(now, session.next_poll)
        texts += session.poll(now)
    return texts


def session_of(wire):
    return open_session(wire, guard=False, join_ms=60_000, lead_ms=None)


def in_one(wire, data, rate, **options):
    session = session_of(wire)
    session.play(data, rate, end=True, **options)
    return audio(rest(session, 0.0))


def kinds_of(pcm, dtype):
    return pcm if dtype == "int16" else voiceband.to_float(pcm)


@settings(deadline=None, max_examples=60)
@given(
    wire=st.sampled_from(PLIVO_FORMATS),
    rate=st.sampled_from(RATES),
    kind=st.sampled_from(["int16", "float32", "bytes"]),
    lengths=st.lists(st.integers(1, 5000), min_size=1, max_size=8),
    pace=st.sampled_from(["at once", "real time", "faster"]),
    ends=st.sampled_from(["with the last", "empty", "end()", "drain", "lapse"]),
)
def test_any_split_gives_the_bits_of_one_call(wire, rate, kind, lengths, pace, ends):
    pcm = np.resize(NOISE, sum(lengths))
    data = pcm.astype("<i2").tobytes() if kind == "bytes" else kinds_of(pcm, kind)
    options = {"format": "linear16"} if kind == "bytes" else {}
    expected = in_one(wire, data, rate, **options)
    session, texts, now, at, said = session_of(wire), [], 0.0, 0, set()
    cuts = (
        [2 * n - (n % 3 == 1 and i < len(lengths) - 1) for i, n in enumerate(lengths)] if kind == "bytes" else lengths
    )
    for i, n in enumerate(cuts):
        last = i == len(cuts) - 1
        piece = data[at:] if last else data[at : at + n]
        at += n
        said.add(id(session.play(piece, rate, end=last and ends == "with the last", **options)))
        if pace != "at once":
            texts += session.poll(now)
            now += lengths[i] / rate / (1 if pace == "real time" else 3)
    utterance = session.play(data[:0], rate, **options) if ends != "with the last" else None
    if ends == "empty":
        session.play(data[:0], rate, end=True, **options)
    elif ends == "end()":
        utterance.end()
    elif ends == "drain":
        session.drain()
    elif ends == "lapse":
        for _ in range(3):
            texts += session.poll(now)
            now += 100.0
    texts += rest(session, now)
    assert len(said) == 1
    assert audio(texts) == expected
    assert len([name for name in names(texts) if name.startswith("utterance")]) == 1


@pytest.mark.parametrize("wire", PLIVO_FORMATS)
@pytest.mark.parametrize("rate", RATES)
def test_an_echo_in_real_time_is_one_utterance_with_one_checkpoint(wire, rate):
    """20 ms in, 20 ms out: nothing is stretched, and nothing queues."""
    session, sent, queued, size = open_session(wire, guard=False), [], [], rate // 50
    pcm = np.resize(NOISE, 250 * size)
    texts = []
    for i in range(250):
        now = i * 0.02
        speech = session.play(pcm[i * size : (i + 1) * size], rate)
        sent = session.poll(now)
        texts += sent
        queued.append(session.queued_ms)
    assert max(queued) < 20
    assert not speech.ended
    assert names(texts) == []
    ends = []
    for i in range(250, 300):
        ends += session.poll(i * 0.02)
    assert names(ends) == [speech.name]
    assert speech.lapsed
    whole = 250 * wire.frame_bytes(20)
    assert whole <= len(audio(texts + ends)) <= whole + wire.frame_bytes(20)
    assert audio(texts + ends) == in_one(wire, pcm, rate)


@pytest.mark.parametrize(("stall_s", "utterances"), [(0.3, 1), (0.49, 1), (0.6, 2)])
def test_a_stall_of_the_synthesiser_ends_an_utterance_only_when_it_is_long(stall_s, utterances):
    session, said, now = open_session(guard=False), set(), 0.0
    for _ in range(3):
        said.add(session.play(NOISE[:1600], 8000).name)
        for _ in range(10):
            session.poll(now)
            now += 0.02
    until = now + stall_s
    while now < until:
        session.poll(now)
        now = min(until, max(now + 0.005, session.next_poll))
    said.add(session.play(NOISE[:1600], 8000).name)
    assert len(said) == utterances


def test_what_ends_an_utterance():
    session = open_session(guard=False)
    first = session.play(NOISE[:100], 8000)
    assert session.play(NOISE[:100], 24_000) is first
    assert session.play(NOISE[:100], 8000, name=first.name) is first
    second = session.play(NOISE[:100], 8000, name="second")
    assert first.ended
    assert session.play(NOISE[:100], 8000) is second
    assert session.play(NOISE[:100], 8000, end=True) is second
    third = session.play(NOISE[:100], 8000)
    assert third is not second
    third.end()
    third.end()  # changes nothing
    fourth = session.play(NOISE[:100], 8000)
    session.drain()
    assert (third.ended, fourth.ended) == (True, True)
    texts = session.poll(0.0) + session.poll(1.0)
    assert names(texts) == [u.name for u in (first, second, third, fourth)]
    events = [e for name in names(texts) for e in session.receive(f'{{"event":"playedStream","name":"{name}"}}', 2.0)]
    assert [type(e) for e in events] == [Played] * 4 + [Drained]


class TestLatePieces:
    def test_until_an_end_they_are_dropped(self):
        session = open_session(guard=False)
        cut = session.play(NOISE[:8000], 8000, name="item")
        session.poll(0.0)
        heard = session.interrupt(0.1)
        assert "item" in heard
        assert "another" not in heard
        assert session.play(NOISE[:800], 8000, name="item") is cut
        assert session.queued_ms == 0
        assert session.play(NOISE[:800], 8000, name="item", end=True) is cut
        assert session.stats.late_pieces == 2
        again = session.play(NOISE[:800], 8000, name="item")
        assert again is not cut
        assert session.queued_ms == 100

    def test_another_utterance_is_heard_meanwhile_and_does_not_let_them_through(self):
        session = open_session(guard=False)
        cut = session.play(NOISE[:8000], 8000, name="item-1")
        session.poll(0.0)
        session.interrupt(0.1)
        new = session.play(NOISE[:800], 8000, name="item-2")
        assert session.play(NOISE[:800], 8000, name="item-1") is cut
        assert session.play(NOISE[:800], 8000) is new
        assert session.queued_ms == 200

    def test_a_name_that_is_used_for_all_is_not_mute_for_ever(self):
        session = open_session(guard=False)
        cut = session.play(NOISE[:8000], 8000, name="agent")
        session.poll(0.0)
        session.interrupt(0.1)
        session.poll(0.1)
        assert session.play(NOISE[:800], 8000, name="agent") is cut
        session.poll(0.2)  # from here on nothing comes for join_ms
        session.poll(0.69)
        assert session.play(NOISE[:800], 8000, name="agent") is cut
        session.poll(0.7)
        assert session.next_poll == pytest.approx(1.2)
        session.poll(1.21)
        assert session.play(NOISE[:800], 8000, name="agent") is not cut
        assert session.stats.late_pieces == 2

    def test_end_says_it_too(self):
        session = Session()
        cut = session.play(NOISE[:800], 8000, name="item")
        session.interrupt(0.0)
        assert session.play(NOISE[:800], 8000, name="item") is cut
        cut.end()
        assert session.play(NOISE[:800], 8000, name="item") is not cut


class Tensor:
    """What a library of tensors gives numpy."""

    def __init__(self, values, complaint=None):
        self._values, self._complaint = values, complaint

    def __array__(self, dtype=None, copy=None):
        if self._complaint is not None:
            raise self._complaint
        return np.asarray(self._values, dtype)


SHORT = NOISE[:400]
LINEAR = SHORT.astype("<i2").tobytes()
FLOATS = voiceband.to_float(SHORT)
TAKEN = {
    "int32": SHORT.astype(np.int32),
    "int64 that saturates": np.where(SHORT.max() == SHORT, 10**6, SHORT.astype(np.int64)),
    "uint16": np.abs(SHORT).astype(np.uint16),
    "strided": np.repeat(SHORT, 2)[::2],
    "(n, 1)": SHORT[:, None],
    "big-endian": SHORT.astype(">i2"),
    "a list": SHORT.tolist(),
    "an array": array.array("h", SHORT.tolist()),
    "a memoryview": memoryview(SHORT),
    "a tensor": Tensor(SHORT),
    "float64": FLOATS.astype(np.float64),
    "a list of floats": FLOATS.tolist(),
    "an array of floats": array.array("f", FLOATS.tolist()),
    "a tensor of floats": Tensor(FLOATS),
}


@pytest.mark.parametrize("opened", [True, False])
@pytest.mark.parametrize("name", TAKEN)
def test_what_is_played_may_be_anything_of_numbers(name, opened):
    data = TAKEN[name]
    plain = SHORT if "float" not in name else FLOATS
    if name.startswith("int64"):
        plain = np.where(SHORT.max() == SHORT, 32767, SHORT).astype(np.int16)
    if name == "uint16":
        plain = np.abs(SHORT)
    session = open_session(PLIVO_L16_8K, guard=False) if opened else Session(guard=False)
    session.play(data, np.int64(24_000))
    session.play(data, np.int32(24_000), end=True)
    if not opened:
        session.receive(start(PLIVO_L16_8K), 0.0)
    assert audio(rest(session, 0.0)) == in_one(PLIVO_L16_8K, np.concatenate([plain, plain]), 24_000)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (np.zeros((400, 2), np.int16), r"choose one, as in data\[:, 0\], or mix them"),
        (np.zeros((2, 400), np.int16), "must be one channel"),
        (np.zeros((1, 400), np.int16), r"give data\[0\]"),
        ([[0, 1], [2, 3]], "must be one channel"),
        (["a"], "data must hold samples"),
        (b"\0\0", "data must come with format="),
        (np.zeros(4, bool), "data must hold samples"),
        (np.array(5, np.int16), r"data must be one-dimensional, not of shape \(\)"),
    ],
)
def test_what_is_no_channel_of_samples_is_refused_with_the_remedy(data, complaint):
    session = open_session()
    with pytest.raises(ValueError, match=complaint):
        session.play(data, 8000)
    assert session.queued_ms == 0


GRADIENT = "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (Tensor(FLOATS, RuntimeError(GRADIENT)), r"not a Tensor: Can't call numpy\(\) .*; a tensor, with \.detach\(\)"),
        (Tensor(FLOATS, TypeError("Got unsupported ScalarType BFloat16")), r"BFloat16. .*\.float\(\)"),
        (np.ma.masked_array(SHORT, SHORT > 0), r"data must not be masked: fill it, as in data\.filled\(0\)"),
        (io.BytesIO(LINEAR), "data must be an array or a list of numbers, or bytes with format=, not BytesIO"),
    ],
)
def test_what_holds_samples_that_cannot_be_read_is_refused_with_the_remedy(data, complaint):
    session = open_session()
    with pytest.raises(TypeError, match=complaint):
        session.play(data, 8000)
    assert session.queued_ms == 0


def test_floats_too_small_to_be_normal_are_silence():
    session = open_session(guard=False)
    session.play(np.full(160, 1e-40, np.float32), 8000, end=True)
    assert set(audio(rest(session, 0.0))) == {0xFF}


MULAW, ALAW = voiceband.ulaw_encode(SHORT), voiceband.alaw_encode(SHORT)
NAMED = {
    "linear16": (LINEAR, 24_000, SHORT),
    "pcm_s16le": (LINEAR, 24_000, SHORT),
    "pcm_24000": (LINEAR, None, SHORT),
    "audio/pcm;rate=24000": (LINEAR, None, SHORT),
    "pcm_s16be": (SHORT.astype(">i2").tobytes(), 24_000, SHORT),
    "pcm_f32le": (FLOATS.astype("<f4").tobytes(), 24_000, FLOATS),
    "mulaw": (MULAW, 24_000, voiceband.ulaw_decode(MULAW)),
    "pcm_mulaw": (MULAW, 24_000, voiceband.ulaw_decode(MULAW)),
    "alaw": (ALAW, 24_000, voiceband.alaw_decode(ALAW)),
}


@pytest.mark.parametrize("name", NAMED)
def test_formats_may_be_named_as_services_name_them(name):
    data, rate, plain = NAMED[name]
    session = open_session(PLIVO_L16_8K, guard=False)
    for at in range(0, len(data), 77):
        session.play(data[at : at + 77], rate, format=name)
    session.play(b"", rate, format=name, end=True)
    assert audio(rest(session, 0.0)) == in_one(PLIVO_L16_8K, plain, 24_000)


@pytest.mark.parametrize("name", ["ulaw_8000", "mulaw", "audio/x-mulaw", "audio/pcmu", "g711_ulaw", "mulaw_8000"])
def test_bytes_of_the_wire_go_untouched_whatever_they_are_called(name):
    session = open_session(PLIVO_MULAW_8K)
    session.play(bytes(range(160)), format=name, end=True)
    assert audio(rest(session, 0.0)) == bytes(range(160))


def wav_file(data, rate, tag=1, bits=16, channels=1, size=0x7FFFFFFF, more=b"LIST\x04\0\0\0abcd"):
    head = b"RIFF" + struct.pack("<I", 0x7FFFFFFF) + b"WAVEfmt "
    head += struct.pack("<IHHIIHH", 16, tag, channels, rate, rate * channels * bits // 8, channels * bits // 8, bits)
    return head + more + b"data" + struct.pack("<I", size) + data


@settings(deadline=None, max_examples=40)
@given(
    cuts=st.lists(st.integers(0, 900), max_size=6),
    how=st.sampled_from([("linear16", None), ("wav", None), ("linear16", 24_000), ("audio/wav", 24_000)]),
)
def test_the_header_of_a_wav_file_is_taken_off_in_any_pieces(cuts, how):
    file, (name, rate) = wav_file(LINEAR, 24_000), how
    session = open_session(PLIVO_L16_8K)
    bounds = [0, *sorted(min(cut, len(file)) for cut in cuts), len(file)]
    for begin, end in itertools.pairwise(bounds):
        session.play(file[begin:end], rate, format=name)
    session.play(b"", rate, format=name, end=True)
    assert audio(rest(session, 0.0)) == in_one(PLIVO_L16_8K, SHORT, 24_000)
    assert session.events() == []


@pytest.mark.parametrize(
    ("file", "options", "complaint"),
    [
        (wav_file(LINEAR, 24_000), {"format": "linear16", "rate": 16_000}, "rate must be that of the WAV header"),
        (wav_file(LINEAR, 24_000), {"format": "mulaw"}, "as the WAV header of data says"),
        (wav_file(LINEAR, 24_000, channels=2), {"format": "wav"}, "one channel, and its WAV header says 2"),
        (LINEAR, {"format": "wav"}, "must begin with the header of a WAV file"),
        (LINEAR, {"format": "linear16"}, "rate must be given"),
    ],
)
def test_a_header_that_says_otherwise_is_refused(file, options, complaint):
    session = open_session()
    with pytest.raises(ValueError, match=complaint):
        session.play(file, **options)
    assert session.queued_ms == 0


def test_what_comes_behind_the_audio_of_a_file_is_not_played():
    session = open_session(PLIVO_L16_8K)
    session.play(wav_file(LINEAR + b"LIST\x04\0\0\0abcd", 8000, size=len(LINEAR)), format="wav", end=True)
    assert audio(rest(session, 0.0)) == in_one(PLIVO_L16_8K, SHORT, 8000)
