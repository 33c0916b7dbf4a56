"""The phone call around the streams, on virtual time: the XML, retries, ends, callbacks."""

import math
import re
from urllib.parse import parse_qs, parse_qsl, urlsplit

import numpy as np
import pytest
from plivo.utils.signature_v3 import validate_v3_signature

from _support.programs import python
from _support.world import ANSWER, BACK, URL, World, stream, talking, transcript
from voiceband.callbacks import verify_upgrade, verify_v2
from voiceband.emulator import Carrier, Retries, lint
from voiceband.emulator.network.network import Network
from voiceband.formats import PLIVO_L16_8K
from voiceband.markup import Hangup, Redirect, Wait
from voiceband.session import Audio, Started, Stopped

TOKEN = "emulated-token"
BROKEN_OFF = "Connection disconnected with the remote service"
NO_CONNECTION = "Could not establish connection with the remote service"


def hang_up_when_started(session, event, now):
    if isinstance(event, Started):
        session.drain(hangup_after_drain=True)


class TestAnswerUrl:
    @pytest.mark.parametrize("method", ["POST", "GET"])
    def test_it_is_asked_with_the_call_s_parameters_signed(self, method):
        world = World(ANSWER, method=method, http=lambda _: (200, b"<Response><Hangup/></Response>")).run()
        (request,) = world.requests
        assert request.method == method
        form = dict(parse_qsl(request.body or urlsplit(request.url).query))
        assert form["CallUUID"] == world.carrier.call_id
        assert (form["From"], form["To"], form["Direction"]) == ("+15555550100", "+15555550199", "inbound")
        headers = request.headers
        nonce = headers["X-Plivo-Signature-V3-Nonce"]
        params = parse_qs(request.body) if method == "POST" else {}
        for name in ("X-Plivo-Signature-V3", "X-Plivo-Signature-Ma-V3"):
            assert validate_v3_signature(method, request.url, nonce, TOKEN, headers[name], params)
        assert verify_v2(request.url, headers, TOKEN)
        assert (world.carrier.end_reason, world.carrier.problems) == ("Hangup element", [])

    @pytest.mark.parametrize(
        ("outcome", "reason"),
        [
            (None, r"no answer: https://agent\.example\.com/answer\?x=1: no answer"),
            ((503, b""), "no answer: it answered with HTTP 503"),
            ((302, b""), "no answer: it answered with HTTP 302"),
            ((200, b"not XML"), "no answer: .*"),
            (
                (200, b'<Response><Stream bidirectional="true" audioTrack="both">wss://a.b</Stream></Response>'),
                ".*both.*",
            ),
            ((200, b"<response><Hangup/></response>"), ".*<response>.*"),
            ((200, b"\xff\xfe\x00"), "no answer: .*"),
        ],
    )
    def test_without_xml_that_can_be_run_there_is_no_call(self, outcome, reason):
        world = World(ANSWER, http=lambda _: outcome).run()
        assert re.fullmatch(reason, world.carrier.end_reason)
        assert len(world.carrier.problems) == 1
        assert world.upgrades == []

    def test_what_is_doubtful_about_the_xml_is_in_the_log(self):
        world = World(ANSWER, http=lambda _: (200, b"<Response><Stream>wss://a.example.com</Stream></Response>")).run()
        assert world.carrier.problems == []
        (doubt,) = world.carrier.log.named("warning")
        assert "<Stream> without contentType" in doubt.detail["text"]
        assert world.carrier.streams[0].format == PLIVO_L16_8K

    def test_nonces_are_never_used_twice(self):
        world = World(talking(stream_timeout=1, status_callback_url=BACK), Redirect(ANSWER)).run()
        found = [item.headers["X-Plivo-Signature-V3-Nonce"] for item in [*world.requests, *world.upgrades]]
        assert len(found) == len(set(found)) >= 4


class TestUpgrade:
    def test_it_is_signed_as_a_get_of_http(self):
        world = World(talking(stream_timeout=1)).run()
        (upgrade,) = world.upgrades
        assert upgrade.url == URL
        signature, nonce = (upgrade.headers[f"X-Plivo-Signature-V3{end}"] for end in ("", "-Nonce"))
        assert validate_v3_signature("GET", URL.replace("wss", "http"), nonce, TOKEN, signature)
        assert verify_upgrade(URL, upgrade.headers, TOKEN, schemes=("http",))
        assert not verify_upgrade(URL, upgrade.headers, "another token")


class TestKeepCallAlive:
    def test_the_next_element_runs_only_after_the_stream_has_ended(self):
        world = World(talking(stream_timeout=5), Wait(1)).run()
        (started,), (over,) = world.at("connected"), world.at("stream over")
        assert over == pytest.approx(started + 5)
        assert world.elements() == [("Stream", 0.0), ("Wait", pytest.approx(over, abs=1e-4))]
        assert world.carrier.end_reason == "end of XML"
        assert world.phone.now == pytest.approx(over + 1, abs=1e-3)

    def test_also_when_no_connection_comes_about(self):
        world = World(talking(), Wait(1), refuse=3).run()
        assert world.elements()[1] == ("Wait", pytest.approx(2 + 3 * 0.05, abs=1e-3))

    def test_without_it_the_next_element_runs_at_once_and_the_stream_goes_on_beside_it(self):
        world = World(stream(), Wait(4), Hangup()).run()
        assert world.elements() == [("Stream", 0.0), ("Wait", 0.0), ("Hangup", 4.0)]
        assert world.at("call over") == [4.0]
        assert world.carrier.streams[0].end_reason == "hang-up"

    def test_without_it_a_call_with_nothing_after_the_stream_ends_soon(self):
        world = World(stream(bidirectional=True)).run()
        assert world.carrier.end_reason == "end of XML"
        assert world.at("call over") == [1.0]


class TestEnds:
    def test_no_status_callback_when_the_call_itself_ends(self):
        for ending in ("caller", "xml", "script"):
            elements = [stream(status_callback_url=BACK)] if ending == "xml" else [talking(status_callback_url=BACK)]
            world = World(*elements)
            world.run(0.7)
            if ending == "caller":
                world.carrier.hang_up(0.7)
            elif ending == "script":
                world.carrier.stream.hang_up(0.7)
            world.run()
            assert world.told() == ["StartStream"], ending
            assert world.carrier.end_reason == ("end of XML" if ending == "xml" else "caller")
            assert world.sessions[0].stopped

    def test_an_agent_that_closes_hands_the_call_back(self):
        world = World(talking(status_callback_url=BACK), Wait(1), act=hang_up_when_started).run()
        assert world.told() == ["StartStream", "StopStream"]
        assert [tag for tag, _ in world.elements()] == ["Stream", "Wait"]
        assert world.carrier.streams[0].end_reason == "closed by the agent"

    def test_a_timeout_is_told(self):
        world = World(talking(status_callback_url=BACK, stream_timeout=1), Wait(1)).run()
        assert world.told() == ["StartStream", "StopStream"]

    @pytest.mark.parametrize("send_stop", [False, True])
    def test_the_agent_hears_stop_before_the_close_if_the_carrier_sends_it(self, send_stop):
        world = World(talking(stream_timeout=1), send_stop=send_stop).run()
        (event,) = [e for e in world.events if isinstance(e, Stopped)]
        assert (event.reason == "timeout") is send_stop
        assert sum(isinstance(e, Audio) for e in world.events) == 50

    def test_hanging_up_while_it_is_dialled_gives_the_connection_up(self):
        world = World(talking())
        world.run(0.01)
        world.carrier.hang_up(0.01)
        world.run()
        assert world.carrier.streams == []
        assert world.carrier.done
        assert world.phone.links == {}

    def test_nothing_can_be_started_twice(self):
        world = World(Hangup())
        with pytest.raises(RuntimeError, match="has started already"):
            world.carrier.start(1.0)


class TestRetries:
    @pytest.mark.parametrize("refused", [0, 1, 2])
    def test_a_connection_that_fails_is_tried_twice_more(self, refused):
        world = World(talking(stream_timeout=1, status_callback_url=BACK), refuse=refused).run()
        assert len(world.upgrades) == refused + 1
        assert world.told() == ["StartStream", "StopStream"]
        assert world.at("connecting") == pytest.approx([1.05 * n for n in range(refused + 1)])

    def test_then_it_is_given_up_and_told(self):
        world = World(talking(status_callback_url=BACK), Wait(1), refuse=9).run()
        assert len(world.upgrades) == 3
        (callback,) = world.callbacks()
        assert (callback.event_name, callback.error) == ("DroppedStream", NO_CONNECTION)
        assert world.carrier.end_reason == "end of XML"

    @pytest.mark.parametrize("new_id", [False, True])
    def test_a_connection_that_breaks_off_is_made_again_with_another_start(self, new_id):
        world = World(talking(), retries=Retries(after_s=0.25, new_stream_id=new_id))
        world.run(1.0)
        world.break_off()
        world.run(3.0)
        first, second = world.carrier.streams
        assert (first.stream_id == second.stream_id) is not new_id
        assert first.call_id == second.call_id
        assert first.end_reason == "broken off"
        assert second.started_at == pytest.approx(1.325)  # the end itself takes 25 ms to be noticed
        assert [e.text.count('"sequenceNumber":1,') for e in world.carrier.log.named("start")] == [1, 1]

    def test_what_each_connection_does_wrong_is_one_finding_of_the_stream(self):
        def act(session, event, now):
            if isinstance(event, Started):
                world.phone.links[max(world.phone.links)].arrived("rubbish", now)

        world = World(talking(), Wait(1), talking(stream_timeout=6), act=act)
        for second in (1.0, 3.0):
            world.run(second)
            world.break_off()
        world.run(5.0)
        world.sessions[-1].drain(hangup_after_drain=True)
        world.run()
        found = [(f.rule, f.stream, f.count) for f in lint(world.carrier.log)]
        assert found == [("invalid-message", 1, 3), ("broken-off", 1, 2), ("invalid-message", 2, 1)]
        first, *_, last = lint(world.carrier.log)
        assert first.at_ms == last.at_ms == pytest.approx(25, abs=25)
        assert " of stream 2  invalid-message: " in str(last)

    def test_it_is_made_again_twice_in_all(self):
        world = World(talking(status_callback_url=BACK), Wait(1))
        for second in (1.0, 3.0, 5.0):
            world.run(second)
            world.break_off()
        world.run()
        assert len(world.upgrades) == 3
        assert [(c.event_name, c.error) for c in world.callbacks()] == [
            ("StartStream", None),
            ("DroppedStream", BROKEN_OFF),
        ]

    def test_the_timeout_counts_from_the_first_connection(self):
        world = World(talking(stream_timeout=4))
        world.run(3.0)
        world.break_off()
        world.run()
        assert world.at("stream over") == [pytest.approx(4.05)]

    @pytest.mark.parametrize(
        ("options", "error"),
        [
            ({"most": -1}, "most must be at least 0, not -1"),
            ({"most": True}, "most must be an integer, not True"),
            ({"after_s": -0.1}, "after_s must be at least 0 s, not -0.1"),
            ({"after_s": math.nan}, "after_s must be at least 0 s, not nan"),
        ],
    )
    def test_bad_ones(self, options, error):
        with pytest.raises((TypeError, ValueError), match=error):
            Retries(**options)

    def test_none_at_all(self):
        world = World(talking(), refuse=1, retries=Retries(most=0)).run()
        assert len(world.upgrades) == 1


class SlowNetwork(Network):
    """Takes a message from the carrier for every third that is sent."""

    def arrival(self, send_s, n_bytes, way):
        at = super().arrival(send_s, n_bytes, way)
        if way == "sent":
            self.first = getattr(self, "first", send_s)
            at = self.first + 3 * (send_s - self.first)
            self.waiting = [(s, a) for s, a in getattr(self, "waiting", []) if a > send_s] + [(send_s, at)]
        return at

    def backlog_s(self, now):
        return max((now - s for s, a in getattr(self, "waiting", []) if a > now), default=0.0)


def test_a_slow_reader_is_told_of_three_times_and_then_dropped_without_a_retry():
    world = World(talking(status_callback_url=BACK), Wait(1), network=SlowNetwork, max_backlog_s=4.0).run()
    assert world.told() == ["StartStream", "DegradedStream", "DegradedStream", "DegradedStream", "DroppedStream"]
    assert world.callbacks()[-1].error == BROKEN_OFF
    assert len(world.upgrades) == 1
    # A third is taken, so a backlog of b seconds is there after 1.5 b.
    first = world.at("connected")[0]
    assert np.subtract(world.at("degraded"), first) == pytest.approx([1.8, 3.6, 5.4], abs=0.05)
    assert world.at("stream over")[0] - first == pytest.approx(6.0, abs=0.05)


class TestStatusCallbacks:
    @pytest.mark.parametrize("method", ["POST", "GET"])
    def test_they_are_signed_and_say_what_happened(self, method):
        attributes = {"status_callback_url": BACK, "status_callback_method": method, "extra_headers": "user=7"}
        world = World(talking(stream_timeout=1, **attributes)).run()
        requests = [r for r in world.requests if r.purpose == "callback"]
        for request in requests:
            assert request.method == method
            assert bool(request.body) is (method == "POST")
            signature, nonce = (request.headers[f"X-Plivo-Signature-V3{end}"] for end in ("", "-Nonce"))
            params = parse_qs(request.body, keep_blank_values=True)
            assert validate_v3_signature(method, request.url, nonce, TOKEN, signature, params)
            assert parse_qs(urlsplit(request.url).query)["tenant"] == ["9"]
        first, last = world.callbacks()
        leg = world.carrier.legs[0]
        assert (first.event_name, last.event_name) == ("StartStream", "StopStream")
        assert (first.call_id, first.stream_id) == (world.carrier.call_id, leg.stream_id)
        assert (first.service_url, dict(first.headers)) == (URL, {"user": "7"})
        assert (last.timestamp - first.timestamp).total_seconds() == 1

    def test_each_acknowledgement_is_told_once(self):
        def act(session, event, now):
            if isinstance(event, Started):
                session.play(np.full(800, 1000, np.int16), 8000, name="hello", end=True)
            elif isinstance(event, Audio) and now > 1.0 and not interrupted:
                interrupted.append(session.interrupt(now))

        interrupted = []
        world = World(talking(stream_timeout=2, status_callback_url=BACK), act=act).run()
        played = [c.name for c in world.callbacks() if c.event_name == "PlayedStream"]
        sent = [e for e in world.carrier.log if e.way == "sent" and e.name == "playedStream"]
        assert "hello" in played
        assert len(played) == len(set(played)) == len(sent)
        assert world.told().count("ClearedAudio") == 1

    def test_the_other_vocabulary(self):
        world = World(talking(stream_timeout=2, status_callback_url=BACK), words="started").run()
        first, last = world.callbacks()
        assert (first.event_name, last.event_name) == ("started", "stopped")
        assert (last.status_reason, last.duration_s, last.direction) == ("completed", 2.0, "inbound")
        assert first.parameters["Timestamp"] == "2026-01-01T00:00:00.050Z"
        failed = World(talking(status_callback_url=BACK), refuse=9, words="started").run()
        assert [(c.event_name, c.status_reason) for c in failed.callbacks()] == [("failed", "connection_failed")]

    @pytest.mark.parametrize("outcome", [None, (500, b"oops")])
    def test_an_answer_that_fails_is_a_problem_and_no_more(self, outcome):
        world = World(talking(stream_timeout=1, status_callback_url=BACK), http=lambda _: outcome).run()
        assert len(world.carrier.problems) == 2
        assert all(BACK in problem and "a status callback" in problem for problem in world.carrier.problems)
        (finding,) = (finding for finding in lint(world.carrier.log) if finding.rule == "status-callback")
        assert (finding.count, finding.hears.split(";")[0]) == (2, "nothing unusual")
        assert world.carrier.end_reason == "end of XML"


class TestDeterminism:
    def test_the_same_seed_gives_the_same_log_byte_for_byte(self):
        first = transcript(1)
        assert first.count("\n") > 500
        assert first == transcript(1)
        assert first != transcript(2)

    def test_in_another_process_too(self):
        code = "import sys; from _support.world import transcript; sys.stdout.write(transcript(1))"
        for seed in ("1", "2"):
            assert python("-c", code, env={"PYTHONHASHSEED": seed}, check=True).stdout == transcript(1)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"answer": "ftp://x"}, ValueError, "answer must start with https:// or http://"),
        ({"answer": 5}, TypeError, "answer must be a URL, a Response or a Stream, not 5"),
        ({"words": "begun"}, ValueError, "words must be 'StartStream' or 'started', not 'begun'"),
        ({"direction": "up"}, ValueError, "direction must be 'inbound' or 'outbound', not 'up'"),
        ({"method": "PUT"}, ValueError, "method must be one of GET, POST, not 'PUT'"),
        ({"playout_delay_ms": -1}, ValueError, "playout_delay_ms must be from 0 to 5000, not -1"),
        ({"nonsense": 1}, TypeError, "Carrier has no option 'nonsense'"),
    ],
)
def test_bad_options_are_refused_at_once(options, error, match):
    with pytest.raises(error, match=match):
        Carrier(**{"answer": ANSWER, **options})
