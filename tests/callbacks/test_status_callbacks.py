"""Status callbacks: both vocabularies in every form that a web framework gives, and whatever else comes."""

import json
import pickle
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import urlencode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceband.callbacks import (
    StatusCallback,
    StreamState,
)
from voiceband.formats import PLIVO_L16_16K

FAMILY_A = {
    "Event": "DroppedStream",
    "Error": "Connection disconnected with the remote service",
    "CallUUID": "c-1",
    "From": "+14155550100",
    "To": "+14155550101",
    "ServiceURL": "wss://e.com/ws",
    "ExtraHeaders": "a=1,b=2",
    "StreamID": "s-1",
    "Timestamp": "2024-10-14 13:42:33",
}
FAMILY_B = {
    "CallUUID": "c-1",
    "StreamID": "s-1",
    "Event": "stopped",
    "Timestamp": "2026-01-15T10:30:00+01:00",
    "From": "+14155550100",
    "To": "+14155550101",
    "Direction": "inbound",
    "StatusReason": "completed",
    "Duration": "125",
}


@pytest.mark.parametrize("family", [FAMILY_A, FAMILY_B])
def test_every_form_says_the_same(family):
    expected = StatusCallback.parse(family)
    body = urlencode(family)
    forms = [
        body, "?" + body, body.encode(), bytearray(body.encode()), list(family.items()), iter(family.items()),
        {k: [v] for k, v in family.items()}, {k.encode(): v.encode() for k, v in family.items()},
        msgspec.json.encode(family), msgspec.json.encode(family).decode(),
    ]  # fmt: skip
    for form in forms:
        assert StatusCallback.parse(form) == expected
    assert expected.parameters == family
    assert pickle.loads(pickle.dumps(expected)) == expected
    for change in (str.upper, str.lower):
        other = StatusCallback.parse({change(k): v for k, v in family.items()})
        assert msgspec.structs.replace(other, parameters=family) == expected


def test_the_fields_of_the_older_vocabulary():
    callback = StatusCallback.parse(FAMILY_A)
    assert (callback.event, callback.event_name, callback.ended) == (StreamState.DROPPED, "DroppedStream", True)
    assert (callback.call_id, callback.stream_id) == ("c-1", "s-1")
    assert (callback.from_number, callback.to_number) == ("+14155550100", "+14155550101")
    assert callback.error == "Connection disconnected with the remote service"
    assert callback.service_url == "wss://e.com/ws"
    assert dict(callback.headers) == {"a": "1", "b": "2"}
    assert callback.timestamp == datetime(2024, 10, 14, 13, 42, 33, tzinfo=UTC)
    assert (callback.direction, callback.duration_s, callback.bidirectional) == (None, None, None)


def test_the_fields_of_the_newer_vocabulary():
    callback = StatusCallback.parse(FAMILY_B)
    assert (callback.event, callback.ended, callback.direction) == (StreamState.STOPPED, True, "inbound")
    assert (callback.status_reason, callback.duration_s) == ("completed", 125.0)
    assert callback.timestamp == datetime(2026, 1, 15, 10, 30, tzinfo=timezone(timedelta(hours=1)))
    assert StatusCallback.parse({"Timestamp": "2026-01-15T10:30:00Z"}).timestamp == datetime(
        2026, 1, 15, 10, 30, tzinfo=UTC
    )


def test_the_attributes_where_they_are_repeated():
    callback = StatusCallback.parse(
        "bidirectional=True&audioTrack=INBOUND&streamTimeout=3600&contentType=audio/x-l16;rate=16000&extraHeaders=a=1"
        "&keepCallAlive=false&noiseCancellation=true&noiseCancellationLevel=85&statusCallbackUrl=https://e.com/s"
        "&statusCallbackMethod=post&Event=StartStream&Name=&Whatever=1"
    )
    assert (callback.event, callback.ended) == (StreamState.STARTED, False)
    assert (callback.bidirectional, callback.keep_call_alive, callback.noise_cancellation) == (True, False, True)
    assert (callback.audio_track, callback.stream_timeout, callback.content_type) == ("inbound", 3600, PLIVO_L16_16K)
    assert (callback.noise_cancellation_level, callback.name, callback.extra_headers) == (85, None, "a=1")
    assert (callback.status_callback_url, callback.status_callback_method) == ("https://e.com/s", "POST")
    assert callback.parameters["Whatever"] == "1"


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("StartStream", StreamState.STARTED), ("StopStream", StreamState.STOPPED),
        ("DroppedStream", StreamState.DROPPED), ("DegradedStream", StreamState.DEGRADED),
        ("ClearedAudio", StreamState.CLEARED), ("PlayedStream", StreamState.PLAYED), ("started", StreamState.STARTED),
        ("stopped", StreamState.STOPPED), ("failed", StreamState.FAILED), ("Resumed", StreamState.UNKNOWN),
    ],
)  # fmt: skip
def test_every_event(name, state):
    for spelling in (name, name.upper(), name.lower(), f" {name} "):
        callback = StatusCallback.parse({"event": spelling, "Name": "greeting-1"})
        assert callback.event is state
        assert callback.event_name == spelling.strip()
        assert callback.name == "greeting-1"
        assert callback.ended == (state in ("stopped", "failed", "dropped"))


def test_what_cannot_be_read_is_none_and_kept():
    odd = {
        "Timestamp": "yesterday", "Duration": "NaN", "streamTimeout": "1.5", "bidirectional": "maybe",
        "contentType": "audio/opus", "CallUUID": "  ", "keepCallAlive": None, "Event": 5, 7: {"a": object()},
        "noiseCancellationLevel": "9" * 400,
    }  # fmt: skip
    callback = StatusCallback.parse(odd)
    assert callback.event is StreamState.UNKNOWN
    assert callback.event_name == "5"
    for name in ("timestamp", "duration_s", "stream_timeout", "bidirectional", "content_type", "call_id",
                 "keep_call_alive", "noise_cancellation_level"):  # fmt: skip
        assert getattr(callback, name) is None, name
    assert callback.parameters["Timestamp"] == "yesterday"
    assert StatusCallback.parse("").event is StreamState.UNKNOWN
    assert StatusCallback.parse("{").parameters == {"{": ""}
    assert StatusCallback.parse(b"Event=started&x=\xff").event is StreamState.STARTED


def test_the_text_holds_nobodys_number():
    text = repr(StatusCallback.parse(FAMILY_A)) + str(StatusCallback.parse(FAMILY_A))
    assert "s-1" in text
    assert "1415" not in text
    assert "a=1" not in text


@given(st.text() | st.binary() | st.dictionaries(st.text(), st.text() | st.none() | st.lists(st.text())))
def test_any_form_gives_a_callback(form):
    assert isinstance(StatusCallback.parse(form), StatusCallback)


def test_forms_have_bounds():
    with pytest.raises(ValueError, match="at most"):
        StatusCallback.parse("a" * (256 * 1024 + 1))
    with pytest.raises(ValueError, match="fields"):
        StatusCallback.parse("&".join(f"a{i}=1" for i in range(1001)))
    for wrong in (None, 5, [1, 2], object()):
        with pytest.raises(TypeError, match="form_or_query"):
            StatusCallback.parse(wrong)


@pytest.mark.parametrize("make", [dict, list, json.dumps], ids=["mapping", "pairs", "json"])
def test_too_many_fields_are_refused_in_every_shape(make):
    fields = {f"a{i}": "1" for i in range(1001)}
    with pytest.raises(ValueError, match="at most 1000 fields, not 1001"):
        StatusCallback.parse(list(fields.items()) if make is list else make(fields))
