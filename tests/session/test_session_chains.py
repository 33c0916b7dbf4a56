"""The quick way through a session and the general one are the same: events, samples, texts, figures.

Two sessions get the same call; one of them is captured, so the quick way is closed to it.
"""

import base64
import json
import math
import random

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from _support.messages import start
from voiceband.dsp.resample import Resampler
from voiceband.dsp.timeline import Timeline
from voiceband.formats import PLIVO_FORMATS
from voiceband.protocol import Media, parse
from voiceband.session import Audio, Session, reader
from voiceband.session.inbound.chain import InboundChain
from voiceband.session.outbound.chain import OutboundChain
from voiceband.session.outbound.encode import Converter
from voiceband.session.transport import Transport


def plain(events):
    """Events as values that compare: arrays as their type and bytes."""
    flat = []
    for event in events:
        fields = {name: getattr(event, name) for name in event.__struct_fields__}
        for name, value in fields.items():
            if isinstance(value, np.ndarray):
                assert value.flags.writeable
                assert value.flags.c_contiguous
                fields[name] = (value.dtype.str, value.tobytes())
        flat.append((type(event).__name__, fields))
    return flat


def figures(session, now):
    """Whatever a session tells of its state."""
    waits = session.next_poll, session.queued_ms, session.latency_ms, session.held_samples
    states = session.malformed, session.cut_off, session.muted, session.stopped, session.format
    return session.stats, session.summary(), session.heard(now), waits, states


class Watching:
    """Stands for a capture: what is captured takes the general way."""

    def __getattr__(self, name):
        return lambda *args, **details: None


def counted(monkeypatch, owner, name):
    """Return a list that grows with each call of a function."""
    calls, function = [], getattr(owner, name)
    monkeypatch.setattr(owner, name, lambda *args: (calls.append(name), function(*args))[1])
    return calls


class Caller:
    """The carrier's end of a call that goes wrong in every way at times."""

    def __init__(self, rng, wire):
        self.rng, self.wire = rng, wire
        self.wild = rng.choice([1.0, 0.05])  # how often; a call that is always wild never goes the quick way
        self.says = rng.random() < 0.5  # of its format, in most messages
        self.chunk, self.stamp, self.now = rng.randrange(1000), rng.randrange(2**41), rng.uniform(0, 1000)
        self.sent = []

    def payload(self):
        rng = self.rng
        n = 160 if rng.random() >= 0.05 * self.wild else rng.choice([0, 1, 33, 400, 1600])
        n = n * self.wire.sample_rate // 8000 * self.wire.sample_bytes
        if self.wire.sample_bytes == 2 and rng.random() < 0.02 * self.wild:
            n += 1
        text = base64.b64encode(rng.randbytes(n)).decode()
        if rng.random() < 0.02 * self.wild:
            bare, urlsafe = text.rstrip("="), text.replace("A", "-")
            text = rng.choice([text[:-1], text + "\n", bare, urlsafe, "!" + text, text[:-4] + "===="])
        return text

    def message(self):
        rng = self.rng
        kind = rng.random() / self.wild
        if kind < 0.04:
            self.chunk, self.stamp = self.chunk + rng.randrange(40), self.stamp + 20 * rng.randrange(40)
        elif kind < 0.06:
            self.chunk, self.stamp = rng.randrange(5), rng.randrange(2**41)
        elif kind < 0.10 and self.sent:
            return rng.choice(self.sent[-20:])
        elif kind < 0.12:
            self.stamp += rng.randrange(-3000, 3000)
        self.chunk, self.stamp = self.chunk + 1, self.stamp + 20
        media = {"track": "inbound", "timestamp": str(self.stamp), "chunk": self.chunk, "payload": self.payload()}
        if self.says and rng.random() < 0.95:
            said = self.wire if rng.random() >= 0.02 * self.wild else rng.choice(PLIVO_FORMATS)
            media.update(contentType=said.mime, sampleRate=rng.choice([said.sample_rate, str(said.sample_rate)]))
        message = {"event": "media", "sequenceNumber": self.chunk, "streamId": "s", "media": media}
        if rng.random() < 0.5:
            message["extra_headers"] = rng.choice(["", "{}", "userId=12345", '{"a":1}', "\u00e9", "a\\b"])
        if rng.random() < 0.1 * self.wild:
            self.distort(message, media)
        separators = (",", ":") if rng.random() < 0.8 else None
        text = json.dumps(message, separators=separators, ensure_ascii=rng.random() < 0.5)
        if rng.random() < 0.02 * self.wild:
            text = rng.choice([text[:-1], text + " ", text + "}", "\ufeff" + text, text.replace("media", "medio", 1)])
        if rng.random() < 0.1:
            text = text.encode()
        self.sent.append(text)
        if rng.random() < 0.05 * self.wild:  # the next one overtakes it
            return self.message()
        return text

    def distort(self, message, media):
        rng = self.rng
        numbers = [None, 0, -1, 2**53, 2**63, 1.0, 1.5, 10**15]
        value = rng.choice([*numbers, "007", "-5", "x", "", True, [], "999999999999999"])
        name = rng.choice([*media, "contentType", "sampleRate"])
        what = rng.randrange(4)
        if what == 0:
            media.pop(name, None)
        elif what == 1:
            media[name] = value
        elif what == 2:
            media["track"] = rng.choice(["outbound", "inbound", "", "elsewhere"])
        else:
            message[rng.choice(["sequenceNumber", "streamId", "extra_headers", "more"])] = value


def switch(rng, session):
    """Switch a stage, or switch it back."""
    what = rng.randrange(7)
    if what == 0:
        session.mute()
    elif what == 1:
        session.unmute()
    elif what == 2:
        session.denoise = rng.choice([None, 85.0])
    elif what == 3:
        session.rate = rng.choice([None, 8000, 16000, 24000])
    elif what == 4:
        session.buffer = rng.choice(["timeline", "timeline", "jitter", None])
    elif what == 5:
        session.gain_in_db = rng.choice([0.0, 0.0, 6.0])
    else:
        return [session.events()]
    return []


def test_inbound_both_ways_are_the_same_on_wild_calls(dose, monkeypatch):
    taken, parsed = 0, counted(monkeypatch, reader, "parse")
    for seed in range(dose(12, 1000)):
        rng = random.Random(seed)
        wire = rng.choice(PLIVO_FORMATS)
        options = {
            "rate": rng.choice([None, 8000, 16000, 24000]),
            "dtype": rng.choice(["int16", "int16", "float32"]),
            "byteorder_in": rng.choice(["little", "big", "auto"]),
            "guard": rng.random() < 0.3,
            "tracks": rng.choice([("inbound",), ("inbound", "outbound")]),
        }
        quick, general = Session(**options), Session(**options, capture=Watching())
        caller = Caller(rng, wire)
        for session in (quick, general):
            session.receive(start(wire), caller.now)
        for _ in range(300):
            if rng.random() < 0.03 * caller.wild:
                seed_now = rng.random()
                ways = [switch(random.Random(seed_now), session) for session in (quick, general)]
                assert [plain(e) for e in ways[0]] == [plain(e) for e in ways[1]]
            message = caller.message()
            caller.now += rng.choice([0.02, 0.02, 0.02, 0.0, 0.021, 0.3])
            before = len(parsed)
            events = quick.receive(message, caller.now)
            taken += len(parsed) == before and [type(event) for event in events] == [Audio]
            assert plain(events) == plain(general.receive(message, caller.now)), (seed, message)
            assert quick.next_poll == general.next_poll, seed
        assert figures(quick, caller.now) == figures(general, caller.now), seed
        assert plain(quick.close()) == plain(general.close()), seed
    assert taken > 1000


def chain(track="inbound", waiting=(), other=None, transport=None):
    """An open chain whose events are tuples; a message has come the general way."""
    made = InboundChain(track, transport or Transport(), waiting, lambda *fields: fields, None, other)
    timeline = Timeline(8000)
    timeline.push(0, 0, np.zeros(160, np.int16))
    made.open("mulaw", timeline, None, None, 0)
    return made


def text_of(chunk, stamp=None, /, **changes):
    media = {"track": "inbound", "timestamp": 20 * chunk if stamp is None else stamp, "chunk": chunk, "payload": "/38="}
    media.update(changes)
    return json.dumps({"event": "media", "streamId": "s", "media": media})


def test_the_usual_message_is_taken(monkeypatch):
    session = Session(rate=16000, guard=False)
    session.receive(start(PLIVO_FORMATS[0]), 0.0)
    session.receive(text_of(1), 0.0)
    parsed = counted(monkeypatch, reader, "parse")
    says = {"contentType": "audio/x-mulaw", "sampleRate": 8000}
    for text in (text_of(2, **says), text_of(3).encode(), text_of(4).replace(" ", ""), text_of("5", "100")):
        [event] = session.receive(text, 0.02)
        assert event.track == "inbound"
    assert not parsed
    assert event.timestamp_ms == 100
    assert len(event.samples) == 4


@pytest.mark.parametrize(
    "message",
    [text_of(1, chunk=None), text_of(1, track="outbound"), text_of(1, payload=""), text_of(1, payload="/3"), 5, None,
     text_of(1, contentType="audio/x-mulaw"), text_of(1, contentType="audio/x-l16", sampleRate=8000),
     text_of(1, contentType="audio/x-mulaw", sampleRate=16000), text_of(1, sampleRate=8000),
     bytearray(text_of(1).encode()), text_of(1)[:-1], text_of(1, payload="A" * 4000), text_of(1) + "\u00e9"],
)  # fmt: skip
def test_what_is_unusual_is_declined_and_changes_nothing(message):
    made = chain()
    assert made.take(message, 0.0) is None
    assert made.take(text_of(1), 0.0)[0][2] == 20.0


def test_a_chain_declines_when_something_else_comes_first():
    waiting, transport = ["an event"], Transport()
    made = chain(waiting=waiting, transport=transport)
    assert made.take(text_of(1), 0.0) is None
    waiting.clear()
    for now in (1, math.nan, math.inf, -math.inf, 1e13, "0"):
        assert made.take(text_of(1), now) is None
    transport.deadline = 0.5
    assert made.take(text_of(1), 0.5) is None
    assert made.take(text_of(1), 0.4) is not None
    made.close()
    assert made.take(text_of(2), 0.4) is None


def test_chains_of_two_tracks_do_not_mix():
    first = chain("outbound")
    second = chain("inbound", other=first)
    assert [second.take(text_of(1, track=t), 0.0)[0][1] for t in ("inbound", "outbound")] == [
        "inbound",
        "outbound",
    ]
    first.close()
    assert second.take(text_of(2, track="outbound"), 0.0) is None


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(-3, 3), st.floats(allow_nan=False), st.text(max_size=9),
    st.integers().map(str), st.sampled_from(["media", "inbound", "audio/x-mulaw", 8000, "8000", "/38=", "0", "-0"]),
    st.sampled_from(["01", "+1", " 1", "1e3", "\\", '"']),
)  # fmt: skip
NAMES = st.sampled_from(
    [
        "payload",
        "timestamp",
        "chunk",
        "track",
        "event",
        "streamId",
        "media",
        "extra_headers",
        "x",
        "contentType",
        "sampleRate",
    ]
)


@given(
    st.dictionaries(NAMES, VALUES, max_size=2),
    st.dictionaries(NAMES, VALUES, max_size=2),
    st.integers(0, 300),
    st.one_of(st.none(), st.binary(max_size=2)),
    st.randoms(use_true_random=False),
)
@example({}, {}, 0, b" ", random.Random(0))
def test_what_is_taken_means_the_same_to_the_reader_of_messages(inner, outer, at, put, rng):
    media = {"track": "inbound", "timestamp": "20", "chunk": 1, "payload": "/38=", **inner}
    message = {"event": "media", "sequenceNumber": 3, "streamId": "s", "media": media, "extra_headers": "a=b", **outer}
    for object_ in (media, message):
        items = list(object_.items())
        rng.shuffle(items)
        object_.clear()
        object_.update(items)
    text = json.dumps(message, separators=(",", ":")).encode()
    if put is not None:  # bytes that do not belong there, or something missing
        text = text[:at] + put + text[at + rng.randrange(2) :]
    taken = chain().take(text, 0.0)
    if taken is None:
        return
    [(samples, track, position_ms, stamp)] = taken
    event = parse(text)
    assert isinstance(event, Media)
    assert (event.track, event.timestamp_ms, len(event.payload)) == (track, stamp, len(samples))
    assert event.media_format in (None, PLIVO_FORMATS[0])
    assert event.chunk == 1
    assert position_ms == 20.0


def speak(session, rng, utterance, pcm, rate, *, end=False):
    """Play a piece; what is raised is part of the outcome."""
    try:
        return session.play(pcm, rate, end=end)
    except (ValueError, RuntimeError) as error:
        return type(error), str(error)


def test_outbound_both_ways_are_the_same_on_wild_calls(dose, monkeypatch):
    taken, converted = 0, counted(monkeypatch, Converter, "convert")
    for seed in range(dose(12, 1000)):
        rng = random.Random(seed)
        noise = np.random.default_rng(seed)
        wire = rng.choice(PLIVO_FORMATS)
        options = {"byteorder_out": rng.choice(["little", "big"]), "lead_ms": rng.choice([400, 0, None]),
                   "max_queued_ms": 2000}  # fmt: skip
        sessions = [Session(**options), Session(**options, capture=Watching())]
        for session in sessions:
            session.receive(start(wire), 0.0)
        rate = rng.choice([8000, 16000, 24000, 44100])
        open_ = [None, None]
        now = 0.0
        for _ in range(200):
            now += rng.choice([0.02, 0.02, 0.02, 0.5])
            what = rng.random()
            if what < 0.03:
                gain = rng.choice([0.0, 0.0, -6.0])
                for session in sessions:
                    session.gain_out_db = gain
            elif what < 0.06:
                heard = [session.interrupt(now) for session in sessions]
                assert heard[0] == heard[1]
                open_ = [None, None]
            n = rng.choice([rate // 50] * 8 + [0, 1, rate // 7, rate])
            pcm = noise.normal(0, 3000, n).astype(np.int16)
            if rng.random() < 0.1:
                pcm = rng.choice([pcm.astype(np.float32) / 32768, pcm[::2], pcm.astype(">i2"), pcm.reshape(-1, 1)])
            if rng.random() < 0.05:
                rate = rng.choice([8000, 16000, 24000])
            end = rng.random() < 0.05
            kept = pcm.copy()
            n_converted = len(converted)
            got = [speak(sessions[0], rng, open_[0], pcm, rate, end=end)]
            quick = len(converted) == n_converted
            got.append(speak(sessions[1], rng, open_[1], pcm, rate, end=end))
            assert np.array_equal(pcm, kept)
            if isinstance(got[0], tuple):
                assert got[0] == got[1]
            else:
                taken += quick
                open_ = [None, None] if end else got
                assert got[0].content_ms == got[1].content_ms
                assert got[0].queued == got[1].queued
            texts = [session.poll(now) for session in sessions]
            assert texts[0] == texts[1], seed
            for text in texts[0]:
                if '"checkpoint"' in text and rng.random() < 0.8:
                    answer = json.dumps({"event": "playedStream", "name": json.loads(text)["name"]})
                    events = [session.receive(answer, now) for session in sessions]
                    assert plain(events[0]) == plain(events[1])
            assert sessions[0].next_poll == sessions[1].next_poll
        assert figures(sessions[0], now) == figures(sessions[1], now)
    assert taken > 600


def test_a_piece_that_cannot_be_appended_changes_nothing():
    resampler = Resampler(24000, 8000)
    made = OutboundChain("mulaw", resampler, None, None)
    wire = bytearray(b"x")
    pcm = np.arange(480, dtype=np.int16)
    for refused in (pcm[::2], pcm.astype(np.float32), pcm.astype(">i2"), pcm.reshape(2, 240), pcm.tobytes(), None,
                    np.zeros(100_000, np.int16)):  # fmt: skip
        assert made.append(refused, wire) == -1
    with memoryview(wire), pytest.raises(BufferError):
        made.append(pcm, wire)
    assert wire == b"x"
    assert made.append(pcm, wire) == 160
    assert wire[1:] == PLIVO_FORMATS[0].encode(Resampler(24000, 8000).process(pcm))


def test_codecs_and_stages_are_checked():
    with pytest.raises(ValueError, match="adpcm"):
        OutboundChain("adpcm", None, None, None)
    with pytest.raises(ValueError, match="adpcm"):
        chain().open("adpcm", Timeline(8000), None, None, 0)
    with pytest.raises(TypeError):
        chain().open("mulaw", None, None, None, 0)
