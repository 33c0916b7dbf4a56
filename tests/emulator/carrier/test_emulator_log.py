"""The log of a call: kept, bounded, written and read."""

import json

import pytest

from voiceband.emulator import CallLog, CarrierStream, Entry
from voiceband.emulator.call.record import CallRecord
from voiceband.emulator.carrier import log as module
from voiceband.formats import PLIVO_MULAW_8K
from voiceband.protocol import PlayAudio


def logged():
    call = CarrierStream(seed=3)
    call.start(100.0)
    call.poll(100.04)
    call.receive(PlayAudio(bytes(160), PLIVO_MULAW_8K).encode(), 100.05)
    call.receive("rubbish", 100.06)
    call.hang_up(100.07)
    return call


def test_it_has_everything_in_order_with_times_from_its_first_record():
    call = logged()
    assert [(e.at_s, e.way, e.name) for e in call.log] == [
        (0.0, "sent", "start"),
        (0.04, "sent", "media"),
        (0.04, "sent", "media"),
        (0.05, "received", "playAudio"),
        (0.06, "received", "invalid"),
        (0.06, "sent", "incorrectPayload"),
        (0.07, "sent", "media"),
        (0.07, "sent", "stop"),
        (0.07, "event", "ended"),
    ]
    assert call.log.origin == 100.0
    assert call.log.entries[3].detail == {"ms": 20.0, "queued_ms": 0.0}
    assert call.log.entries[4].detail == {"problem": call.problems[0], "rule": "invalid-message"}


def test_it_is_the_same_after_writing_and_reading(tmp_path):
    call = logged()
    path = tmp_path / "wire.jsonl"
    path.write_text("".join(call.log.lines()) + "\n", encoding="utf-8")
    with path.open("rb") as file:
        assert CallLog.read(file).entries == call.log.entries
    assert all(json.loads(line)["at_s"] >= 0 for line in path.read_text().splitlines() if line)


@pytest.mark.parametrize("bad", ['{"at_s":1.0,"way":"sent","na', "[]", '{"at_s":1,"way":"up","name":"x"}', b"\xff"])
def test_a_line_that_is_no_entry_is_named(bad):
    good = next(logged().log.lines())
    with pytest.raises(ValueError, match="line 2 is no entry of a call's log"):
        CallLog.read([good, bad])


def test_a_listener_hears_of_every_entry_kept_or_not():
    heard = []
    log = CallLog(on_entry=heard.append, keep=False)
    log.add(5.0, "event", "one", count=1)
    log.add(6.0, "event", "two")
    assert heard == [Entry(0.0, "event", "one", None, {"count": 1}), Entry(1.0, "event", "two")]
    assert (log.entries, log.dropped) == ([], 2)


def test_it_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "MAX_LOG_CHARS", 250_000)
    monkeypatch.setattr(module, "MAX_TEXT_CHARS", 65_536)
    log = CallLog()
    for _ in range(10):
        log.add(0.0, "received", "invalid", "x" * 100_000)
    assert [len(e.text) for e in log.named("invalid")] == [65_536] * 3
    assert [e.name for e in log][3:] == ["log-full"]
    assert log.dropped == 7


def test_a_flood_is_bounded_by_time_in_memory_and_on_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BURST_CHARS", 100_000)
    monkeypatch.setattr(module, "CHARS_PER_S", 10_000)
    heard = []
    with CallRecord(tmp_path, on_entry=heard.append) as record:
        for i in range(1000):
            record.log.add(i / 500, "received", "playAudio", "x" * 10_000)
        record.log.add(60.0, "received", "playAudio", "y" * 10_000)  # later there is room again
    assert len(heard) == 1002
    kept = CallLog.read((tmp_path / "wire.jsonl").read_text().splitlines())
    assert kept.entries == record.log.entries
    assert len(kept.named("playAudio")) == 10 + 1 + 1
    assert kept.entries[-1].text[0] == "y"
    assert len(kept.named("log-full")) == 1
