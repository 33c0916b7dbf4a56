"""The numbers for other people's services, against what an emulated player has really played, on virtual time."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceband.emulator import CarrierStream
from voiceband.formats import PLIVO_L16_8K, PLIVO_L16_16K, PLIVO_MULAW_8K
from voiceband.frameworks.truncation import FluxPlayback, livekit_playback_position, openai_truncate
from voiceband.session import Session, UtteranceHeard

TICK_S = 0.005


class Wire:
    """A session and an emulated call joined without delay; time goes on by `run`."""

    def __init__(self, wire=PLIVO_MULAW_8K, delay_ms=250):
        self.call = CarrierStream(wire, playout_delay_ms=delay_ms)
        self.session = Session(rate=24000)
        self.now = 0.0
        self.call.start(0.0)
        self.run(0.1)

    def run(self, seconds):
        for _ in range(round(seconds / TICK_S)):
            self.now += TICK_S
            for text in self.call.poll(self.now):
                self.session.receive(text, self.now)
            for text in self.session.poll(self.now):
                self.call.receive(text, self.now)

    def say(self, ms, *, end=True, **options):
        return self.session.play(np.ones(round(ms * 24), np.int16), 24000, end=end, **options)

    def interrupt(self):
        heard = self.session.interrupt(self.now)
        for text in self.session.poll(self.now):
            self.call.receive(text, self.now)
        return heard

    @property
    def played_ms(self):
        return self.call.player.played(self.now) * 1000 / self.call.player.bytes_per_s


@given(
    wire=st.sampled_from([PLIVO_MULAW_8K, PLIVO_L16_8K, PLIVO_L16_16K]),
    lengths=st.lists(st.integers(1, 900), min_size=1, max_size=3),
    after_ms=st.integers(0, 2500),
    delay_ms=st.integers(0, 400),
)
def test_an_item_is_truncated_where_the_caller_stopped_hearing_it(wire, lengths, after_ms, delay_ms):
    line = Wire(wire, delay_ms)
    warm = line.say(300)  # by now the session knows the player's delay
    line.run(2.0)
    assert warm.acknowledged == warm.queued
    before = line.played_ms
    for ms in lengths:
        utterance = line.say(ms, end=False)
    given_ms = sum(round(ms * 24) for ms in lengths) / 24
    line.run(after_ms / 1000)
    record = line.interrupt()[utterance.name]
    truth = min(line.played_ms - before, given_ms)
    event = openai_truncate("item_1", record)
    assert json.loads(json.dumps(event)) == {
        "type": "conversation.item.truncate", "item_id": "item_1", "content_index": 0,
        "audio_end_ms": event["audio_end_ms"],
    }  # fmt: skip
    assert isinstance(event["audio_end_ms"], int)
    assert 0 <= event["audio_end_ms"] <= min(given_ms, record.sent_ms)
    assert abs(event["audio_end_ms"] - truth) <= record.heard_error_ms + 1
    assert livekit_playback_position(record) == pytest.approx(event["audio_end_ms"] / 1000)


def test_what_was_heard_to_its_end_is_not_cut():
    line = Wire()
    utterance = line.say(333)
    line.run(2.0)
    record = line.session.heard(line.now)[utterance.name]
    assert openai_truncate("i", record, content_index=1, event_id="e") == {
        "event_id": "e", "type": "conversation.item.truncate", "item_id": "i", "content_index": 1, "audio_end_ms": 333,
    }  # fmt: skip
    assert livekit_playback_position(record) == 0.333


@pytest.mark.parametrize(("item", "index"), [("", 0), (None, 0), ("i", -1), ("i", True), ("i", 1.0)])
def test_bad_arguments_are_named(item, index):
    record = UtteranceHeard("u", 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0)
    with pytest.raises(ValueError, match="item_id" if item != "i" else "content_index"):
        openai_truncate(item, record, content_index=index)


def offset(message):
    assert message["type"] == "Interrupt"
    assert message["playback_offset"]["type"] == "time_ms"
    assert isinstance(message["playback_offset"]["value"], int)
    return message["playback_offset"]["value"]


@given(st.lists(st.tuples(st.integers(1, 900), st.integers(0, 1500), st.booleans()), min_size=1, max_size=8))
def test_flux_offsets_add_up_over_turns_and_always_advance(turns):
    line, flux = Wire(), FluxPlayback()
    line.say(300)  # not of Flux
    line.run(2.0)
    heard_ms = error_ms = 0.0
    last = -1
    for i, (ms, after_ms, barge_in) in enumerate(turns):
        before = line.played_ms
        flux.add(line.say(ms, name=f"turn-{i}"))
        if not barge_in:
            line.run(ms / 1000 + 0.6)
            heard_ms += ms
            continue
        line.run(after_ms / 1000)
        record = line.interrupt()
        heard_ms += min(line.played_ms - before, ms)
        error_ms += record[f"turn-{i}"].heard_error_ms + 1
        value = offset(flux.interrupt(record))
        assert value > last
        assert abs(value - heard_ms) <= error_ms + i
        last = value
        line.run(0.5)


def test_flux_leaves_out_what_came_from_elsewhere_and_what_was_dropped():
    line, flux = Wire(), FluxPlayback()
    line.say(200)
    flux.add(line.say(200, name="a"))
    line.run(2.0)
    long = line.say(5000, name="b")
    flux.add(long)
    flux.add(long)  # another piece of it
    line.run(1.25)
    heard = line.interrupt()
    first = offset(flux.interrupt(heard))
    assert abs(first - (line.played_ms - 200)) <= heard["b"].heard_error_ms + 1
    assert offset(flux.interrupt(line.interrupt())) == first + 1  # nothing was said since


def test_flux_counts_what_the_ledger_has_forgotten():
    line, flux = Wire(), FluxPlayback()
    for i in range(80):
        flux.add(line.say(20, name=f"u{i}"))
    line.run(4.0)
    assert offset(flux.interrupt(line.interrupt())) == 80 * 20


def test_flux_counts_what_was_cut_once_however_late_its_pieces_come():
    line, flux = Wire(), FluxPlayback()
    flux.add(line.say(2000, name="a", end=False))
    line.run(1.0)
    first = offset(flux.interrupt(line.interrupt()))
    for _ in range(3):  # pieces that were on their way
        flux.add(line.say(100, name="a", end=False))
    assert offset(flux.interrupt(line.interrupt())) == first + 1
