"""The XML that real answer URLs give: what the carrier runs of it, skips, and says of it."""

from urllib.parse import parse_qsl

import pytest

from _support.world import ANSWER, BACK, URL, World
from voiceband.emulator import lint
from voiceband.session import Started

STREAM = f'<Stream bidirectional="true" keepCallAlive="true" contentType="audio/x-mulaw;rate=8000" streamTimeout="1">{URL}</Stream>'  # noqa: E501
HANG_UP = b"<Response><Hangup/></Response>"


def run(inside, *, purposes=None, until=300.0, **options):
    """Answer with this XML within a Response, and with a hang-up later on."""
    document = inside if inside.lstrip().startswith(("<?xml", "<Response")) else f"<Response>{inside}</Response>"

    def http(request):
        return (200, document.encode()) if request.purpose == "answer" else (200, HANG_UP)

    return World(ANSWER, http=http, **options).run(until)


def doubts(world):
    return [entry.detail["text"] for entry in world.carrier.log.named("warning")]


def tags(world):
    return [tag for tag, _ in world.elements()]


class TestStreamsComeAbout:
    @pytest.mark.parametrize(
        ("document", "said"),
        [
            (STREAM, []),
            (f'<Record recordSession="true" maxLength="3600" callbackUrl="{BACK}"/>{STREAM}', []),
            (f"{STREAM}<Conference>a room</Conference>", []),
            (f"<PreAnswer><Speak>one moment</Speak></PreAnswer>{STREAM}", []),
            (f"<PreAnswer><Dial/></PreAnswer>{STREAM}", ["does not belong"]),
            (f"<Message>sent by mistake</Message>{STREAM}", ["skipped"]),
            (f'<Speak voice="Polly.Amy"><prosody rate="slow">Hello</prosody> there</Speak>{STREAM}', []),
            (f'<Speak voices="Polly.Amy">Hello</Speak>{STREAM}', ["voices"]),
            (f'<Wait length="soon"/>{STREAM}', ["skipped"]),
            (STREAM.replace("<Stream", '<Stream noiseSuppression="true" extra="1"'), ["noiseSuppression, extra"]),
            (STREAM.replace("<Stream", '<Stream extraHeaders="a=1;b=x-y;c=+1:2"'), ["extraHeaders"]),
            (STREAM.replace("<Stream", f'<Stream extraHeaders="a={"1" * 520}"'), ["522 bytes"]),
            (STREAM.replace("x-mulaw;rate=8000", "x-l16;rate=24000"), ["24000"]),
            (STREAM.replace("true", "True"), []),
            (STREAM.replace(URL, f"<!-- here --> {URL} <!-- there -->"), []),
            (STREAM.replace(URL, f"<![CDATA[{URL}]]>"), []),
            (STREAM.replace(URL, URL + "&b=2"), ["&amp;"]),
            (f'\n<?xml version="1.0" encoding="UTF-8"?><Response>{STREAM}</Response>', ["white space"]),
        ],
    )
    def test_with_what_there_is_to_say(self, document, said):
        world = run(document, until=20.0)
        assert len(world.upgrades) == 1, world.carrier.problems
        assert world.carrier.problems == []
        assert len(doubts(world)) == len(said)
        assert all(text in doubt for text, doubt in zip(said, doubts(world), strict=True))

    def test_extra_headers_that_are_json_arrive_as_they_are(self):
        world = run(STREAM.replace("<Stream", """<Stream extraHeaders='{"a": "1;2"}'"""))
        (started,) = [event for event in world.events if isinstance(event, Started)]
        assert started.headers == {"a": "1;2"}

    @pytest.mark.parametrize(
        ("document", "why"),
        [
            (STREAM.replace('streamTimeout="1"', 'streamTimeout="0"'), "stream_timeout"),
            (STREAM.replace("<Stream", '<Stream audioTrack="both"'), "audio_track"),
            (STREAM.replace("wss://", "https://"), "wss:// or ws://"),
            (f"<response>{STREAM}</response>", "<response>"),
            ("<Response><Hangup></Response>", "not well-formed"),
            ('<!DOCTYPE Response [<!ENTITY a "b">]><Response/>', "document types"),
            ("<Response>" + "<Speak>" * 30 + "</Speak>" * 30 + "</Response>", "too deeply"),
            ("<Response>" + " " * 300_000 + "</Response>", "262144 bytes"),
        ],
    )
    def test_what_the_carrier_would_not_run_is_refused(self, document, why):
        inside = document if document.startswith("<!") else f"<?xml version='1.0'?>{document}"
        if "Response" not in document and "response" not in document:
            inside = document
        world = World(ANSWER, http=lambda _: (200, _whole(inside))).run()
        assert world.upgrades == []
        assert why in world.carrier.end_reason


def _whole(document):
    return (document if "esponse" in document else f"<Response>{document}</Response>").encode()


class TestElements:
    def test_breaks_of_ssml_take_their_time(self):
        world = run(
            '<Speak>one<break time="1500ms"/><emphasis>two</emphasis><break strength="strong"/></Speak><Hangup/>'
        )
        assert tags(world) == ["Speak", "Speak", "Speak", "Speak", "Hangup"]
        _, (_, pause), (_, two), (_, strong), (_, end) = world.elements()
        assert two - pause == pytest.approx(1.5)
        assert end - strong == pytest.approx(1.0)
        assert len(world.carrier.announced) == 2

    def test_dial_rings_until_nobody_has_answered(self):
        world = run(f'<Dial timeout="12" action="{BACK}" redirect="true"><Number>15555550100</Number></Dial>')
        (asked,) = world.requests[1:]
        assert dict(parse_qsl(asked.body))["DialStatus"] == "no-answer"
        assert world.carrier.end_reason == "Hangup element"
        assert world.carrier.ended_at == pytest.approx(12.0, abs=0.2)
        assert len(world.carrier.announced) == 2  # the tone for who is called has a period of 6 s

    def test_record_beeps_and_waits_for_a_message_that_does_not_come(self):
        world = run(f'<Record timeout="4" action="{BACK}" method="GET" redirect="false"/><Hangup/>')
        assert [(one.purpose, one.method) for one in world.requests[1:]] == [("tell", "GET")]
        assert world.carrier.ended_at == pytest.approx(4.5, abs=0.2)
        assert len(world.carrier.announced) == 1

    @pytest.mark.parametrize(("keys", "digits"), [("1", "1"), ("42#", "42")])
    def test_input_is_given_keys(self, keys, digits):
        world = run(
            f'<GetInput action="{BACK}" inputType="dtmf" numDigits="2"><Speak>Press two keys.</Speak></GetInput>',
            keys=keys,
        )
        (asked,) = world.requests[1:]
        assert dict(parse_qsl(asked.body))["Digits"] == digits
        assert asked.purpose == "action"
        assert world.carrier.end_reason == "Hangup element"
        assert len(world.carrier.announced) == 1

    def test_input_goes_on_where_nobody_presses_a_key(self):
        world = run(f'<GetDigits action="{BACK}" timeout="7"/><Hangup/>', keys="")
        assert [one.purpose for one in world.requests] == ["answer"]
        assert world.carrier.ended_at == pytest.approx(7.0, abs=0.2)

    def test_input_is_given_words(self):
        world = run(f'<GetInput action="{BACK}" inputType="speech"/>')
        form = dict(parse_qsl(world.requests[1].body))
        assert (form["InputType"], form["Speech"]) == ("speech", "hello")

    def test_a_conference_lasts_until_somebody_hangs_up(self):
        world = run("<Conference>a room</Conference><Hangup/>", until=100.0)
        assert world.carrier.end_reason == ""
        assert tags(world) == ["Conference"]

    def test_an_action_that_is_no_address_is_told(self):
        world = run('<Dial timeout="1" action="/done"/><Hangup/>')
        assert world.carrier.end_reason == "Hangup element"
        assert "action must" in doubts(world)[0]
        assert [one.purpose for one in world.requests] == ["answer"]


def test_what_went_on_is_found_with_its_degree():
    xml = STREAM.replace("<Stream", '<Stream extraHeaders="a=1;b=2" more="x"')
    world = run(f"<Message>hello</Message>{xml}", until=20.0)
    found = [(finding.rule, finding.degree, finding.count) for finding in lint(world.carrier.log)]
    assert [one for one in found if one[0] == "answer-xml"] == [
        ("answer-xml", "note", 1),
        ("answer-xml", "note", 1),
        ("answer-xml", "doubtful", 1),
    ]
