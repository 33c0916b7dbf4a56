"""The examples, each called by the emulator: what they find is compared with what was truly said."""

import asyncio
import importlib
import io
import re
import threading
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from voiceband.examples import agent as parrot
from voiceband.examples import monitoring, noisy_agent, transcription
from voiceband.examples.answer_server import TRACKS, create_app

from _support.asgi import uvicorn_server
from _support.likeness import likeness, voice
from _support.loopback import run_on_loopback
from voiceband.emulator import Carrier, CarrierStream, run_call
from voiceband.emulator.caller.line import Line
from voiceband.emulator.caller.sounds import read_at, shipped
from voiceband.markup import Speak, Stream, Wait
from voiceband.servers.call import CallHandle
from voiceband.servers.link import Link

URL = "wss://voice.example.com/stream"


class Wire(Link):
    """A socket of which only one end is there."""

    def send(self, text):
        raise AssertionError(f"{text} on a stream that only listens")

    def backlog(self):
        return 0

    def close(self, code, reason):
        pass

    async def wait_closed(self):
        pass


def listen(example, attributes, seconds, act=lambda call, now: None, **options):
    """Let an example hear an emulated call, whose time passes as fast as it can, and return its result."""

    async def scenario():
        call, handle = CarrierStream(element=Stream(URL, **attributes), **options), CallHandle(Wire(), tracks=TRACKS)
        listening = asyncio.create_task(example(handle))
        call.start(0.0)
        for tick in range(round(seconds * 50) + 1):
            act(call, tick / 50)
            for text in call.poll(tick / 50):
                handle.feed(text)
            await asyncio.sleep(0)
        handle.lost("hung up")
        return await listening

    return asyncio.run(asyncio.wait_for(scenario(), 60))


async def served(example, *, max_s, say=(), **options):
    """Place a whole phone call, on sockets and in real time, to an example in the answer server; return the carrier."""

    def make(address):
        return create_app(f"http://{address}", None, example, **options)

    async with uvicorn_server(make) as address:
        carrier = Carrier(
            f"http://{address}/answer",
            seed=1,
            source=lambda wire: Line(wire.sample_rate, noise="street", snr_db=10, seed=1),
            on_stream=lambda call, now: [call.say(clip) for clip in say],
        )
        await run_call(carrier, max_s=max_s)
    assert carrier.problems == []
    return carrier


# ---- transcription

CLIPS = {
    name: (voice(seconds, 16_000, seed) // 2).astype(np.int16)
    for seed, (name, seconds) in enumerate([("hello", 0.8), ("who is there", 1.0), ("it is me", 0.7), ("bye", 0.6)])
}


class Remembers:
    """Knows each clip when it hears it, by correlation: a recogniser without a model."""

    threads: ClassVar = []
    bye_is_known: ClassVar = threading.Event()

    def words(self, speech):
        self.threads.append(threading.current_thread())
        found = [name for name, clip in CLIPS.items() if len(clip) < len(speech) and likeness(speech, clip) > 0.9]
        if "it is me" in found:
            self.bye_is_known.wait(10)  # some speech takes longer to recognise than other
        return " + ".join(found)


def test_a_transcript_has_both_speakers_in_the_order_in_which_they_spoke():
    # The caller's last word falls into what the agent says: its words are known first, but were said later.
    said = {"hello": 0.4, "who is there": 2.0, "it is me": 3.9, "bye": 4.2}
    speakers = {"hello": "caller", "who is there": "agent", "it is me": "agent", "bye": "caller"}
    waiting, told = dict(said), []

    def tell(line):
        told.append(line)
        if line.words == "bye":
            Remembers.bye_is_known.set()

    def act(call, now):
        for name in [name for name, at in waiting.items() if now >= at]:
            del waiting[name]
            if speakers[name] == "caller":
                call.say(CLIPS[name])
            else:
                call.announce(np.tile(CLIPS[name], 2 if name == "it is me" else 1), now)

    transcript = listen(
        lambda call: transcription.transcribe(call, Remembers, tell), transcription.STREAM, 6.5, act, seed=1
    )
    assert [(s.speaker, s.words) for s in transcript] == [(speakers[name], name) for name in said]
    for s in transcript:
        assert s.start_s == pytest.approx(said[s.words], abs=0.06)
    assert sorted(told) == transcript
    assert told.index(transcript[3]) < told.index(transcript[2])  # each was told as soon as its words were known
    assert threading.main_thread() not in Remembers.threads
    assert str(transcript[0]) == f"{transcript[0].start_s:6.1f} s  caller: hello"


def test_what_is_said_as_the_call_ends_is_in_the_transcript():
    transcript = listen(
        lambda call: transcription.transcribe(call, transcription.Stub, lambda _: None),
        transcription.STREAM,
        1.5,
        lambda call, now: call.say(voice(1.5, 16_000)) if now == 0.5 else None,
    )
    assert [(s.speaker, s.words) for s in transcript] == [("caller", "[1.0 s of speech]")]


@pytest.mark.prove  # a model of speech; make test runs its stand-in
def test_pocketsphinx_knows_the_words():
    pytest.importorskip("pocketsphinx", reason="has no wheel for this Python")
    transcript = listen(
        lambda call: transcription.transcribe(call, transcription.Sphinx, lambda _: None),
        transcription.STREAM,
        5.5,
        lambda call, now: call.say(read_at(shipped("@caller"), 16_000)) if now == 0.5 else None,
    )
    heard = set(" ".join(s.words for s in transcript).split())
    assert {s.speaker for s in transcript} == {"caller"}
    said = {"sorry", "that's", "not", "a", "valid", "extension", "please", "try", "again"}
    assert len(heard & said) > 5  # the model's word error rate on this clip is about a third


# ---- monitoring


def monitored(seconds, act=lambda call, now: None, **options):
    alarms = []
    seen = listen(lambda call: monitoring.monitor(call, alarms.append), monitoring.STREAM, seconds, act, **options)
    assert seen.alarms == alarms
    assert seen.seconds == pytest.approx(seconds, abs=0.2)  # chunks that are lost at the very end are not missed
    return seen


def alarms(seen):
    return [(round(alarm.at_s, 1), alarm.what) for alarm in seen.alarms]


def test_a_call_without_faults_raises_no_alarm():
    speech = np.tile(read_at(shipped("@caller"), 8000), 4)
    seen = monitored(15, source=Line(seed=1), act=lambda call, now: call.say(speech) if now == 0 else None)
    assert alarms(seen) == []


def test_a_caller_who_falls_silent_is_missed_once_a_silence():
    def act(call, now):
        if now in (0, 14):
            call.say(voice(2.0, 8000))
        if now in (1, 2):
            call.press("7", now)

    seen = monitored(30, act)
    assert alarms(seen) == [(12.0, "silence"), (26.0, "silence")]
    assert seen.keys == 2


def test_bad_lines_are_told_apart():
    def says(gain):
        speech = np.tile(read_at(shipped("@caller"), 8000), 4)
        speech = np.clip(speech * (gain * 10_000 / np.abs(speech).max()), -32768, 32767).astype(np.int16)
        return lambda call, now: call.say(speech) if now == 0 else None

    assert alarms(monitored(14, says(8))) == [(5.0, "clipping")]  # while it lasts it is the same alarm
    assert alarms(monitored(14, says(0.1))) == [(5.0, "too quiet")]
    lossy = monitored(14, says(1), source=Line(level_dbfs=-20, missing=0.2, missing_burst=3, seed=2))
    assert "lost audio" in [alarm.what for alarm in lossy.alarms]


# ---- noise


def test_an_agent_answers_callers_in_the_street():
    """Noise suppressed by the carrier, by the agent, and by nobody: the plain agent's gate never closes then."""
    sentence = read_at(shipped("@caller"), 16_000)[: 2 * 16_000]
    unsuppressed = {key: value for key, value in noisy_agent.STREAM.items() if "noise" not in key}
    sessions = {}

    def watched(name, agent):
        async def watch(call):
            sessions[name] = call.session
            await agent(call)

        return watch

    async def scenario():
        say = [np.zeros(32_000, np.int16), sentence]  # two seconds of nothing but noise, and then the caller
        return await asyncio.gather(
            served(watched("carrier", noisy_agent.agent), stream=noisy_agent.STREAM, say=say, max_s=8),
            served(watched("agent", noisy_agent.agent), stream=unsuppressed, say=say, max_s=8),
            served(watched("nobody", parrot.agent), stream=unsuppressed, say=say, max_s=8),
        )

    by_carrier, by_agent, by_nobody = (carrier.streams[0] for carrier in run_on_loopback(scenario()))
    assert (by_carrier.element.noise_cancellation_level, by_agent.element.noise_cancellation_level) == (85, None)
    assert {name: session.denoise for name, session in sessions.items()} == {
        "carrier": None,
        "agent": 85,
        "nobody": None,
    }
    band = Line(16_000)
    band.say(sentence)
    meant = band.read(len(sentence))  # without the noise
    for call in (by_carrier, by_agent):
        heard = call.recording(call.ended_at)[1]
        assert len(call.player.runs) == 1
        assert likeness(heard, meant) >= 0.95
    assert by_nobody.player.runs == []


# ---- quality


@pytest.fixture(scope="module")
def quality():
    """The module, which imports matplotlib."""
    return importlib.import_module("voiceband.examples.quality")


@pytest.mark.parametrize("noise", ["white", "street", "hum"])
def test_the_snr_is_that_of_the_line(noise, quality):
    clip = read_at(shipped("@caller"), 8000)
    for snr_db in (10, 20, 30):
        line = Line(noise=noise, snr_db=snr_db, seed=1)
        result = listen(
            quality.analyse,
            quality.STREAM,
            7,
            lambda call, now: call.say(clip) if now == 1 else None,
            source=line,
        )
        caller, agent = result.sides
        assert caller.snr_db == pytest.approx(snr_db, abs=2)
        assert caller.level_dbfs == pytest.approx(-26, abs=2)
        assert caller.noise_dbfs == pytest.approx(-26 - snr_db, abs=2)
        assert not agent.speech.any()


@pytest.fixture(scope="module")
def talk(quality):
    """The caller speaks from 1 to 3 s, what the caller hears is there from 2 to 4 s; five chunks go missing."""
    line = Line(band_pass=False, level_dbfs=-20, seed=1)
    reads = iter(range(1000))
    read = line.read
    line.read = lambda n: (read(n), None)[1] if next(reads) in (75, 76, 77, 220, 221) else read(n)

    def act(call, now):
        if now == 1:
            call.say(voice(2.0, 8000))
        if now == 2:
            call.announce(voice(2.0, 8000, seed=2) // 4, now)

    return listen(quality.analyse, quality.STREAM, 6, act, source=line)


def test_talk_over_silence_and_gaps_are_counted(talk):
    caller, agent = talk.sides
    assert (caller.name, agent.name) == ("caller", "agent")
    assert talk.talk_over_s == pytest.approx(1.0, abs=0.06)
    assert talk.silence_s == pytest.approx(3.0, abs=0.06)
    assert (caller.gaps_ms, agent.gaps_ms) == (100, 0)
    seconds = np.flatnonzero(agent.speech) * 0.02
    assert (seconds[0], seconds[-1]) == (pytest.approx(2.0, abs=0.03), pytest.approx(4.0, abs=0.03))


def test_the_report_is_a_table_and_a_plot(tmp_path, talk):
    console = Console(file=io.StringIO(), width=60)
    console.print(talk.table())
    text = " ".join(console.file.getvalue().split())
    for row in (
        "speech, dBFS │ -20 │ -33",
        "gaps, ms │ 100 │ 0",
        r"speaking, s │ 2\.0 │ 2\.0",
        r"both, s │ 1\.0",
        r"nobody, s │ 3\.0",
    ):
        assert re.search(row, text), text
    talk.plot(tmp_path / "quality.png")
    image = Image.open(tmp_path / "quality.png")
    assert image.size == (1000, 500)
    assert len(np.unique(np.asarray(image.convert("L")))) > 50  # lines and shades, not an empty canvas


def test_a_call_that_ends_at_once_has_a_table_too(tmp_path, quality):
    result = listen(quality.analyse, quality.STREAM, 0)
    assert result.silence_s == result.talk_over_s == 0
    result.table()
    result.plot(tmp_path / "nothing.png")


# ---- on sockets


def test_the_answer_server_runs_those_that_listen(quality):
    results = {}

    def keeping(name, example):
        async def keep(call):
            results[name] = await example(call)

        return keep

    async def scenario():
        say, then = [voice(1.0, 8000)], (Speak("Good morning."), Wait(60))
        return await asyncio.gather(
            served(keeping("quality", quality.analyse), stream=quality.STREAM, then=then, say=say, max_s=2.5),
            served(keeping("monitoring", monitoring.monitor), stream=monitoring.STREAM, then=then, max_s=2.5),
            served(
                keeping("words", lambda call: transcription.transcribe(call, transcription.Stub)),
                stream=transcription.STREAM, then=then, max_s=2.5,
            ),
        )  # fmt: skip

    carriers = run_on_loopback(scenario())
    assert [carrier.streams[0].tracks for carrier in carriers] == [
        ("inbound", "outbound"),
        ("inbound",),
        ("inbound", "outbound"),
    ]
    assert not any(carrier.streams[0].bidirectional for carrier in carriers)
    caller, agent = results["quality"].sides
    assert caller.snr_db == pytest.approx(10, abs=3)
    assert 0.3 < 0.02 * np.count_nonzero(agent.speech) < 2.4
    assert results["monitoring"].seconds == pytest.approx(2.4, abs=0.3)
    assert "agent" in {said.speaker for said in results["words"]}
