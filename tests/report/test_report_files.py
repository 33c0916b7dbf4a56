"""What reports are made of: files of all kinds, in all states, and the captures of sessions."""

import json
import shutil

import numpy as np
import pytest
import soundfile

from _support.good_agents import voice
from _support.one_stream import OneStream
from _support.report_pages import Page, dialogue, short_call, write_wav
from voiceband import ulaw_decode, ulaw_encode
from voiceband.emulator import Network
from voiceband.report import report
from voiceband.report.model import call_report
from voiceband.report.stored import open_call
from voiceband.session import Capture, Dtmf, Recorder, Session, Started


@pytest.fixture(scope="module")
def talk(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports") / "talk"
    dialogue(folder, 15.0)
    return folder


# ---- what it reads


def test_a_folder_its_log_and_its_recording_give_the_same_page(talk):
    pages = [Page(report(path)) for path in (talk, talk / "wire.jsonl", talk / "call.wav")]
    assert len({len(page.elements) for page in pages}) == 1
    assert [page.of("audio")[0]["src"] for page in pages[1:]] == [pages[0].of("audio")[0]["src"]] * 2


def test_a_raw_recording_is_a_clip(tmp_path):
    (tmp_path / "a.ulaw").write_bytes(ulaw_encode(voice(1.0)))
    write_wav(tmp_path / "a.wav", ulaw_decode(ulaw_encode(voice(1.0))), rate=8000)
    raw, wav = (Page(report(tmp_path / name)) for name in ("a.ulaw", "a.wav"))
    assert [player["src"] for player in raw.of("audio")] == [player["src"] for player in wav.of("audio")]


def test_a_clip_that_is_cut_short_says_so(tmp_path):
    write_wav(tmp_path / "a.wav", voice(1.0), rate=8000)
    data = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "a.wav").write_bytes(data[: len(data) // 2])
    assert "the file is cut short: it holds" in report(tmp_path / "a.wav")


def test_a_recording_alone_is_a_call_by_its_two_sides(tmp_path):
    left, right = np.zeros((2, 40_000), np.int16)
    left[8000:16000] = voice(1.0)
    right[15000:23000] = voice(1.0)
    right[30000:31000] = voice(1.0)[:1000]
    path = write_wav(tmp_path / "anything.wav", np.stack([left, right]), 8000)
    model = call_report(open_call(path))
    assert not model.logged
    (turn,) = model.turns
    assert (turn.start_ms, turn.answer_ms) == (pytest.approx(1000, abs=2), 0)  # it began before the caller had ended
    assert model.talk_over_s == pytest.approx(0.125, abs=0.003)
    page = Page(report(path))
    assert "There is no log beside the recording" in page.text
    assert "What is wrong" not in page.text


@pytest.mark.parametrize("subtype", ["PCM_24", "FLOAT", "ULAW", "PCM_U8"])
def test_recordings_of_other_subtypes(tmp_path, subtype):
    pcm = np.stack([voice(1.0), voice(1.0)[::-1]])
    soundfile.write(tmp_path / "call.wav", pcm.T / 32768, 8000, subtype=subtype)
    model = call_report(open_call(tmp_path / "call.wav"))
    assert np.abs(model.caller.astype(int) - pcm[0]).max() <= {"ULAW": 130, "PCM_U8": 256}.get(subtype, 1)


@pytest.mark.parametrize(("rate", "channels", "heard"), [(44100, 1, 16000), (48000, 6, 16000), (4000, 1, 8000)])
def test_other_rates_and_channels_are_clips_at_a_telephones_rate(tmp_path, rate, channels, heard):
    pcm = np.rint(8000 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)).astype(np.int16)
    page = Page(report(write_wav(tmp_path / "clip.wav", np.stack([pcm] * channels), rate)))
    assert f"at {heard} Hz" in page.text
    assert f"{rate} Hz, {channels} channel" in page.text
    assert len(page.of("audio")) == 5
    assert ("mixed into one" in page.text) == (channels > 2)


def test_hours_of_silence(tmp_path, dose):
    path = tmp_path / "silence.flac"
    with soundfile.SoundFile(path, "w", 8000, 1) as file:
        for _ in range(dose(12, 180)):
            file.write(np.zeros(8000 * 60, np.int16))
    page = report(path)
    assert len(page) < 3_000_000
    assert "nothing but digital silence" in page
    assert "first 10 minutes" in page


def test_a_log_that_was_cut_off_in_a_line_is_read_up_to_there(talk, tmp_path):
    text = (talk / "wire.jsonl").read_bytes()
    (tmp_path / "wire.jsonl").write_bytes(text[: len(text) // 2])
    assert "breaks off in the middle of its last line" in Page(report(tmp_path)).text


def test_a_recording_that_cannot_be_used_does_not_hide_the_log(talk, tmp_path):
    for content in (
        b"",
        b"RIFF",
        b"no sound at all" * 100,
        write_wav(tmp_path / "mono.wav", voice(1.0), 8000).read_bytes(),
    ):
        folder = short_call(tmp_path / "call")
        (folder / "call.wav").write_bytes(content)
        text = Page(report(folder)).text
        assert "The recording was not used" in text
        assert "What is wrong" in text


def test_a_recording_that_ends_too_soon_is_noted(talk, tmp_path):
    shutil.copytree(talk, tmp_path / "call")
    data = (talk / "call.wav").read_bytes()
    (tmp_path / "call" / "call.wav").write_bytes(data[: len(data) // 2])
    model = call_report(open_call(tmp_path / "call"))
    assert any("The recording ends at 7." in note for note in model.notes)
    assert model.duration_s == pytest.approx(15.0, abs=0.1)


def test_a_call_that_never_came_about(tmp_path):
    lines = [{"at_s": 0.0, "way": "event", "name": "phone call"}]
    lines += [{"at_s": 1.0, "way": "event", "name": "refused", "detail": {"reason": "status 403"}}]
    lines += [{"at_s": 1.5, "way": "event", "name": "call over", "detail": {"reason": "no stream"}}]
    (tmp_path / "wire.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    text = Page(report(tmp_path)).text
    assert "no-connection: the agent was not reached: status 403" in text
    assert "No stream was opened" in text


# ---- captures of sessions


@pytest.fixture(scope="module")
def captured(tmp_path_factory):
    """A call that was recorded at the agent's end, and the call as the carrier knows it."""
    folder = tmp_path_factory.mktemp("captures")
    with Recorder(folder / "call.wav") as recorder, Capture(folder / "wire.jsonl", redact=False) as capture:
        session = Session(recorder=recorder, capture=capture)

        def on_events(events, now):
            for event in events:
                if isinstance(event, Started):
                    session.play(voice(2.0), 8000, name="greeting", end=True)
                elif isinstance(event, Dtmf):
                    session.interrupt(now)
                    session.play(voice(0.5), 8000, name="pardon", end=True)

        joined = OneStream(session, Network("jittery", seed=2), on_events=on_events, start_s=1000.0, seed=1)
        call = joined.stream
        call.say(np.concatenate([np.zeros(16000, np.int16), voice(1.0)]))
        joined.run(1001.0)
        call.press("5", joined.now)
        joined.run(1005.0)
        call.hang_up(joined.now)
        joined.run(1006.0)
        session.close()
    return folder, call


def test_a_capture_tells_the_call_as_the_carrier_knows_it(captured):
    folder, call = captured
    model = call_report(open_call(folder))
    assert model.captured
    kinds = [mark.kind for mark in model.marks if mark.kind != "connection"]
    assert kinds.count("dtmf") == kinds.count("clear") == 1
    assert model.turns[0].start_ms == pytest.approx(2000, abs=60)
    assert [t.name for t in model.talks][-1] == "pardon"
    dropped_ms = sum(cut.n_bytes for cut in call.player.cuts) / 8
    assert sum(t.cleared_ms for t in model.talks) == pytest.approx(dropped_ms, abs=120)
    assert sum(t.heard_ms for t in model.talks) == pytest.approx(call.player.played(1006.0) / 8, abs=120)
    assert max(late for _, late in model.lateness) > 5, "the network's jitter is seen"
    assert any("agent's end" in note for note in model.notes)
    # The recording is in time with the marks.
    loud = np.flatnonzero(np.abs(model.caller.astype(int)) > 1000)[0] / model.rate
    assert loud == pytest.approx(model.turns[0].start_ms / 1000, abs=0.1)


def test_a_capture_that_is_redacted_still_makes_a_page(captured, tmp_path):
    lines = (captured[0] / "wire.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "wire.jsonl").write_text(
        "".join(lines[:100]) + '{"time": 1002.0, "way": "received", "text": "[redacted]"}\n'
    )
    assert "reckoned" in Page(report(tmp_path)).text
