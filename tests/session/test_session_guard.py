"""The guard of a session: what it hears of the caller, and of what is played."""

import numpy as np
import pytest

from _support import sound_faults as made
from _support.messages import media, start
from _support.session_calls import open_session
from _support.sound_faults import ENCODE, caller
from voiceband.formats import PLIVO_L16_8K, PLIVO_MULAW_8K, AudioFormat
from voiceband.session import Audio, Session, Warned

SPEECH = np.concatenate([caller(-20), caller(-20)])
WIRES = {"mulaw": PLIVO_MULAW_8K, "l16": PLIVO_L16_8K}
FAULTS = {name: fault for name, *fault in made.faults(SPEECH) if fault[2] in WIRES}
CALLER = made.pcm(SPEECH)


def received(data, taken, **options):
    """Return the events of a call that brings some bytes, in messages of 20 ms."""
    wire = WIRES[taken]
    session, size = open_session(wire, **options), wire.frame_bytes(20)
    cut = [data[at : at + size] for at in range(0, len(data) - size + 1, size)]
    return [e for i, payload in enumerate(cut) for e in session.receive(media(i, payload), i * 0.02)]


def warned(events):
    return [(e.kind, e.track) for e in events if isinstance(e, Warned)]


@pytest.mark.parametrize("name", FAULTS)
def test_the_caller_is_heard(name):
    kind, data, taken = FAULTS[name]
    assert warned(received(data, taken)) == [(kind, "inbound")]


@pytest.mark.parametrize("options", [{"buffer": None}, {"buffer": "jitter"}, {"gain_in_db": 3.0}, {"denoise": 85}])
def test_the_general_way_says_the_same(options):
    kind, data, taken = FAULTS["big-endian"]
    quick = [e for e in received(data, taken) if isinstance(e, Warned)]
    assert [e for e in received(data, taken, **options) if isinstance(e, Warned)] == quick
    assert [e.kind for e in quick] == [kind]


def test_a_warning_comes_before_its_audio():
    _, data, taken = FAULTS["big-endian"]
    events = received(data, taken)
    at = next(i for i, e in enumerate(events) if isinstance(e, Warned))
    assert isinstance(events[at + 1], Audio)
    assert sum(len(e.samples) for e in events if isinstance(e, Audio)) == len(data) // 320 * 160
    assert "swapped" in events[at].reason


def test_a_message_that_comes_twice_is_heard_once():
    session = open_session(PLIVO_MULAW_8K)
    data, events = ENCODE["mulaw"](SPEECH), []
    for i in range(len(data) // 160):
        for _ in range(1 if i % 4 else 2):
            events += session.receive(media(i, data[160 * i : 160 * i + 160]), i * 0.02)
    assert set(warned(events)) <= {("numbering", "inbound")}  # so many are told by their numbers


def test_a_byte_order_that_was_found_out_is_right():
    data = ENCODE["l16 big"](SPEECH)
    assert warned(received(data, "l16", byteorder_in="auto")) == []
    assert warned(received(data, "l16", byteorder_in="big")) == []
    clipped = ENCODE["l16 big"](made.at_level(SPEECH, 0))
    assert warned(received(clipped, "l16", byteorder_in="auto")) == [("clipped", "inbound")]


def test_both_can_be_left_out():
    _, data, taken = FAULTS["big-endian"]
    assert warned(received(data, taken, guard=False)) == []
    assert told(CALLER.astype("<i2").byteswap(), 8000, guard=False) == []


# ---- what is played


def told(data, rate=None, *, wire=PLIVO_MULAW_8K, pieces=1600, early=False, guard=True, **options):
    """Return the kinds of the warnings after some pieces were played."""
    session = Session(guard=guard) if early else open_session(wire, guard=guard)
    cut = [data[at : at + pieces] for at in range(0, len(data), pieces)]
    session.play(cut[0], rate, name="a", **options, end=len(cut) == 1)
    for piece in cut[1:]:
        if guard:
            session.poll(1e6)
        session.play(piece, rate, **options, end=True)
    events = session.receive(start(PLIVO_MULAW_8K), 1e6) if early else []
    return warned([*events, *session.events()])


PAIRS = np.frombuffer(ENCODE["mulaw"](np.repeat(SPEECH, 2)), np.int16)
ALAW = AudioFormat.parse("audio/x-alaw;rate=8000")
GIVEN = {
    "swapped": (CALLER.byteswap(), 8000, {}, "swapped-bytes"),
    "mu-law taken for samples": (
        np.frombuffer(ENCODE["mulaw"](np.repeat(SPEECH, 2)), np.int16),
        8000,
        {},
        "wrong-codec",
    ),
    "floats in the scale of int16": (CALLER.astype(np.float32), 8000, {}, "float-samples"),
    "clipped floats": ((4 * made.at_level(SPEECH, -6)).astype(np.float32), 8000, {}, "clipped"),
    "a FLAC file": (b"fLaC" + bytes(4) + made.wav_file(SPEECH), None, {"format": PLIVO_L16_8K}, "file-bytes"),
    "mu-law bytes as A-law": (
        ENCODE["mulaw"](SPEECH),
        None,
        {"format": ALAW},
        "wrong-codec",
    ),
    "another rate": (made.pcm(made.faster(SPEECH, 3)), 8000, {}, "wrong-rate"),
}


@pytest.mark.parametrize("early", [False, True], ids=["after the start", "before it"])
@pytest.mark.parametrize("name", GIVEN)
def test_what_is_played_is_heard_as_it_is_given(name, early):
    data, rate, options, kind = GIVEN[name]
    assert told(data, rate, early=early, **options) == [(kind, "")]


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 48000, 4000, 96000])
@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_right_speech_is_played_without_a_word(rate, dtype):
    x = made.faster(SPEECH, rate / 8000)
    assert told(made.pcm(x) if dtype == "int16" else x.astype(np.float32), rate) == []


def test_pieces_of_an_utterance_that_is_open_are_heard_the_quick_way():
    session = open_session(PLIVO_MULAW_8K)
    swapped = CALLER.byteswap()
    kinds = []
    for at in range(0, 40_000, 160):
        session.play(swapped[at : at + 160], 8000)
        kinds += [e.kind for e in session.events()]
        session.poll(at / 8000)
    assert kinds == ["swapped-bytes"]
