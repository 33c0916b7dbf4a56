"""How sessions are written, for a type checker; a line that must be refused ends with the word for it."""

from typing import Any, assert_type

import numpy as np
from typing_extensions import Unpack

from voiceband import Session
from voiceband.formats import PLIVO_L16_16K
from voiceband.session import Audio, Capture, Heard, Recorder, SessionEvent, SessionOptions, Utterance


def made(recorder: Recorder, capture: Capture) -> list[Session]:
    return [
        Session(),
        Session(16000, "float32"),
        Session(rate=None, dtype="int16", denoise=85, buffer=None, tracks={"inbound", "outbound"}, lead_ms=None),
        Session(byteorder_in="auto", byteorder_out="big", fallback_format=PLIVO_L16_16K, gain_in_db=1, gain_out_db=2.5),
        Session(buffer="jitter", checkpoint_every_ms=100, max_queued_ms=5000, guard=False, metrics=lambda _n, _v: None),
        Session(recorder=recorder, capture=capture),
    ]


def numbers_may_be_numpys(session: Session, pcm: Any) -> None:
    Session(
        np.int64(16000),
        denoise=np.float32(85),
        lead_ms=np.int32(40),
        gain_in_db=np.float32(1),
        max_queued_ms=np.int64(9),
    )
    session.play(pcm, np.int64(16000))
    session.checkpoint("a", timeout_s=np.float32(5))
    session.round_trip(np.float32(0.1))
    session.rate, session.denoise, session.lead_ms = np.int64(8000), np.float32(70), np.int64(100)
    session.gain_out_db = np.float32(-3)


def passed_on(**options: Unpack[SessionOptions]) -> Session:
    return Session(**options)


def used(session: Session, message: str, pcm: Any) -> None:
    assert_type(session.receive(message, 0.0), list[SessionEvent])
    assert_type(session.poll(0), list[str])
    assert_type(session.play(pcm, 16000, name="a", end=True), Utterance)
    assert_type(session.interrupt(1.0), Heard)
    session.rate = 8000
    session.buffer = None
    assert_type(session.denoise, float | None)
    assert_type(session.gain_out_db, float)
    for event in session.events():
        if isinstance(event, Audio):
            assert_type(event.position_ms, float)


def refused(session: Session) -> None:
    Session(ratee=16000)  # refused
    Session(dtype=3)  # refused
    Session(dtype="int8")  # refused
    Session(denoise="yes")  # refused
    Session(16000, "int16", 85)  # refused
    session.denoise = "yes"  # refused
    session.gain_in_db = None  # refused
    session.buffer = "ring"  # refused
    passed_on(ratee=16000)  # refused
    passed_on(denoise="yes")  # refused
    session.poll("now")  # refused
    session.receive(5, 0.0)  # refused
    session.stopped = True  # refused
