"""A real `AgentSession` without a room speaks and listens to the emulator's caller."""

import asyncio
import time

import numpy as np
import pytest

pytest.importorskip("livekit.agents.voice.io", reason="needs livekit-agents: make test-livekit runs it")

from livekit import rtc
from livekit.agents import Agent, AgentSession, stt

from _support.likeness import likeness, voice
from _support.messages import start
from voiceband import resample
from voiceband.emulator import CarrierStream, Line
from voiceband.formats import PLIVO_L16_16K, PLIVO_MULAW_8K
from voiceband.frameworks.livekit import CallAudio
from voiceband.session import Audio, Dtmf, Session, Started, Stopped

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


class Ears(stt.STT):
    """Keeps what an agent's recogniser is given."""

    def __init__(self):
        super().__init__(capabilities=stt.STTCapabilities(streaming=True, interim_results=False))
        self.heard = []

    async def _recognize_impl(self, buffer, *, language, conn_options):
        raise NotImplementedError

    def stream(self, *, language=None, conn_options=None):
        ears = self

        class Stream(stt.RecognizeStream):
            async def _run(self):
                async for frame in self._input_ch:
                    if isinstance(frame, rtc.AudioFrame):
                        ears.heard.append(np.frombuffer(bytes(frame.data), np.int16))

        return Stream(stt=self, conn_options=stt.stt.DEFAULT_API_CONNECT_OPTIONS)


async def frames(pcm, rate):
    for piece in np.split(pcm, range(rate // 20, len(pcm), rate // 20)):
        yield rtc.AudioFrame(piece.tobytes(), rate, 1, len(piece))


async def join(call, audio, until):
    """Run the emulated call against the driver until something holds, in real time."""
    while not until():
        now = time.monotonic()
        for text in call.poll(now):
            audio.feed(text)
        await asyncio.sleep(0.005)


def run(scenario, call, **options):
    events = []

    async def main():
        async def send(text):
            call.receive(text, time.monotonic())

        ears = Ears()
        async with CallAudio(Session(**options), send, on_event=events.append) as audio:
            agent_session = AgentSession(stt=ears, aec_warmup_duration=None)
            agent_session.input.audio, agent_session.output.audio = audio.input, audio.output
            await agent_session.start(Agent(instructions="speak"))
            call.start(time.monotonic())
            await scenario(agent_session, audio, ears, events)
            audio.lost()
            await agent_session.aclose()
        rest = [t for t in asyncio.all_tasks() if t is not asyncio.current_task() and "voiceband" in repr(t)]
        assert rest == []

    asyncio.run(asyncio.wait_for(main(), 30))
    assert call.problems == []
    return events


@pytest.mark.parametrize("wire", [PLIVO_MULAW_8K, PLIVO_L16_16K], ids=str)
def test_an_agent_hears_and_is_heard(wire):
    call = CarrierStream(wire, playout_delay_ms=100)
    said, speech = voice(0.8, wire.sample_rate), voice(0.7, 24000, seed=2)
    call.say(said)
    finished = []

    async def scenario(agent_session, audio, ears, events):
        agent_session.output.audio.on("playback_finished", finished.append)
        handle = agent_session.say("hello there", audio=frames(speech, 24000))
        await join(call, audio, lambda: handle.done() and call.unsaid_ms == 0)
        call.press("5", time.monotonic())
        await join(call, audio, lambda: any(isinstance(e, Dtmf) for e in events))
        await join(call, audio, lambda: sum(map(len, ears.heard)) >= 0.8 * 16000)
        assert not handle.interrupted
        assert agent_session.history.items[-1].text_content == "hello there"
        heard = np.concatenate(ears.heard)
        meant = resample(wire.decode(wire.encode(said)), wire.sample_rate, 16000)
        assert likeness(heard, meant[: round(0.75 * 16000)]) >= 0.99

    events = run(scenario, call, rate=16000)
    assert [(e.playback_position, e.interrupted) for e in finished] == [(pytest.approx(0.7), False)]
    (spoken,) = call.player.runs
    assert call.player.gaps == []
    got = wire.decode(bytes(spoken.data))
    assert likeness(got, resample(speech, 24000, wire.sample_rate)) >= 0.99
    kinds = [type(e) for e in events]
    assert kinds[0] is Started
    assert kinds[-1] is Stopped
    assert [e.digit for e in events if isinstance(e, Dtmf)] == ["5"]


def test_an_interruption_says_how_much_was_heard():
    call = CarrierStream(PLIVO_MULAW_8K, playout_delay_ms=100)
    finished = []

    async def scenario(agent_session, audio, ears, events):
        agent_session.output.audio.on("playback_finished", finished.append)
        first = agent_session.say("one", audio=frames(voice(0.3, 24000), 24000))
        await join(call, audio, first.done)  # by now the session knows the player's delay
        handle = agent_session.say("a long story", audio=frames(voice(8.0, 24000), 24000))
        before = call.player.played(time.monotonic())
        await join(call, audio, lambda: call.player.played(time.monotonic()) - before > 8000)
        handle.interrupt()
        await join(call, audio, handle.done)
        truth = (call.player.played(time.monotonic()) - before) / 8000
        assert handle.interrupted
        # Another segment follows, and is heard to its end.
        last = agent_session.say("two", audio=frames(voice(0.3, 24000), 24000))
        await join(call, audio, last.done)
        assert finished[1].interrupted
        assert finished[1].playback_position == pytest.approx(truth, abs=0.15)

    run(scenario, call, rate=16000)
    assert [e.interrupted for e in finished] == [False, True, False]
    assert finished[2].playback_position == pytest.approx(0.3)


def test_a_call_that_is_lost_ends_what_is_being_said():
    call = CarrierStream(PLIVO_MULAW_8K, playout_delay_ms=100)
    finished = []

    async def scenario(agent_session, audio, ears, events):
        agent_session.output.audio.on("playback_finished", finished.append)
        handle = agent_session.say("a long story", audio=frames(voice(3.0, 24000), 24000))
        await join(call, audio, lambda: call.player.played(time.monotonic()) > 2000)
        audio.lost("gone")
        await asyncio.wait_for(handle.wait_for_playout(), 5)
        late = agent_session.say("nobody listens", audio=frames(voice(0.2, 24000), 24000))
        await asyncio.wait_for(late.wait_for_playout(), 5)

    run(scenario, call, rate=16000)
    assert [e.interrupted for e in finished] == [True, True]
    assert finished[1].playback_position == 0.0


def test_what_the_agents_own_code_interrupts_is_finished_too():
    call = CarrierStream(PLIVO_MULAW_8K, playout_delay_ms=100)
    finished = []

    async def scenario(agent_session, audio, ears, events):
        agent_session.output.audio.on("playback_finished", finished.append)
        handle = agent_session.say("a long story", audio=frames(voice(3.0, 24000), 24000))
        await join(call, audio, lambda: call.player.played(time.monotonic()) > 4000)
        audio.session.interrupt(time.monotonic())
        audio.wake()
        await join(call, audio, handle.done)

    run(scenario, call, rate=16000)
    assert [e.interrupted for e in finished] == [True]
    assert 0.2 < finished[0].playback_position < 1.0


def test_somebody_else_may_run_the_session():
    call, session = CarrierStream(PLIVO_MULAW_8K, playout_delay_ms=100), Session(rate=16000, max_queued_ms=1000)
    finished = []

    def flush():
        for text in session.poll(time.monotonic()):
            call.receive(text, time.monotonic())

    async def main():
        audio = CallAudio(session, flush=flush)
        agent_session = AgentSession(stt=Ears())
        agent_session.input.audio, agent_session.output.audio = audio.input, audio.output
        audio.output.on("playback_finished", finished.append)
        await agent_session.start(Agent(instructions="speak"))
        call.start(time.monotonic())
        handle = agent_session.say("hello there", audio=frames(voice(1.5, 24000), 24000))
        while not handle.done():
            for text in call.poll(time.monotonic()):
                for event in session.receive(text, time.monotonic()):
                    audio.take(event)
            flush()
            await asyncio.sleep(0.005)
        for event in session.close():
            audio.take(event)
        await agent_session.aclose()
        with pytest.raises(RuntimeError, match="run by somebody else"):
            await audio.__aenter__()

    asyncio.run(asyncio.wait_for(main(), 20))
    assert [(e.playback_position, e.interrupted) for e in finished] == [(pytest.approx(1.5), False)]


def test_what_it_sends_by_must_be_said():
    with pytest.raises(ValueError, match="either send or flush"):
        CallAudio(Session())


def test_what_the_carrier_could_not_use_is_logged_once(caplog):
    async def send(_text):
        pass

    async def main():
        async with CallAudio(send=send) as audio:
            for _ in range(3):
                audio.feed('{"event":"incorrectPayload","streamId":"s","reason":"contentType"}')

    asyncio.run(main())
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warned == ["call without an id: refused: a message: contentType"]


def test_what_is_said_while_the_input_is_off_is_left_out():
    call = CarrierStream(PLIVO_L16_16K)
    call.say(np.full(16000 // 2, 1000, np.int16))
    call.say(np.full(16000 // 2, 2000, np.int16))
    call.say(np.full(16000 // 2, 3000, np.int16))

    async def scenario(agent_session, audio, ears, events):
        await join(call, audio, lambda: call.unsaid_ms <= 1250)
        agent_session.input.set_audio_enabled(False)
        await join(call, audio, lambda: call.unsaid_ms <= 250)
        agent_session.input.set_audio_enabled(True)
        await join(call, audio, lambda: call.unsaid_ms == 0 and sum(map(len, ears.heard)) >= 0.45 * 16000)
        assert {1000, 3000} <= set(np.concatenate(ears.heard)) <= {0, 1000, 3000}

    run(scenario, call, rate=16000)


def test_a_socket_that_cannot_be_sent_to_ends_the_call():
    async def main():
        async def send(text):
            raise ConnectionError("gone")

        call = CarrierStream(PLIVO_MULAW_8K)
        async with CallAudio(Session(rate=16000, max_queued_ms=1000), send) as audio:
            agent_session = AgentSession(stt=Ears())
            agent_session.input.audio, agent_session.output.audio = audio.input, audio.output
            await agent_session.start(Agent(instructions="speak"))
            call.start(time.monotonic())
            handle = agent_session.say("a long story", audio=frames(voice(3.0, 24000), 24000))
            await join(call, audio, handle.done)
            assert audio.session.stopped
            await agent_session.aclose()

    asyncio.run(asyncio.wait_for(main(), 20))


def test_a_full_queue_holds_the_agent_back_and_bad_messages_do_not_end_the_call():
    call = CarrierStream(PLIVO_MULAW_8K, playout_delay_ms=100)

    async def scenario(agent_session, audio, ears, events):
        handle = agent_session.say("long", audio=frames(voice(2.5, 24000), 24000))
        queued = []

        def over():
            queued.append(audio.session.queued_ms)
            audio.feed("[1]")
            audio.feed('{"event":"media","media":null}')
            return handle.done()

        await join(call, audio, over)
        assert max(queued) <= 1000 + 20  # a last frame is filled up
        assert audio.session.malformed >= 2

    run(scenario, call, rate=16000, max_queued_ms=1000)
    (spoken,) = call.player.runs
    assert 2500 * 8 <= len(spoken.data) <= 2530 * 8


@pytest.mark.parametrize("mute_echo", [False, True])
def test_only_echo_can_be_silence_for_the_agent(mute_echo):
    speech = np.full(160, 900, np.int16)

    async def main():
        audio = CallAudio(flush=lambda: None, mute_echo=mute_echo)
        for score in (0.2, 0.9, 0.2):
            audio.take(Audio(speech, "inbound", 0.0, 0, echo=score))
        audio.input.close()
        return [np.frombuffer(bytes(frame.data), np.int16).any() async for frame in audio.input]

    assert asyncio.run(main()) == [True, not mute_echo, True]


def test_the_callers_phone_does_not_interrupt_the_agent():
    """A speakerphone gives the agent its own voice back; with the echo muted there is next to nothing to hear."""
    said = voice(8, 24000)
    heard = {}
    for mute_echo in (False, True):

        async def main(mute_echo=mute_echo):
            now = 0.0
            line = Line(echo="speakerphone", noise="white", snr_db=40, seed=1)
            call = CarrierStream(playout_delay_ms=50, source=line)
            audio = CallAudio(flush=lambda: None, session=Session(barge_in=True), mute_echo=mute_echo)
            call.start(now)
            frames = []
            audio.session.play(said, 24000)
            while now < 8:
                for text in call.poll(now):
                    for event in audio.session.receive(text, now):
                        audio.take(event)
                for text in audio.session.poll(now):
                    call.receive(text, now)
                now += 0.005
            audio.input.close()
            async for frame in audio.input:
                frames.append(np.frombuffer(bytes(frame.data), np.int16))
            return np.concatenate(frames)

        heard[mute_echo] = asyncio.run(main())
    late = slice(4 * 8000, None)
    loud = [np.mean(np.square(heard[muted][late].astype(float))) for muted in (False, True)]
    assert loud[1] < 0.05 * loud[0]


def listen(output):
    """Keep what an output reports, in order."""
    told = []
    output.on("playback_started", lambda _: told.append("started"))
    output.on("playback_finished", lambda event: told.append((round(event.playback_position, 2), event.interrupted)))
    return told


def speech(n, rate=8000):
    return rtc.AudioFrame(np.full(n, 1000, np.int16).tobytes(), rate, 1, n)


def test_a_segment_of_which_nothing_was_sent_keeps_no_later_one_from_being_reported():
    async def send(_text):
        pass

    async def say(output, *sizes):
        for n in sizes:
            await output.capture_frame(speech(n))
            output.flush()

    async def main():
        async with CallAudio(Session(), send) as audio:
            told = listen(audio.output)
            audio.feed(start())
            audio.feed('{"event":"muteStream"}')
            await say(audio.output, 8000, 8000)
            audio.feed(start(PLIVO_L16_16K, stream_id="another"))
            assert told == [(0.0, True), (0.0, True)]
            await say(audio.output, 0, 800, 800, 800)  # nor does one without audio
            while told.count("started") < 3:
                await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(main(), 20))


def test_a_frame_longer_than_the_queue_is_played():
    async def send(text):
        call.receive(text, time.monotonic())

    async def main():
        async with CallAudio(Session(max_queued_ms=1000), send) as audio:
            told = listen(audio.output)
            call.start(time.monotonic())
            await join(call, audio, lambda: audio.session.format is not None)
            saying = asyncio.create_task(audio.output.capture_frame(speech(12_000)))
            await join(call, audio, saying.done)
            audio.output.flush()
            await join(call, audio, lambda: told == ["started", (1.5, False)])

    call = CarrierStream(PLIVO_MULAW_8K, playout_delay_ms=20)
    asyncio.run(asyncio.wait_for(main(), 30))
