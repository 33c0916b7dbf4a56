"""A recorder, a capture or a metrics hook that fails: it is told once, and the call goes on as if it were not there."""

import gc
import warnings
import wave

import numpy as np
import pytest

from _support.messages import media, start
from _support.session_calls import open_session
from voiceband.formats import PLIVO_L16_8K
from voiceband.session import Audio, Capture, Recorder, Session, Started, Stopped, Warned, replay

RECORDS = ("open", "caller", "media", "sent", "tick", "interrupted", "renumbered", "reconnecting", "pause")
CAPTURES = ("received", "sent", "at", "called")
TOLD = ("started", "interruptions", "barge_in_send_ms", "barge_in_ms", "messages_in", "round_trip_ms", "stopped")


def failing(cls, method, calls, after=0):
    """Return a class whose method raises from some call on, as on a disk that is full; `calls` counts them."""

    def fail(self, *args, **details):
        calls.append(method)
        if len(calls) > after:
            raise OSError(28, "No space left on device")
        return getattr(cls, method)(self, *args, **details)

    return type(f"Failing{cls.__name__}", (cls,), {method: fail})


def told(event):
    if isinstance(event, Audio):
        return (event.track, event.position_ms, event.concealed, event.samples.tolist())
    return event


def call(buffer, **options):
    """Run a call in which everything is asked for; return what it told, what it sent, and its figures."""
    session = Session(rate=16000, buffer=buffer, **options)
    told = session.receive(media(0, b"\x80" * 160), 0.0)
    told += session.receive(start(), 0.01)
    sent = []
    session.play(np.ones(8000, np.int16), 8000, name="a", end=True)
    for i in range(1, 120):
        now = i * 0.02
        if i != 50:
            told += session.receive(media(i, bytes([i]) * 160), now)
        sent += session.poll(now)
        told += session.events()
        if i == 20:
            session.send_dtmf("1")
            session.interrupt(now)
        if i == 25:
            told += session.receive('{"event":"clearedAudio","streamId":"s"}', now)
            session.play(np.ones(800, np.int16), 8000, name="b", end=True)
            session.drain()
        if i == 40:
            told += session.receive('{"event":"playedStream","name":"b"}', now)
        if i == 60:
            session.denoise = 85
            session.mute()
            session.unmute()
            session.buffer = None
        if i == 90:
            told += session.receive(start(stream_id="s2"), now)
    told += session.close("bye")
    told += session.events()
    return told, sent, session.stats


@pytest.mark.parametrize("buffer", ["timeline", "jitter"])
@pytest.mark.parametrize("after", [0, 3])
@pytest.mark.parametrize(
    ("kind", "method"),
    [*(("recorder", m) for m in RECORDS), *(("capture", m) for m in CAPTURES), *(("metrics", m) for m in TOLD)],
)
def test_a_failure_is_told_once_and_changes_nothing_else(tmp_path, kind, method, after, buffer):
    calls = []

    def hook(name, value):
        calls.extend([name] * (name == method))
        if name == method and len(calls) > after:
            raise OSError(28, "No space left on device")

    classes = {"recorder": Recorder, "capture": Capture}
    if kind == "metrics":
        right, given = (lambda name, value: None), hook
    else:
        right = classes[kind](tmp_path / "right")
        given = failing(classes[kind], method, calls, after)(tmp_path / "failing")
    expected = call(buffer, **{kind: right})
    events, sent, stats = call(buffer, **{kind: given})
    warned = [event for event in events if isinstance(event, Warned) and event.kind == kind]
    assert calls
    assert len(warned) == (len(calls) > after)
    assert [told(e) for e in events if e not in warned] == [told(e) for e in expected[0]]
    assert (sent, stats) == expected[1:]
    for event in warned:
        assert "No space left on device" in event.reason
        assert event.track == ""
    if kind != "metrics":
        assert len(calls) <= after + 1  # it is told nothing more
        right.close()
        given.close()


def test_the_session_keeps_what_it_was_given(tmp_path):
    with failing(Recorder, "open", [])(tmp_path / "call.wav") as recorder:
        session = open_session(recorder=recorder)
        assert session.recorder is recorder
        assert session.next_poll == np.inf


def test_a_recording_is_valid_up_to_its_failure(tmp_path):
    recorder = failing(Recorder, "caller", [], 200)(tmp_path / "call.wav")
    session = open_session(recorder=recorder, guard=False)
    events = [e for i in range(400) for e in session.receive(media(i, b"\x80" * 160), i * 0.02)]
    assert sum(isinstance(e, Audio) for e in events) == 400
    recorder.close()
    with wave.open(str(tmp_path / "call.wav")) as file:
        assert file.getnframes() == 200 * 160


def test_a_recorder_that_cannot_write_its_end_is_closed_all_the_same(tmp_path):
    recorder = failing(Recorder, "_write", [])(tmp_path / "call.wav")
    open_session(recorder=recorder)
    with pytest.raises(OSError, match="No space left"):
        recorder.close()
    recorder.close()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        del recorder
        gc.collect()
    assert not [warning for warning in told if warning.category is ResourceWarning]


def test_a_capture_that_has_failed_replays_what_it_has(tmp_path):
    with failing(Capture, "received", [], 5)(tmp_path / "call.jsonl") as capture:
        session = open_session(capture=capture)
        events = [e for i in range(20) for e in session.receive(media(i, b"\x80" * 160), i * 0.02)]
        events += session.close()
    assert [type(e) for e in events] == [Audio] * 4 + [Warned] + [Audio] * 16 + [Stopped]
    again = [event for _, event in replay(tmp_path / "call.jsonl", Session())]
    assert [told(e) for e in again[1:]] == [told(e) for e in events[:4]]


def test_a_hook_goes_on_being_called(tmp_path):
    names = []

    def hook(name, value):
        names.append(name)
        if name in ("started", "warned"):
            raise RuntimeError("unknown name")

    session = Session(metrics=hook)
    events = session.receive(start(PLIVO_L16_8K), 0.0)
    events += session.receive(media(0, b"RIFF\0\0\0\0WAVE" + bytes(308)), 0.1)
    events += session.close()
    assert [getattr(e, "kind", type(e).__name__) for e in events] == [
        "Started",
        "metrics",
        "file-bytes",
        "Audio",
        "Stopped",
    ]
    assert {"started", "warned", "stopped", "messages_in"} <= set(names)


def test_what_cannot_even_be_told():
    class Odd(Exception):
        def __str__(self):
            raise RuntimeError("no text")

    def hook(name, value):
        raise Odd

    session = Session(metrics=hook)
    warned, started = session.receive(start(), 0.0)
    assert "Odd" in warned.reason
    assert isinstance(started, Started)
