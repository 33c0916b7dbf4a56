"""What elements of an answer do around a stream, and what a recording has of them."""

import io
import math
import wave

import numpy as np
import pytest

from _support.world import ANSWER, World, stream, talking
from voiceband.emulator import Carrier
from voiceband.emulator.carrier.announcements import murmur
from voiceband.emulator.carrier.program import MAX_DOCUMENTS
from voiceband.emulator.judge.whole_call import recording
from voiceband.formats import PLIVO_L16_8K
from voiceband.markup import Hangup, Play, Redirect, Response, Speak, Stream, Wait
from voiceband.session import Audio, Started


def wav(pcm, rate=8000):
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(pcm.tobytes())
    return file.getvalue()


class TestElements:
    def test_a_text_takes_as_long_as_reading_it_and_is_on_the_outbound_track(self):
        text = "Please hold the line until somebody answers you."
        outbound = stream(audio_track="both", content_type=PLIVO_L16_8K)
        world = World(outbound, Wait(1), Speak(text), Hangup()).run()
        seconds = len(murmur(text)) / 16000
        assert world.elements()[-1] == ("Hangup", pytest.approx(1 + seconds))
        heard = np.concatenate([e.samples for e in world.events if isinstance(e, Audio) and e.track == "outbound"])
        assert np.abs(heard[: int(0.9 * 8000)]).max() == 0
        assert np.sqrt(np.mean(heard[8000:].astype(float) ** 2)) > 500

    def test_a_stream_that_begins_in_the_middle_of_a_text_gets_the_rest_of_it(self):
        def late(text, _language):
            return np.concatenate([np.full(8000, 4000), np.full(8000, 8000)]).astype(np.int16)

        world = World(stream(audio_track="outbound", content_type=PLIVO_L16_8K), Speak("x"), speech=late).run()
        heard = np.concatenate([e.samples for e in world.events if isinstance(e, Audio)])
        loud = np.flatnonzero(heard > 6000)
        assert loud[0] == pytest.approx((0.5 - 0.05) * 8000, abs=40)
        assert abs(int(heard[100]) - 4000) < 200

    @pytest.mark.parametrize("loop", [None, 1, 3])
    def test_texts_and_files_are_repeated(self, loop):
        clip = wav(np.full(4000, 3000, np.int16))
        world = World(Speak("abc", loop=loop), Play("https://a.example.com/x.wav", loop=loop), Hangup())
        world.http = lambda request: (200, clip)
        world.run()
        times = loop or 1
        assert len(world.at("announcement")) == 2 * times
        expected = times * (len(murmur("abc")) / 16000 + 0.5) + 0.05
        assert world.at("call over")[0] == pytest.approx(expected, abs=1e-3)

    def test_a_loop_of_zero_is_without_end(self):
        world = World(Speak("abc", loop=0), Hangup()).run(20.0)
        assert world.carrier.ended_at == math.inf
        assert len(world.at("announcement")) == pytest.approx(20 / (len(murmur("abc")) / 16000), abs=1)

    @pytest.mark.parametrize("outcome", [None, (404, b""), (200, b"no sound"), (200, wav(np.zeros(0, np.int16)))])
    def test_a_file_that_cannot_be_played_is_passed_over(self, outcome):
        world = World(Play("https://a.example.com/x.mp3", loop=0), Wait(1), http=lambda _: outcome).run()
        assert [tag for tag, _ in world.elements()] == ["Play", "Wait"]
        assert len(world.carrier.problems) == (0 if outcome and outcome[1][:4] == b"RIFF" else 1)

    def test_a_wait_lasts_its_length_or_until_there_was_silence(self):
        world = World(Wait(3), Wait(10, silence=True, min_silence=1500), Wait(1, silence=True), Hangup()).run()
        assert [at for _, at in world.elements()] == [0.0, 3.0, 4.5, 5.5]

    def test_a_redirection_goes_on_with_other_xml(self):
        answer = Response(Wait(1), Hangup()).to_xml().encode()
        world = World(Redirect(ANSWER, method="GET"), Speak("never"), http=lambda _: (200, answer)).run()
        assert [tag for tag, _ in world.elements()] == ["Redirect", "Wait", "Hangup"]
        assert (world.requests[0].purpose, world.requests[0].method) == ("redirect", "GET")

    def test_a_circle_of_redirections_ends(self):
        answer = Response(Redirect(ANSWER)).to_xml().encode()
        world = World(Redirect(ANSWER), http=lambda _: (200, answer)).run()
        assert world.carrier.end_reason == "too many redirections"
        assert len(world.requests) == MAX_DOCUMENTS

    def test_a_hang_up_can_be_scheduled_while_other_elements_run(self):
        world = World(Hangup(schedule=2), talking(stream_timeout=60)).run()
        assert world.at("call over") == [2.0]
        assert world.carrier.end_reason == "Hangup element"

    def test_one_stream_at_a_time_unless_there_may_be_more(self):
        both = [stream(), Stream("wss://other.example.com/"), Wait(2)]
        assert len(World(*both, max_streams=2).run().upgrades) == 2
        world = World(*both).run()
        assert len(world.upgrades) == 1
        assert world.carrier.problems == ["a <Stream> is left out: the call has 1 running already"]

    def test_no_elements_no_call(self):
        world = World(ANSWER, http=lambda _: (200, b"<Response/>")).run()
        assert world.carrier.end_reason == "end of XML"

    def test_a_reader_that_fails_is_stood_in_for(self):
        def broken(text, language):
            raise RuntimeError("no voice")

        world = World(Speak("hello you"), speech=broken).run()
        assert world.carrier.problems == ["a text cannot be read aloud: no voice"]
        assert world.phone.now == pytest.approx(len(murmur("hello you")) / 16000, abs=1e-3)


class TestRecording:
    def test_it_has_announcements_and_all_streams_at_their_times(self):
        def act(session, event, now):
            if isinstance(event, Started):
                session.play(np.full(4000, 6000, np.int16), 8000, end=True)

        def caller(call, now):
            call.say(np.full(1600, 2000, np.int16))

        clip = np.full(8000, 1000, np.int16)
        elements = [
            Speak("x"),
            talking(stream_timeout=2, content_type=PLIVO_L16_8K),
            Wait(1),
            talking(stream_timeout=1),
        ]
        world = World(*elements, act=act, on_stream=caller, speech=lambda *_: clip, playout_delay_ms=0).run()
        said, heard = recording(world.carrier, world.phone.now, rate=8000)
        assert len(said) == len(heard) == round(world.carrier.ended_at * 8000)

        def spans(x):
            loud = np.flatnonzero(np.abs(x.astype(int)) > 500)
            breaks = np.flatnonzero(np.diff(loud) > 800)
            return [(a / 8000, b / 8000) for a, b in zip(loud[[0, *breaks + 1]], loud[[*breaks, -1]], strict=True)]

        first, second = (call.started_at for call in world.carrier.streams)
        assert spans(said) == [pytest.approx((at, at + 0.2), abs=0.002) for at in (first, second)]
        begins = [call.player.runs[0].start for call in world.carrier.streams]
        expected = [(0.0, 0.5), *[(at, at + 0.5) for at in begins]]
        assert spans(heard) == [pytest.approx(span, abs=0.002) for span in expected]
        assert heard[2000] == pytest.approx(1000, abs=20)
        for until in (0.0, 0.3, first + 0.1):
            part = recording(world.carrier, until, rate=8000)
            assert [len(x) for x in part] == [round(until * 8000)] * 2
        assert heard[round((begins[0] + 0.2) * 8000)] == pytest.approx(6000, abs=20)

    def test_a_hang_up_cuts_an_announcement(self):
        world = World(Speak("x", loop=0), speech=lambda *_: np.full(16000, 1000, np.int16))
        world.run(2.5)
        assert len(recording(world.carrier, 2.5)[1]) == 40_000
        world.carrier.hang_up(2.5)
        assert np.abs(recording(world.carrier, 9.0)[1] - 1000).max() < 20

    def test_there_is_none_before_the_start(self):
        with pytest.raises(ValueError, match="the call must have started"):
            recording(Carrier(Response()), 1.0)
