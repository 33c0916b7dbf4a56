"""Whatever comes: an event or a ProtocolError, never anything else."""

import json
import random

from hypothesis import given
from hypothesis import strategies as st

from _support.documented import MEDIA, START
from voiceband.protocol import Event, ProtocolError, parse

TEXTS = [
    json.dumps(START),
    json.dumps(MEDIA),
    '{"event":"dtmf","sequenceNumber":50,"streamId":"s","dtmf":{"track":"inbound","digit":"5","timestamp":"17"}}',
    '{"event":"playedStream","sequenceNumber":75,"streamId":"s","name":"greeting"}',
    '{"event":"clearedAudio","sequenceNumber":80,"streamId":"s"}',
    '{"event":"stop","stop":{"callId":"c","streamId":"s","reason":"r"},"x":[1,2.5e3,true,null,"\\u20ac"]}',
]
NAMES = ["start", "media", "dtmf", "playedStream", "played", "clearedAudio", "stop", "error", "playFailed", "other"]
KEYS = [
    "event",
    "streamId",
    "sequenceNumber",
    "media",
    "start",
    "dtmf",
    "payload",
    "chunk",
    "timestamp",
    "track",
    "digit",
]
KEYS += [
    "name",
    "mediaFormat",
    "encoding",
    "sampleRate",
    "tracks",
    "extra_headers",
    "reason",
    "stop",
    "error",
    "contentType",
]

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(["AAAA", "8000"]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), inner, max_size=6)
    ),
    max_leaves=20,
)


def check(message):
    try:
        event = parse(message)
    except ProtocolError as caught:
        error = caught
    else:
        assert isinstance(event, Event)
        assert repr(event)
        assert event.headers is not None
        return
    assert error.message is message
    assert str(error)


@given(st.fixed_dictionaries({"event": st.sampled_from(NAMES)}), st.dictionaries(st.sampled_from(KEYS[1:]), values))
def test_objects_of_the_right_names_and_any_values(event, rest):
    check(json.dumps({**event, **rest}))


@given(st.text() | st.binary() | values)
def test_anything_at_all(message):
    check(message)


def test_mutated_messages(dose):
    rng = random.Random(20)
    sources = [text.encode() for text in TEXTS]
    interesting = b'"\\{}[]:,0-9eE+.=/ \x00\xff\xc3\xed\xa0\x80nulltruefalse'
    for i in range(dose(12_000, 2_000_000)):
        message = bytearray(sources[i % len(sources)])
        for _ in range(rng.randint(1, 4)):
            place = rng.randrange(len(message))
            kind = rng.randrange(4)
            if kind == 0:
                message[place] = rng.randrange(256)
            elif kind == 1:
                message[place] = rng.choice(interesting)
            elif kind == 2:
                del message[place : place + rng.randint(1, 30)]
            else:
                message[place:place] = bytes(rng.choices(interesting, k=rng.randint(1, 8)))
            if not message:
                message += b"{"
        # Half of them as text, for those two ways in differ.
        check(bytes(message) if i & 1 else message.decode("utf-8", "surrogateescape"))
