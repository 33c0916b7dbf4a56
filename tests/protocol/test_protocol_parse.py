"""Reading what Plivo sends: the documented messages, every known variant, and everything broken."""

import base64
import contextlib
import json
import sys

import pytest

from _support.documented import CALL, FRAME, HEADERS, MEDIA, PAYLOAD, START, STREAM
from voiceband.formats import PLIVO_FORMATS, PLIVO_L16_8K, PLIVO_L16_16K, PLIVO_MULAW_8K, AudioFormat
from voiceband.protocol import (
    ClearedAudio,
    Dtmf,
    Error,
    IncorrectPayload,
    Media,
    MuteStream,
    PlayedStream,
    PlayFailed,
    ProtocolError,
    Start,
    Stop,
    Unknown,
    UnmuteStream,
    parse,
    parse_extra_headers,
)


def functions_of(module, call):
    """Call, and return the result and how many functions of a module have run."""
    ran = []

    def see(frame, what, _):
        if what == "call" and frame.f_globals is vars(module):
            ran.append(frame.f_code.co_name)

    sys.setprofile(see)
    try:
        return call(), len(ran)
    finally:
        sys.setprofile(None)


def changed(message, **changes):
    """Copy a message with some values replaced; `media__chunk=None` reaches inside, `...` removes."""
    copy = json.loads(json.dumps(message))
    for path, value in changes.items():
        *sections, name = path.split("__")
        place = copy
        for section in sections:
            place = place[section]
        if value is ...:
            del place[name]
        else:
            place[name] = value
    return json.dumps(copy)


PARSE = sys.modules[parse.__module__]
EXPECTED_MEDIA = Media(FRAME, "inbound", 41, 1705312200000, STREAM, 42, HEADERS)


class TestDocumentedMessages:
    def test_start(self):
        assert parse(json.dumps(START)) == Start(
            stream_id=STREAM,
            sequence_number=1,
            extra_headers=HEADERS,
            call_id=CALL,
            account_id="MAXXXXXXXXXXXXXXXXXX",
            tracks=("inbound",),
            media_format=PLIVO_MULAW_8K,
        )

    def test_media(self):
        assert parse(json.dumps(MEDIA)) == EXPECTED_MEDIA

    def test_dtmf(self):
        body = {"track": "inbound", "digit": "5", "timestamp": "1705312250000"}
        event = parse(json.dumps({"event": "dtmf", "sequenceNumber": 50, "streamId": STREAM, "dtmf": body}))
        assert event == Dtmf(digit="5", timestamp_ms=1705312250000, stream_id=STREAM, sequence_number=50)

    def test_played_stream(self):
        event = parse(
            f'{{"event":"playedStream","sequenceNumber":75,"streamId":"{STREAM}","name":"greeting-complete"}}'
        )
        assert event == PlayedStream(name="greeting-complete", stream_id=STREAM, sequence_number=75)

    def test_cleared_audio(self):
        assert parse(f'{{"event":"clearedAudio","sequenceNumber":0,"streamId":"{STREAM}"}}') == ClearedAudio(
            stream_id=STREAM, sequence_number=0
        )

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ('{"event":"stop"}', Stop()),
            ('{"event":"stop","streamId":"s"}', Stop(stream_id="s")),
            (
                '{"event":"stop","stop":{"callId":"c","streamId":"s","tracks":["inbound"]}}',
                Stop(stream_id="s", call_id="c"),
            ),
            ('{"event":"stop","stop":{"reason":"hangup"}}', Stop(reason="hangup")),
            ('{"event":"stop","reason":"hangup"}', Stop(reason="hangup")),
        ],
    )
    def test_stop_in_all_shapes(self, text, expected):
        assert parse(text) == expected

    def test_error_and_play_failed_keep_the_message(self):
        text = '{"event":"error","reason":"buffer_overflow","x":1}'
        assert parse(text) == Error(reason="buffer_overflow", raw=json.loads(text))
        text = '{"event":"playFailed","playFailed":{"reason":"bad"}}'
        assert parse(text) == PlayFailed(reason="bad", raw=json.loads(text))

    def test_unknown_events_are_kept(self):
        text = '{"event":"transferred","streamId":"s","more":[1]}'
        assert parse(text) == Unknown(name="transferred", raw=json.loads(text), stream_id="s")

    def test_what_the_carrier_does_not_take_or_play(self):
        text = '{"event":"incorrectPayload","streamId":"s","reason":"bad type"}'
        assert parse(text) == IncorrectPayload(reason="bad type", raw=json.loads(text), stream_id="s")
        assert parse('{"event":"muteStream","streamId":"s"}') == MuteStream(stream_id="s")
        assert parse('{"event":"unmuteStream","streamId":"s"}') == UnmuteStream(stream_id="s")

    def test_an_acknowledgement_may_hold_its_name_in_a_section(self):
        assert parse('{"event":"playedStream","streamId":"s","playedStream":{"name":"m1"}}').name == "m1"


class TestVariants:
    @pytest.mark.parametrize(
        "kind", [str.encode, lambda t: bytearray(t.encode()), lambda t: memoryview(t.encode()), str]
    )
    def test_all_kinds_of_text(self, kind):
        assert parse(kind(json.dumps(MEDIA))) == EXPECTED_MEDIA

    @pytest.mark.parametrize(
        "text",
        [
            json.dumps(MEDIA, indent=4),
            json.dumps(dict(reversed(MEDIA.items()))),
            "\ufeff" + json.dumps(MEDIA),
            ("\ufeff" + json.dumps(MEDIA)).encode(),
            "  \r\n" + json.dumps(MEDIA) + "\n",
            changed(MEDIA, media__timestamp=1705312200000),
            changed(MEDIA, media__timestamp=1705312200000.0),
            changed(MEDIA, media__chunk="41"),
            changed(MEDIA, media__chunk=" 41 "),
            changed(MEDIA, media__chunk="41.0", extra_headers=HEADERS, media__contentType=None),
            changed(MEDIA, media__chunk="4.1e1"),
            changed(MEDIA, sequenceNumber="42"),
            changed(MEDIA, media__more={"x": [1, {"payload": "no"}]}, other=None),
            changed(MEDIA, media__payload=PAYLOAD.rstrip("=")),
            changed(MEDIA, media__payload=PAYLOAD[:80] + "\r\n" + PAYLOAD[80:] + " "),
            json.dumps(MEDIA).replace(PAYLOAD, PAYLOAD.replace("/", "\\/").replace("A", "\\u0041")),
            '{"media":{"payload":"wrong"},' + json.dumps(MEDIA)[1:],
        ],
    )
    def test_the_same_in_other_words(self, text):
        assert parse(text) == EXPECTED_MEDIA

    def test_absent_and_unreadable_numbers_are_none(self):
        for value in (..., None, "soon", "", [], {}, True, 1.5, 10**30, "9" * 30, "-", "+-3", "\u0663"):
            event = parse(changed(MEDIA, media__chunk=value, media__timestamp=value, sequenceNumber=value))
            assert (event.chunk, event.timestamp_ms, event.sequence_number) == (None, None, None), value
            assert event.payload == FRAME

    def test_whatever_else_is_absent(self):
        assert parse('{"event":"media","media":{"payload":""}}') == Media(b"")
        assert parse(changed(MEDIA, extra_headers=..., streamId=...)).stream_id is None
        assert parse(changed(MEDIA, media__track=None)).track == "inbound"
        assert parse(changed(MEDIA, media__track="outbound")).track == "outbound"
        assert parse('{"event":"start"}') == Start()
        assert parse('{"event":"start","start":[]}') == Start()

    def test_payload_inside_the_headers_is_not_the_payload(self):
        headers = '{"payload":"AAAA","media":{"payload":"BBBB"}}'
        event = parse(changed(MEDIA, extra_headers=headers))
        assert (event.payload, event.extra_headers) == (FRAME, headers)

    def test_headers_may_be_an_object(self):
        event = parse(changed(MEDIA, extra_headers={"a": "1", "b": 2}))
        assert dict(event.headers) == {"a": "1", "b": "2"}

    def test_media_that_names_its_format(self):
        event = parse(changed(MEDIA, media__contentType="audio/x-l16", media__sampleRate="16000"))
        assert event.media_format == PLIVO_L16_16K
        assert event.payload == FRAME

    @pytest.mark.parametrize("wire", PLIVO_FORMATS, ids=str)
    def test_media_that_name_their_format_as_documented_take_the_short_way(self, wire):
        messages = [
            changed(MEDIA, media__contentType=wire.mime, media__sampleRate=rate)
            for rate in (wire.sample_rate, str(wire.sample_rate))
        ]
        tolerant, n_tolerant = functions_of(PARSE, lambda: parse(changed(MEDIA, media__contentType=str(wire))))
        for message in messages:
            event, n = functions_of(PARSE, lambda message=message: parse(message))
            assert (event, event.media_format) == (tolerant, wire)
            assert n == 1 < n_tolerant

    def test_ids_under_other_names(self):
        body = {"stream_id": "s", "call_uuid": "c"}
        event = parse(json.dumps({"event": "start", "start": body}))
        assert (event.stream_id, event.call_id) == ("s", "c")
        event = parse('{"event":"start","streamId":"s","callUUID":"c","start":{}}')
        assert (event.stream_id, event.call_id) == ("s", "c")
        assert parse(changed(START, start__accountId=4711)).account_id == "4711"

    @pytest.mark.parametrize(
        ("media_format", "expected"),
        [
            ({"encoding": "audio/x-l16;rate=16000"}, PLIVO_L16_16K),
            ({"encoding": "AUDIO/X-L16", "sampleRate": "16000"}, PLIVO_L16_16K),
            ({"encoding": "mulaw"}, PLIVO_MULAW_8K),
            ({"encoding": "audio/PCMA", "sampleRate": 8000}, AudioFormat("alaw", 8000)),
            ({"encoding": "audio/opus", "sampleRate": 48000}, None),
            ({"encoding": "audio/x-l16"}, PLIVO_L16_8K),
            ({"encoding": "audio/x-l16", "sampleRate": 0}, PLIVO_L16_8K),
            ({"encoding": "audio/x-l16", "sampleRate": "16k"}, PLIVO_L16_8K),
            ({"type": "audio/x-l16", "rate": 16000}, PLIVO_L16_16K),
            ({"encoding": "linear16", "sampleRate": 16000}, PLIVO_L16_16K),
            ({"encoding": 5}, None),
            ({}, None),
            ("audio/x-mulaw", PLIVO_MULAW_8K),
            (None, None),
        ],
    )
    def test_media_formats(self, media_format, expected):
        assert parse(changed(START, start__mediaFormat=media_format)).media_format == expected

    @pytest.mark.parametrize(
        ("media_format", "doubt"),
        [
            ({"encoding": "audio/x-l16", "sampleRate": 16000}, None),
            ({"encoding": "audio/x-l16", "sampleRate": "16000"}, None),
            ({"encoding": "audio/x-l16;rate=16000"}, None),
            ({"encoding": "audio/x-mulaw"}, None),
            (None, None),
            ({"encoding": "audio/x-l16"}, '{"encoding":"audio/x-l16"}'),
            (
                {"encoding": "audio/x-mulaw", "sampleRate": "8000Hz"},
                '{"encoding":"audio/x-mulaw","sampleRate":"8000Hz"}',
            ),
            ({"type": "audio/x-l16", "rate": 16000}, '{"type":"audio/x-l16","rate":16000}'),
            ({"encoding": "audio/opus"}, '{"encoding":"audio/opus"}'),
            ({"encoding": "x" * 500}, '{"encoding":"' + "x" * 107),
            ({}, "{}"),
        ],
    )
    def test_what_is_not_written_as_documented_is_quoted(self, media_format, doubt):
        assert parse(changed(START, start__mediaFormat=media_format)).format_doubt == doubt

    @pytest.mark.parametrize("track", ["Inbound", "INBOUND", "inbound_track", "", "  ", " inbound"])
    def test_spellings_of_the_callers_track(self, track):
        assert parse(changed(MEDIA, media__track=track)).track == "inbound"
        assert parse(changed(MEDIA, media__track=track, media__contentType="audio/x-mulaw")).track == "inbound"

    def test_custom_parameters_and_odd_tracks(self):
        event = parse(changed(START, start__tracks=["inbound", 5, "outbound"], start__customParameters={"a": 1}))
        assert (event.tracks, event.custom_parameters) == (("inbound", "outbound"), {"a": 1})

    def test_the_old_name_of_played_stream(self):
        assert parse('{"event":"played","name":"x"}') == PlayedStream(name="x")

    def test_digits_as_numbers_and_in_bunches(self):
        assert parse('{"event":"dtmf","dtmf":{"digit":5}}').digit == "5"
        assert parse('{"event":"dtmf","dtmf":{"digit":"12a"}}').digit == "12a"

    def test_url_safe_payloads_only_when_asked_for(self):
        text = changed(MEDIA, media__payload="-_-_")
        assert parse(text, urlsafe=True).payload == base64.urlsafe_b64decode("-_-_")
        with pytest.raises(ProtocolError, match="payload is not base64"):
            parse(text)


class TestBrokenMessages:
    @pytest.mark.parametrize(
        ("message", "where", "reason"),
        [
            ("[]", "$", "must be an object, not an array"),
            ('"x"', "$", "must be an object, not 'x'"),
            ("null", "$", "must be an object, not None"),
            ("", "$", "must be JSON"),
            ("{", "$", "must be JSON"),
            (json.dumps(MEDIA)[:-7], "$", "must be JSON"),
            (json.dumps(MEDIA) + "x", "$", "must be JSON"),
            ("{}", "$.event", "event is missing"),
            ('{"event":5}', "$.event", "event must be a name, not 5"),
            ('{"event":"media"}', "$.media", "media is missing"),
            ('{"event":"media","media":null}', "$.media", "media must be an object, not None"),
            ('{"event":"media","media":{}}', "$.media.payload", "payload is missing"),
            ('{"event":"media","media":{"payload":5}}', "$.media.payload", "must be base64 text, not 5"),
            ('{"event":"media","media":{"payload":null}}', "$.media.payload", "must be base64 text, not None"),
            ('{"event":"media","media":{"payload":"A"}}', "$.media.payload", "never has 1 characters"),
            ('{"event":"media","media":{"payload":"A==="}}', "$.media.payload", "not base64"),
            ('{"event":"media","media":{"payload":"AAAA="}}', "$.media.payload", "not base64"),
            ('{"event":"media","media":{"payload":"AAAA=="}}', "$.media.payload", "not base64"),
            ('{"event":"media","media":{"payload":"AA="}}', "$.media.payload", "not base64"),
            ('{"event":"media","media":{"payload":"="}}', "$.media.payload", "not base64"),
            ('{"event":"media","media":{"payload":"==="}}', "$.media.payload", "not base64"),
            ('{"event":"media","media":{"payload":"AA\u00a0=="}}', "$.media.payload", "not base64"),
            ('{"event":"media","media":{"payload":"AA=A"}}', "$.media.payload", "not base64"),
            ('{"event":"media","media":{"payload":"AA!A"}}', "$.media.payload", "not base64"),
            ('{"event":"media","media":{"payload":"\u20acAAA"}}', "$.media.payload", "not base64"),
            ('{"event":"dtmf","dtmf":null}', "$.dtmf", "dtmf must be an object"),
            ('{"event":"dtmf","dtmf":{"digit":""}}', "$.dtmf.digit", "digit must be one of"),
            ('{"event":"dtmf","dtmf":{"digit":-1}}', "$.dtmf.digit", "digit must be one of"),
            ('{"event":"playedStream"}', "$.name", "name is missing"),
            ('{"event":"playedStream","name":7}', "$.name", "name must be a text, not 7"),
            (b'{"event":"stop","x":"\xff"}', "$", "must be UTF-8: invalid start byte"),
            ('{"event":"stop","x":"\ud800"}', "$", "must be UTF-8: surrogates not allowed"),
            ("[" * 100_000, "$", "must not be nested so deeply"),
            (
                '{"event":"media","media":{"payload":"","x":' + "[" * 100_000 + "]" * 100_000 + "}}",
                "$",
                "nested so deeply",
            ),
            (5, "$", "must be text, not int"),
            (None, "$", "must be text, not NoneType"),
            ([1], "$", "must be text, not list"),
            (" " * 1_000_000 + "{}", "$", "must not be longer than 262144, not 1000002"),
        ],
    )
    def test_each_says_what_and_where_and_keeps_the_message(self, message, where, reason):
        with pytest.raises(ProtocolError, match=reason) as caught:
            parse(message)
        assert caught.value.where == where
        assert caught.value.message is message
        assert isinstance(caught.value, ValueError)

    def test_a_released_view(self):
        view = memoryview(b"{}")
        view.release()
        with pytest.raises(ProtocolError, match="text that can be read"):
            parse(view)

    def test_the_limit_can_be_set(self):
        assert parse(json.dumps(MEDIA), max_size=1000) == EXPECTED_MEDIA
        with pytest.raises(ProtocolError, match="must not be longer than 100"):
            parse(json.dumps(MEDIA), max_size=100)

    def test_the_text_of_an_error_does_not_quote_the_message(self):
        with pytest.raises(ProtocolError) as caught:
            parse('{"event":"media","media":{},"extra_headers":"phone=15551234567"}')
        assert "15551234567" not in str(caught.value) + repr(caught.value)


class TestTexts:
    def test_events_show_neither_audio_nor_headers(self):
        shown = repr(parse(json.dumps(MEDIA)))
        assert shown.startswith("Media(payload=<160 bytes>, track='inbound', chunk=41")
        assert "userId" not in shown
        assert "userId" not in repr(parse(json.dumps(START)))
        assert "15551234567" not in repr(parse('{"event":"new","from":"15551234567"}'))


class TestExtraHeaders:
    @pytest.mark.parametrize(
        ("raw", "expected"),
        [
            ("a=1,b=2", {"a": "1", "b": "2"}),
            ("a=1;b=2", {"a": "1", "b": "2"}),
            (' a = 1 ; b=2 ;"', {"a": "1", "b": "2", '"': ""}),
            ('{"a":"1"}', {"a": "1"}),
            ('{"a":1,"b":{"c":null}}', {"a": "1", "b": '{"c":null}'}),
            ("{}", {}),
            ("", {}),
            (None, {}),
            ("a=b=c", {"a": "b=c"}),
            ("a", {"a": ""}),
            ("=x", {}),
            ("{broken", {"{broken": ""}),
            ("a=%2B1", {"a": "%2B1"}),
            ("k" * 255 + "=" + "v" * 256, {"k" * 255: "v" * 256}),
            ("k" * 256 + "=" + "v" * 256, {"k" * 256: "v" * 256}),
        ],
    )
    def test_every_form(self, raw, expected):
        assert dict(parse_extra_headers(raw)) == expected

    @pytest.mark.parametrize("raw", [5, b"a=1", []])
    def test_only_texts_are_read(self, raw):
        with pytest.raises(TypeError, match="raw must be a text or None, not"):
            parse_extra_headers(raw)

    def test_percent_decoding_on_request(self):
        assert dict(parse_extra_headers("a=%2B1", percent_decode=True)) == {"a": "+1"}

    def test_the_result_is_shared_and_read_only(self):
        first = parse(json.dumps(MEDIA)).headers
        assert parse(json.dumps(MEDIA)).headers is first
        with pytest.raises(TypeError):
            first["x"] = "y"


@pytest.mark.parametrize(
    "text",
    [
        '{"event":"stop","extra_headers":%s}',
        '{"event":"media","streamId":"s","media":{"payload":"//8=","contentType":%s}}',
        '{"event":"dtmf","dtmf":{"digit":%s}}',
    ],
)
def test_no_depth_is_an_error_of_the_interpreter(text):
    """What can just be read may be too deep to be written again."""
    for depth in range(900, 1100):
        with contextlib.suppress(ProtocolError):
            parse(text % ('{"a":' * depth + "1" + "}" * depth))
