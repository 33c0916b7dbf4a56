"""The carrier's requests: redirections, retries by the URL's fragment, addresses, and what is told of bad answers."""

from urllib.parse import parse_qsl, urlsplit

import pytest

from _support.world import ANSWER, BACK, URL, World, talking
from voiceband.callbacks import sign_v3, verify_upgrade
from voiceband.emulator import Carrier, lint
from voiceband.emulator.carrier.web.requests import MAX_REDIRECTS
from voiceband.emulator.carrier.web.webhook import POLICIES, WebhookSettings, split_settings
from voiceband.markup import Redirect

TOKEN = "emulated-token"
HANG_UP = b"<Response><Hangup/></Response>"


def log_of(world, name):
    return [entry.detail for entry in world.carrier.log.named(name)]


def signed_as(request, url, form=None):
    """Whether a request carries the signature of one for `url`."""
    nonce = request.headers["X-Plivo-Signature-V3-Nonce"]
    method = getattr(request, "method", "GET")
    return request.headers["X-Plivo-Signature-V3"] == sign_v3(method, url, nonce, TOKEN, form or {})


class TestFragments:
    @pytest.mark.parametrize(
        ("fragment", "settings"),
        [
            ("", WebhookSettings(2.0, 40.0, 55.0, 1, frozenset({"ct", "rt"}))),
            ("#ct=100&rt=40000&tt=55000&rc=5&rp=all", WebhookSettings(0.1, 40.0, 55.0, 5, POLICIES)),
            ("#rc=0&rp=5xx,ct&er=mumbai", WebhookSettings(retries=0, retry_on=frozenset({"5xx", "ct"}))),
        ],
    )  # fmt: skip
    def test_they_are_read(self, fragment, settings):
        assert split_settings(ANSWER + fragment) == (ANSWER, settings, [])

    @pytest.mark.parametrize(
        "fragment", ["ct=99", "rt=40001", "tt=0", "rc=6", "rc=-1", "rc=\u0661", "rp=3xx", "ct=", "xx=1", "part"]
    )
    def test_what_they_cannot_be_is_told_and_the_default_holds(self, fragment):
        plain, settings, wrong = split_settings(f"{ANSWER}#{fragment}")
        assert (plain, settings) == (ANSWER, WebhookSettings())
        assert len(wrong) == 1
        assert fragment.partition("=")[0] in wrong[0]

    def test_they_never_leave_the_carrier(self):
        world = World(ANSWER + "#rc=3", http=lambda _: (200, HANG_UP)).run()
        (request,) = world.requests
        assert request.url == ANSWER
        assert request.settings.retries == 3
        assert signed_as(request, ANSWER, dict(parse_qsl(request.body)))

    def test_a_wrong_one_is_a_warning_told_once(self):
        document = f"<Response><Redirect>{ANSWER}#zz=1</Redirect></Response>".encode()
        world = World(ANSWER, http=lambda _: (200, document)).run()
        assert world.carrier.end_reason == "too many redirections"
        assert [doubt["text"] for doubt in log_of(world, "warning")] == [f"{ANSWER}#zz=1: there is no setting 'zz'"]


class TestRetries:
    def outcomes(self, url, *outcomes, connected=True):
        """Ask, with these outcomes: an int is a status, None no answer in time, or no connection."""
        carrier = Carrier(url, seed=1)
        carrier.start(0.0)
        asked = []
        for now, outcome in enumerate(outcomes, 1):
            (request,) = carrier.poll(now - 0.5)
            asked.append(request)
            if outcome is None:
                carrier.unanswered(request.id, "too late", now, connected=connected)
            else:
                carrier.answered(request.id, outcome, HANG_UP, now)
        return carrier, asked

    @pytest.mark.parametrize("connected", [True, False])
    def test_an_answer_url_that_is_slow_is_asked_again_once(self, connected):
        carrier, asked = self.outcomes(ANSWER, None, 200, connected=connected)
        assert len({request.id for request in asked}) == 2
        assert {request.url for request in asked} == {ANSWER}
        assert asked[0].body == asked[1].body
        assert carrier.problems == []

    def test_with_what_it_is_told_at_last(self):
        carrier, _ = self.outcomes(ANSWER, None, None)
        carrier.poll(3.0)
        assert carrier.end_reason == "no answer: too late"

    def test_a_bad_status_is_not_asked_again_unless_the_fragment_says_so(self):
        carrier, _ = self.outcomes(ANSWER, 503)
        assert carrier.end_reason.startswith("no answer: it answered with HTTP 503")
        carrier, _ = self.outcomes(ANSWER + "#rp=5xx&rc=2", 503, 500, 200)
        assert carrier.problems == []

    @pytest.mark.parametrize(("policy", "again"), [("ct", False), ("rt", True), ("4xx,5xx", False), ("all", True)])
    def test_the_policy_says_what_for(self, policy, again):
        carrier, _ = self.outcomes(f"{ANSWER}#rp={policy}", None)
        assert (carrier.end_reason == "") is again

    def test_action_and_hangup_urls_obey_too(self):
        outcomes = iter([(503, b""), (200, HANG_UP), (503, b""), (503, b""), (200, b"")])
        xml = f'<Response><GetInput action="{BACK}#rp=5xx"/></Response>'.encode()

        def http(request):
            return (200, xml) if request.purpose == "answer" else next(outcomes)

        world = World(ANSWER, http=http, hangup_url=BACK + "#rc=2&rp=5xx").run()
        assert [request.purpose for request in world.requests] == ["answer", "action", "action", *3 * ["hangup"]]
        assert world.carrier.problems == []
        assert next(outcomes, None) is None
        told = dict(parse_qsl(world.requests[-1].body))
        assert (told["Event"], told["HangupCauseName"]) == ("Hangup", "Hangup element")


class TestRedirections:
    @pytest.mark.parametrize(
        ("status", "method"), [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")]
    )
    def test_they_are_followed_and_signed_for_the_new_place(self, status, method):
        def http(request):
            if request.url == ANSWER:
                return status, b"", {"location": "/elsewhere?y=2"}
            return 200, HANG_UP

        world = World(ANSWER, http=http).run()
        assert world.carrier.end_reason == "Hangup element"
        last = world.requests[-1]
        assert last.method == method
        assert urlsplit(last.url)[1:3] == ("agent.example.com", "/elsewhere")
        assert signed_as(last, last.url, dict(parse_qsl(last.body)))

    def test_a_circle_ends(self):
        world = World(ANSWER, http=lambda _: (302, b"", {"location": ANSWER})).run()
        assert len(world.requests) == MAX_REDIRECTS + 1
        assert f"HTTP 302 to {ANSWER!r}, after 5 redirections" in world.carrier.end_reason

    def test_one_that_says_no_place_is_a_bad_answer(self):
        world = World(ANSWER, http=lambda _: (302, b"")).run()
        assert "HTTP 302" in world.carrier.end_reason

    @pytest.mark.parametrize("place", ["ftp://agent.example.com/x", "https://[", "http://agent.example.com:x/"])
    def test_a_place_that_is_none_is_told(self, place):
        world = World(ANSWER, http=lambda _: (302, b"", {"location": place})).run()
        assert f"HTTP 302 to {place!r}: " in world.carrier.end_reason
        assert len(world.requests) == 1


class TestBadAnswers:
    PAGE = b"<!DOCTYPE html>\n<title>Error</title> " + b"x" * 5000

    def test_what_was_answered_is_shown_and_kept(self):
        world = World(ANSWER, http=lambda _: (500, self.PAGE, {"content-type": "text/html"})).run()
        shown = f"{self.PAGE[:16].decode().strip()} <title>Error</title> {'x' * 80}"[:80]
        assert world.carrier.problems == [
            f"the answer URL gave no XML that can be run: it answered with HTTP 500, text/html: {shown!r}"
        ]
        (detail,) = log_of(world, "problem")
        assert detail["content_type"] == "text/html"
        assert detail["body"] == self.PAGE[:2000].decode()

    def test_so_is_what_is_no_xml(self):
        world = World(
            ANSWER, http=lambda _: (200, b'{"detail": "nothing"}', {"content-type": "application/json"})
        ).run()
        assert 'application/json: \'{"detail": "nothing"}\'' in world.carrier.problems[0]

    def test_xml_as_text_is_a_doubt_only(self):
        world = World(ANSWER, http=lambda _: (200, HANG_UP, {"content-type": "text/html; charset=utf-8"})).run()
        assert world.carrier.problems == []
        (doubt,) = log_of(world, "warning")
        assert "text/html; charset=utf-8" in doubt["text"]

    def test_a_403_tells_what_was_signed(self):
        world = World(ANSWER, http=lambda _: (403, b"")).run()
        assert world.carrier.problems[0].endswith(f"HTTP 403; signed was POST {ANSWER} and 6 fields")

    def test_the_fallback_url_is_asked_where_the_answer_is_of_no_use(self):
        def http(request):
            return (200, HANG_UP) if request.purpose == "fallback" else (500, b"")

        world = World(ANSWER, http=http, fallback_url=BACK).run()
        assert [request.purpose for request in world.requests] == ["answer", "fallback"]
        assert len(world.carrier.problems) == 1
        assert world.carrier.end_reason == "Hangup element"


class TestAddresses:
    PUBLIC = "https://voice.example.com/tenant"

    def test_a_server_is_dialled_here_and_signed_as_there(self):
        here = "http://127.0.0.1:8000/answer?x=1"
        xml = (
            b'<Response><Stream bidirectional="true" keepCallAlive="true" streamTimeout="1" contentType="audio/x-mulaw"'
            b' statusCallbackUrl="https://voice.example.com/tenant/status">wss://voice.example.com/tenant/ws?y=2</Stream>'
            b"<Redirect>https://other.example.com/answer</Redirect></Response>"
        )

        def http(request):
            return 200, HANG_UP if request.purpose == "redirect" else xml

        world = World(here, http=http, public_base_url=self.PUBLIC).run()
        assert world.carrier.problems == []
        answer, *callbacks, redirect = world.requests
        assert answer.url == here
        assert signed_as(answer, f"{self.PUBLIC}/answer?x=1", dict(parse_qsl(answer.body)))
        assert {request.url for request in callbacks} == {"http://127.0.0.1:8000/status"}
        assert all(signed_as(one, f"{self.PUBLIC}/status", dict(parse_qsl(one.body, True))) for one in callbacks)
        assert redirect.url == "https://other.example.com/answer"
        (upgrade,) = world.upgrades
        assert upgrade.url == "ws://127.0.0.1:8000/ws?y=2"
        assert verify_upgrade("/ws?y=2", upgrade.headers, TOKEN, public_base_url=self.PUBLIC)

    @pytest.mark.parametrize("public", ["https://voice.example.com", "wss://voice.example.com/"])
    def test_an_agent_is_signed_under_its_public_name_too(self, public):
        world = World(talking(stream_timeout=1), public_base_url=public).run()
        (upgrade,) = world.upgrades
        assert upgrade.url == URL
        assert verify_upgrade("/ws?room=7", upgrade.headers, TOKEN, public_base_url=public)

    def test_a_stream_url_is_dialled_whatever_the_xml_says(self):
        world = World(talking(stream_timeout=1), stream_url="ws://127.0.0.1:1/here").run()
        (upgrade,) = world.upgrades
        assert upgrade.url == "ws://127.0.0.1:1/here"
        assert verify_upgrade(URL, upgrade.headers, TOKEN)

    def test_a_refused_upgrade_tells_what_was_signed(self):
        carrier = Carrier(talking(stream_timeout=1), seed=1)
        carrier.start(0.0)
        (upgrade,) = carrier.poll(0.0)
        carrier.connections.refused(upgrade.id, "server rejected WebSocket connection: HTTP 403", 0.1)
        (refusal,) = carrier.log.named("refused")
        assert "a wrong path, or a signature that was not taken" in refusal.detail["reason"]
        assert refusal.detail["reason"].endswith(f"signed was GET {URL.replace('wss', 'http')}")

    @pytest.mark.parametrize(
        ("option", "value"),
        [
            ("public_base_url", "voice.example.com"),
            ("stream_url", "https://a.b"),
            ("hangup_url", "ws://a.b"),
            ("keys", "12x"),
        ],
    )
    def test_what_cannot_be_is_refused_at_once(self, option, value):
        with pytest.raises(ValueError, match=rf"{option} (\(\w+\) )?must"):
            Carrier(ANSWER, **{option: value})


def test_what_is_never_answered_is_abandoned_after_the_call():
    carrier = Carrier(ANSWER, seed=1, hangup_url=BACK)
    carrier.start(0.0)
    (request,) = carrier.poll(0.0)
    carrier.answered(request.id, 200, HANG_UP, 0.1)
    assert [action.purpose for action in carrier.poll(0.2)] == ["hangup"]
    assert not carrier.done
    carrier.abandon(20.0)
    assert carrier.done
    assert carrier.problems == [f"{BACK}: the hangup URL: it had not answered long after the end of the call"]


def test_many_answers_that_lead_nowhere_end_the_call():
    world = World(
        Redirect(ANSWER), http=lambda _: (200, f"<Response><Redirect>{ANSWER}</Redirect></Response>".encode())
    )
    assert world.run().carrier.end_reason == "too many redirections"


def test_a_hangup_url_that_does_not_answer_is_worth_a_note():
    world = World(
        ANSWER, http=lambda request: (404, b"") if request.purpose == "hangup" else (200, HANG_UP), hangup_url=BACK
    )
    found = [(finding.rule, finding.degree) for finding in lint(world.run().carrier.log)]
    assert found[-1] == ("status-callback", "note")
