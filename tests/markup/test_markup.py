"""The answer's XML: golden texts, the official package beside ours, and every rule."""

import string
import warnings

import plivo.xml as official
import pytest
from hypothesis import given

from _support.elements import L16, URL, path, stream_arguments, xml_text
from voiceband.formats import PLIVO_L16_16K, PLIVO_MULAW_8K, AudioFormat, Encoding
from voiceband.markup import Hangup, Play, Redirect, Response, Speak, Stream, Wait


@pytest.mark.parametrize(
    ("arguments", "attributes"),
    [
        ({}, L16),
        ({"bidirectional": True}, f'bidirectional="true" {L16}'),
        ({"bidirectional": False}, f'bidirectional="false" {L16}'),
        ({"audio_track": "both"}, f'audioTrack="both" {L16}'),
        ({"stream_timeout": 3600}, f'streamTimeout="3600" {L16}'),
        ({"status_callback_url": "https://e.com/s"}, f'statusCallbackUrl="https://e.com/s" {L16}'),
        ({"status_callback_method": "get"}, f'statusCallbackMethod="GET" {L16}'),
        ({"content_type": PLIVO_MULAW_8K}, 'contentType="audio/x-mulaw;rate=8000"'),
        ({"content_type": "audio/x-l16; rate=8000"}, 'contentType="audio/x-l16;rate=8000"'),
        ({"extra_headers": {"user": "A1", "n": 5}}, f'{L16} extraHeaders="user=A1,n=5"'),
        ({"extra_headers": "a=1,b="}, f'{L16} extraHeaders="a=1,b="'),
        ({"extra_headers": {}}, L16),
        ({"keep_call_alive": True}, f'{L16} keepCallAlive="true"'),
        ({"noise_cancellation": True}, f'{L16} noiseCancellation="true"'),
        ({"noise_cancellation": False}, f'{L16} noiseCancellation="false"'),
        (
            {"noise_cancellation": True, "noise_cancellation_level": 60},
            f'{L16} noiseCancellation="true" noiseCancellationLevel="60"',
        ),
    ],
)
def test_golden_streams(arguments, attributes):
    stream = Stream(URL, **arguments)
    assert stream.to_xml() == f"<Stream {attributes}>{URL}</Stream>"
    assert Response.from_xml(f"<Response>{stream.to_xml()}</Response>") == Response(stream)


def test_every_attribute_at_once_is_one_golden_document():
    stream = Stream(
        "wss://agent.example.com:8443/ws?a=1&b=2",
        bidirectional=True,
        audio_track="inbound",
        stream_timeout=60,
        content_type="audio/x-l16;rate=16000",
        keep_call_alive=True,
        extra_headers={"a": "1"},
        status_callback_url="https://e.com/s?x=1&y=2",
        status_callback_method="POST",
        noise_cancellation=True,
        noise_cancellation_level=100,
    )
    assert Response(Speak("One < two"), stream, Hangup()).to_xml(pretty=True) == (
        "<Response>\n"
        "  <Speak>One &lt; two</Speak>\n"
        '  <Stream bidirectional="true" audioTrack="inbound" streamTimeout="60"'
        ' statusCallbackUrl="https://e.com/s?x=1&amp;y=2" statusCallbackMethod="POST"'
        ' contentType="audio/x-l16;rate=16000" extraHeaders="a=1" keepCallAlive="true"'
        ' noiseCancellation="true" noiseCancellationLevel="100">wss://agent.example.com:8443/ws?a=1&amp;b=2</Stream>\n'
        "  <Hangup/>\n"
        "</Response>\n"
    )


def test_the_effective_values_are_there_to_read():
    plain = Stream(URL)
    assert (plain.url, plain.bidirectional, plain.audio_track, plain.stream_timeout) == (URL, False, "inbound", 86400)
    assert (plain.content_type, plain.keep_call_alive, dict(plain.extra_headers)) == (PLIVO_L16_16K, False, {})
    assert (plain.status_callback_url, plain.status_callback_method) == (None, "POST")
    assert (plain.noise_cancellation, plain.noise_cancellation_level) == (False, None)
    assert Stream(URL, noise_cancellation=True).noise_cancellation_level == 85
    full = Stream(URL, bidirectional=True, stream_timeout=9, keep_call_alive=True, extra_headers={"k": "v"})
    assert (full.bidirectional, full.stream_timeout, full.keep_call_alive) == (True, 9, True)
    assert dict(full.extra_headers) == {"k": "v"}
    wait = Wait()
    assert (wait.length, wait.silence, wait.min_silence, wait.beep) == (1, False, 2000, False)
    speak, play = Speak(" hi\n", voice="Polly.Amy", language="en-GB"), Play("https://e.com/a.mp3", loop=0)
    assert (speak.text, speak.voice, speak.language, speak.loop) == ("hi", "Polly.Amy", "en-GB", 1)
    assert (play.url, play.loop) == ("https://e.com/a.mp3", 0)
    assert (Hangup().reason, Hangup().schedule, Hangup(reason="busy", schedule=5).schedule) == (None, None, 5)
    assert (Redirect("http://e.com/x").method, Redirect("http://e.com/x", method="get").method) == ("POST", "GET")


# Beside the official package ------------------------------------------------------------------------------------------


def official_stream(url, arguments):
    names = {
        "bidirectional": "bidirectional", "audio_track": "audioTrack", "stream_timeout": "streamTimeout",
        "status_callback_url": "statusCallbackUrl", "status_callback_method": "statusCallbackMethod",
        "content_type": "contentType", "extra_headers": "extraHeaders", "keep_call_alive": "keepCallAlive",
    }  # fmt: skip
    translated = {names[name]: value for name, value in arguments.items()}
    if "extraHeaders" in translated:
        translated["extraHeaders"] = ",".join(f"{k}={v}" for k, v in translated["extraHeaders"].items())
    return official.StreamElement(url, **translated)


@given(path.map(lambda p: f"wss://e.com/{p}"), stream_arguments(), xml_text)
def test_output_equals_the_official_packages(url, arguments, text):
    ours = Response(Speak(text), Stream(url, **arguments), Wait(2, silence=True, min_silence=5, beep=False))
    theirs = official.ResponseElement()
    theirs.add(official.SpeakElement(text.strip()))
    theirs.add(official_stream(url, arguments))
    theirs.add(official.WaitElement(length=2, silence=True, min_silence=5, beep=False))
    assert ours.to_xml() == theirs.to_string(pretty=False)  # the same text, so the same attributes, order and content
    assert ours.to_xml(pretty=True) == theirs.to_string()
    assert Response.from_xml(theirs.to_string()) == ours


def test_the_neighbours_equal_the_official_packages():
    ours = Response(
        Speak("a \"b\" 'c' & <d>\r\n\té", voice="WOMAN", language='x"y\n\t&<>', loop=3),
        Play("https://e.com/a.mp3?x=1&y=2", loop=0),
        Hangup(reason="rejected", schedule=60),
        Redirect("https://e.com/next", method="POST"),
        Wait(),
    )
    theirs = official.ResponseElement()
    theirs.add(official.SpeakElement("a \"b\" 'c' & <d>\r\n\té", voice="WOMAN", language='x"y\n\t&<>', loop=3))
    theirs.add(official.PlayElement("https://e.com/a.mp3?x=1&y=2", loop=0))
    theirs.add(official.HangupElement(reason="rejected", schedule=60))
    theirs.add(official.RedirectElement("https://e.com/next", method="POST"))
    theirs.add(official.WaitElement())
    assert ours.to_xml() == theirs.to_string(pretty=False)
    assert ours.to_xml(pretty=True) == theirs.to_string()
    assert Response().to_xml(pretty=True) == official.ResponseElement().to_string()


def test_the_official_package_cannot_say_noise_cancellation():
    with pytest.raises(TypeError):
        official.StreamElement(URL, noiseCancellation="true")


# Rules ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"bidirectional": "true"}, ["bidirectional", "'true'"]),
        ({"bidirectional": 1}, ["bidirectional", "1"]),
        ({"keep_call_alive": "no"}, ["keep_call_alive", "keepCallAlive", "'no'"]),
        ({"audio_track": "caller"}, ["audio_track", "audioTrack", "'caller'"]),
        ({"audio_track": "both", "bidirectional": True}, ["audio_track", "'both'", "bidirectional"]),
        ({"audio_track": "outbound", "bidirectional": True}, ["audio_track", "'outbound'", "bidirectional"]),
        ({"stream_timeout": 0}, ["stream_timeout", "streamTimeout", "not 0"]),
        ({"stream_timeout": -5}, ["stream_timeout", "-5"]),
        ({"stream_timeout": 1.5}, ["stream_timeout", "1.5"]),
        ({"stream_timeout": True}, ["stream_timeout", "True"]),
        ({"stream_timeout": "60"}, ["stream_timeout", "'60'"]),
        ({"content_type": "audio/x-mulaw;rate=16000"}, ["content_type", "contentType", "audio/x-mulaw;rate=16000"]),
        ({"content_type": AudioFormat(Encoding.MULAW, 16000)}, ["content_type", "audio/x-mulaw;rate=16000"]),
        ({"content_type": "audio/x-l16;rate=24000"}, ["content_type", "24000"]),
        ({"content_type": "audio/x-alaw;rate=8000"}, ["content_type", "alaw"]),
        ({"content_type": "audio/opus"}, ["content_type", "audio/opus"]),
        ({"content_type": "audio/x-l16"}, ["content_type", "rate"]),
        ({"content_type": None}, ["content_type", "None"]),
        ({"noise_cancellation": "true"}, ["noise_cancellation", "'true'"]),
        ({"noise_cancellation_level": 85}, ["noise_cancellation_level", "85", "noise_cancellation="]),
        (
            {"noise_cancellation_level": 85, "noise_cancellation": False},
            ["noise_cancellation_level", "noise_cancellation=False"],
        ),
        ({"noise_cancellation_level": 59, "noise_cancellation": True}, ["noise_cancellation_level", "60 to 100", "59"]),
        ({"noise_cancellation_level": 101, "noise_cancellation": True}, ["noise_cancellation_level", "101"]),
        ({"status_callback_url": "ftp://e.com"}, ["status_callback_url", "statusCallbackUrl", "'ftp://e.com'"]),
        ({"status_callback_url": "wss://e.com"}, ["status_callback_url", "'wss://e.com'"]),
        ({"status_callback_url": "/s"}, ["status_callback_url", "'/s'"]),
        ({"status_callback_method": "PUT"}, ["status_callback_method", "'PUT'"]),
        ({"extra_headers": {"a": "b c"}}, ["extra_headers", "extraHeaders", "'b c'"]),
        ({"extra_headers": {"a;b": "c"}}, ["extra_headers", "'a;b'"]),
        ({"extra_headers": {"a": "b=c"}}, ["extra_headers", "'b=c'"]),
        ({"extra_headers": {"a": "b,c"}}, ["extra_headers", "'b,c'"]),
        ({"extra_headers": {"a": "b\n"}}, ["extra_headers"]),
        ({"extra_headers": {"é": "1"}}, ["extra_headers", "'é'"]),
        ({"extra_headers": {"a": "١"}}, ["extra_headers", "'١'"]),
        ({"extra_headers": {"": "1"}}, ["extra_headers", "''"]),
        ({"extra_headers": {"a": None}}, ["extra_headers", "'a'", "None"]),
        ({"extra_headers": {"a": True}}, ["extra_headers", "'a'", "True"]),
        ({"extra_headers": "a"}, ["extra_headers", "'a'"]),
        ({"extra_headers": "a=1;b=2"}, ["extra_headers"]),
        ({"extra_headers": "a=b=c"}, ["extra_headers"]),
        ({"extra_headers": "a=1,,b=2"}, ["extra_headers"]),
        ({"extra_headers": "a=1,a=2"}, ["extra_headers", "twice", "'a'"]),
        ({"extra_headers": '{"a":"1"}'}, ["extra_headers"]),
        ({"extra_headers": ["a=1"]}, ["extra_headers", "['a=1']"]),
        ({"extra_headers": {"a": "x" * 511}}, ["extra_headers", "512", "513"]),
    ],
)
def test_every_rule_names_the_argument_and_the_value(arguments, named):
    with pytest.raises((TypeError, ValueError)) as raised:
        Stream(URL, **arguments)
    for part in named:
        assert part in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://e.com/ws", "e.com/ws", "", "wss://", "wss:///ws", "wss://e.com/a b", " wss://e.com", "wss://e.com\n",
        "wss://e.com:99999/", "wss://[::1/", "wss://e.com/#part", "wss://e.com/\x00", "wss://e.com/\ud800", None, 5,
        "javascript:alert(1)", "wss://e.com/" + "x" * 2037,
    ],
)  # fmt: skip
def test_urls_that_no_stream_can_have(url):
    with pytest.raises(ValueError if isinstance(url, str) else TypeError, match="url must"):
        Stream(url)


def test_limits_are_reached_but_not_passed():
    assert len(Stream("wss://e.com/" + "x" * 2036).url) == 2048
    assert Stream("ws://127.0.0.1:8080").url == "ws://127.0.0.1:8080"
    assert len(Stream(URL, extra_headers={"a": "x" * 510}).attributes["extraHeaders"]) == 512
    assert Stream(URL, noise_cancellation=True, noise_cancellation_level=60).noise_cancellation_level == 60
    assert Stream(URL, audio_track="both", bidirectional=False).audio_track == "both"


@pytest.mark.parametrize("headers", [{"a-b": "1"}, {"a_b": "1"}, {"a": "x-y"}, "a=x_y"])
def test_dashes_and_underscores_pass_with_a_warning_at_the_callers_line(headers):
    with pytest.warns(UserWarning, match=r"extra_headers \(extraHeaders\) has '-' or '_'") as caught:
        stream = Stream(URL, extra_headers=headers)
    assert caught[0].filename == __file__
    assert "-" in stream.attributes["extraHeaders"] or "_" in stream.attributes["extraHeaders"]


def test_letters_and_digits_pass_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stream = Stream(URL, extra_headers={string.ascii_letters: string.digits})
    assert stream.attributes["extraHeaders"] == f"{string.ascii_letters}={string.digits}"


@pytest.mark.parametrize(
    "make",
    [
        lambda: Speak(""), lambda: Speak(" \n"), lambda: Speak(None), lambda: Speak("a\x00"), lambda: Speak("\ud800"),
        lambda: Speak("a", loop=-1), lambda: Speak("a", voice=""), lambda: Play("a.mp3"), lambda: Play("https://"),
        lambda: Wait(0), lambda: Wait(1, silence="true"), lambda: Wait(1, min_silence=0), lambda: Hangup(schedule=0),
        lambda: Hangup(reason="bored"), lambda: Redirect("wss://e.com"),
        lambda: Redirect("https://e.com", method="PUT"),
    ],
)  # fmt: skip
def test_the_neighbours_have_rules_too(make):
    with pytest.raises((TypeError, ValueError), match="must"):
        make()


def test_a_response_takes_elements_only():
    with pytest.raises(TypeError, match=r"elements\[1\]"):
        Response(Wait(), "<Hangup/>")
