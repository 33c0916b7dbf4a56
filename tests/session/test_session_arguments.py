"""Every argument of a session's methods, given what it cannot be: the error names it, and nothing else happens."""

import datetime as dt
import decimal
import fractions
import math
import re
import warnings
from contextlib import nullcontext

import numpy as np
import pytest

from _support.messages import media
from _support.session_calls import open_session
from voiceband.formats import PLIVO_L16_8K, PLIVO_MULAW_8K
from voiceband.session import Capture, Malformed, Session

FRAME = np.zeros(160, np.int16)


class NoLength:
    def __len__(self):
        raise RuntimeError("no length")


class NoLengthText(NoLength, str):
    __slots__ = ()


class NoLengthBytes(NoLength, bytes):
    __slots__ = ()

    def __bytes__(self):
        raise RuntimeError("no bytes")


class NoLengthArray(NoLength, np.ndarray):
    pass


ODD = {
    **{repr(value): value for value in (None, True, -1, 0, 1.5, math.nan, math.inf, -math.inf, 10**400, "", "x", b"x")},
    **{repr(value): value for value in ((), [], {}, [1, 2], 1 + 2j, decimal.Decimal(1), decimal.Decimal("nan"))},
    **{str(array.tolist()) + str(array.dtype): array for array in (np.array([1.0]), np.array(1.0), np.array([1, 2]))},
    **{value.dtype.name: value for value in (np.float32(1), np.float64(1), np.int64(1), np.bool_(True))},
    "no items": np.zeros(0),
    "texts": np.array(["a"]),
    "nan items": np.array([math.nan], np.float32),
    "dates": np.array(["2020"], "M8[s]"),
    "a date": np.datetime64("2020"),
    "masked": np.ma.masked,
    "half": fractions.Fraction(1, 2),
    "a second": dt.timedelta(seconds=1),
    "two dimensions": memoryview(np.zeros((2, 2), np.int16)),
    "a type": int,
    "no length": NoLength(),
    "text without length": NoLengthText("abc"),
    "bytes without length": NoLengthBytes(b"abc"),
    "array without length": FRAME.view(NoLengthArray),
    "bad type": "audio/x-l16;rate=1e3",
    "bad rate": "audio/x-l16;rate=7919",
    "no rate": "audio/x-l16",
}


def go_on(session, data, rate):
    session.play(FRAME, 8000)
    session.play(data, rate)


CALLS = {
    "interrupt now": lambda session, odd: session.interrupt(odd),
    "heard now": lambda session, odd: session.heard(odd),
    "poll now": lambda session, odd: session.poll(odd),
    "receive now": lambda session, odd: session.receive(media(0, bytes(160)), odd),
    "play data": lambda session, odd: session.play(odd, 8000, end=True),
    "play data of L16": lambda session, odd: session.play(odd, format=PLIVO_L16_8K, end=True),
    "play data of mu-law": lambda session, odd: session.play(odd, format=PLIVO_MULAW_8K),
    "play data to go on": lambda session, odd: go_on(session, odd, 8000),
    "play rate": lambda session, odd: session.play(FRAME, odd, end=True),
    "play rate of a format": lambda session, odd: session.play(bytes(160), odd, format="audio/x-mulaw", end=True),
    "play rate to go on": lambda session, odd: go_on(session, FRAME, odd),
    "play format": lambda session, odd: session.play(bytes(160), format=odd, end=True),
    "play name": lambda session, odd: session.play(FRAME, 8000, name=odd, end=True),
    "play end": lambda session, odd: session.play(FRAME, 8000, end=odd),
    "checkpoint name": lambda session, odd: session.checkpoint(odd),
    "checkpoint timeout_s": lambda session, odd: session.checkpoint("a", timeout_s=odd),
    "send_dtmf digits": lambda session, odd: session.send_dtmf(odd),
    "close reason": lambda session, odd: isinstance(odd, str | None) or session.close(odd),
    "far now": lambda session, odd: session.far(odd),
    "far ms": lambda session, odd: session.far(2.0, odd),
    "round_trip seconds": lambda session, odd: session.round_trip(odd),
    "drain hangup_after_drain": lambda session, odd: session.drain(hangup_after_drain=odd),
    **{
        f"set {name}": lambda session, odd, name=name: setattr(session, name, odd)
        for name in ("rate", "denoise", "buffer", "gain_in_db", "gain_out_db", "lead_ms", "audio_ms")
    },
    **{
        f"Session {name}": lambda session, odd, name=name: Session(**{name: odd})
        for name in (
            *("rate", "dtype", "denoise", "buffer", "tracks", "lead_ms", "byteorder_in", "byteorder_out", "guard"),
            *("fallback_format", "gain_in_db", "gain_out_db", "checkpoint_every_ms", "max_queued_ms", "recorder"),
            *("capture", "metrics", "message_ms", "join_ms", "barge_in", "tones", "far", "audio_ms"),
        )
    },
}


def state(session):
    stages = (
        "rate",
        "denoise",
        "buffer",
        "gain_in_db",
        "gain_out_db",
        "lead_ms",
        "audio_ms",
        "hangup_due",
        "next_poll",
        "stopped",
    )
    return session.stats, *(getattr(session, name) for name in stages)


# What makes a session of its own needs no other.
KINDS = [
    (call, kind) for call in CALLS for kind in ("fresh", *(() if call.startswith("Session ") else ("open", "captured")))
]


@pytest.mark.parametrize(("call", "kind"), KINDS)
def test_an_argument_that_cannot_be_is_named_and_nothing_happens(tmp_path, call, kind):
    name = call.split()[1]
    refused = 0
    for odd in ODD.values():
        with Capture(tmp_path / "call.jsonl", redact=False) if kind == "captured" else nullcontext() as capture:
            session = Session(far=True) if kind == "fresh" else open_session(far=True, capture=capture)
            before = state(session)
            error = None
            try:
                CALLS[call](session, odd)
            except (ValueError, TypeError, RuntimeError) as raised:
                error = raised
            if isinstance(error, RuntimeError):
                assert (str(error), kind) == ("a checkpoint needs a stream that has started", "fresh")
            elif error is not None:
                assert re.search(rf"\b{name}( must |=)", str(error)), odd
            if error is not None:
                assert "to go on" in call or state(session) == before, odd
                refused += 1
            # Whatever was given, the call goes on, and nothing has to be told.
            events = [*session.events(), *session.receive(media(1, bytes(160)), 2.2)]
            session.poll(2.3)
            session.play(FRAME, 8000, end=True)
            session.poll(2.4)
            assert not any(type(event).__name__ == "Warned" for event in events)
    assert refused


@pytest.mark.parametrize("redact", [True, False, None])
def test_whatever_is_received_is_an_event(tmp_path, redact):
    for odd in [*ODD.values(), 10**5000, memoryview(b"abc"), memoryview(np.arange(9, dtype=np.int32))]:
        with Capture(tmp_path / "call.jsonl", redact=redact is not False) as capture:
            session = open_session(**({} if redact is None else {"capture": capture}))
            before = session.stats
            (event,) = session.receive(odd, 0.1)
        assert isinstance(event, Malformed)
        assert event.message is odd or odd == "abc"
        after = session.stats
        assert (after.messages_in, after.malformed) == (before.messages_in + 1, before.malformed + 1)
        assert (after.bytes_in, after.queued_ms) == (before.bytes_in, 0)


def test_what_is_of_a_class_of_its_own_is_what_it_holds():
    session = open_session()
    session.play(NoLengthBytes(bytes(160)), format=PLIVO_MULAW_8K, name=NoLengthText("abc"), end=True)
    session.play(FRAME.view(NoLengthArray), 8000, end=True)
    session.receive(NoLengthBytes(media(0, bytes(160)).encode()), 0.1)
    assert (session.queued_ms, session.stats.bytes_in) == (
        40,
        open_session().stats.bytes_in + len(media(0, bytes(160))),
    )


@pytest.mark.parametrize("now", [np.float32(1.5), np.int64(1), 1, fractions.Fraction(3, 2)])
def test_any_real_number_is_a_time(now):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        session = open_session()
        session.play(FRAME, 8000, end=True)
        assert len(session.poll(now)) == 2
        assert session.heard(now).heard_ms == 0
        assert session.interrupt(now).heard_ms == 0
        assert len(session.receive(media(0, bytes(160)), now)) == 1
        assert session.poll(now)
