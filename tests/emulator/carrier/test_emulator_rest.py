"""The emulated REST API: what it answers to requests good and bad, without sockets."""

import asyncio
import base64
import io
import json
import math
import wave

import httpx
import numpy as np
import plivo
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from voiceband.emulator import Carrier, RestApi, VirtualCall, murmur
from voiceband.emulator.carrier.rest_server import asgi_app
from voiceband.formats import PLIVO_L16_8K
from voiceband.markup import Hangup, Response, Stream, Wait
from voiceband.session import Session

URL = "wss://agent.example.com/ws"
AUTH_ID, TOKEN = "MAEMULATEDACCOUNT000", "emulated-token"
AUTH = {"authorization": "Basic " + base64.b64encode(f"{AUTH_ID}:{TOKEN}".encode()).decode()}


class Desk:
    def __init__(self, *elements, web=lambda request: None, **options):
        self.carrier = Carrier(Response(*(elements or [Wait(3600)])), seed=1, **options)
        self.phone = VirtualCall(self.carrier, lambda _: Session(), web)
        self.phone.run(0.0)
        self.api = RestApi(AUTH_ID, TOKEN, seed=1)
        self.api.add(self.carrier)
        self.path = f"/v1/Account/{AUTH_ID}/Call/{self.carrier.call_id}/"

    def ask(self, method, path="Stream/", body=None, headers=AUTH, **more):
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        path = path if path.startswith("/") else self.path + path
        answer = self.api.answer(method, path, self.phone.now, headers=headers, body=body or b"", **more)
        return answer.status, json.loads(answer.body) if answer.body else None

    def run(self, seconds):
        self.phone.run(self.phone.now + seconds)


def test_a_stream_is_started_with_all_its_attributes():
    desk = Desk()
    status, answer = desk.ask(
        "POST",
        body={
            "service_url": URL,
            "bidirectional": True,
            "audio_track": "inbound",
            "stream_timeout": 30,
            "status_callback_url": "https://a.example.com/cb",
            "status_callback_method": "GET",
            "content_type": "audio/x-l16;rate=16000",
            "extra_headers": "a=1",
            "noise_cancellation": "true",
            "noise_cancellation_level": 70,
        },
    )
    assert (status, answer["message"]) == (202, "audio streaming started")
    assert set(answer) == {"api_id", "message", "stream_id"}
    desk.run(1.0)
    (leg,) = desk.carrier.legs
    assert leg.stream_id == answer["stream_id"] == desk.carrier.streams[0].stream_id
    assert leg.element == Stream(
        URL,
        bidirectional=True,
        audio_track="inbound",
        stream_timeout=30,
        status_callback_url="https://a.example.com/cb",
        status_callback_method="GET",
        extra_headers="a=1",
        noise_cancellation=True,
        noise_cancellation_level=70,
    )


def test_the_least_that_starts_one():
    desk = Desk()
    assert desk.ask("POST", body={"service_url": URL, "bidirectional": "true", "audio_track": None})[0] == 202
    assert desk.carrier.legs[0].element == Stream(URL, bidirectional=True, content_type=PLIVO_L16_8K)


def test_an_unknown_parameter_is_a_problem_but_no_hindrance():
    desk = Desk()
    body = {"service_url": URL, "call_uuid": desk.carrier.call_id, "keep_call_alive": True}
    assert desk.ask("POST", body=body)[0] == 202
    assert desk.carrier.problems == ["a request to start a stream has the unknown parameter keep_call_alive"]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"{", "the body is no JSON"),
        (b"\xff", "the body is no JSON"),
        (b"", "the body is no JSON"),
        ([], "the body must be an object"),
        ({}, "the body must have a service_url"),
        ({"service_url": 5}, "the body must have a service_url"),
        ({"service_url": "http://x"}, "url must start with wss:// or ws://"),
        ({"service_url": URL, "bidirectional": True, "audio_track": "both"}, "audio_track"),
        ({"service_url": URL, "stream_timeout": -5}, "stream_timeout"),
        ({"service_url": URL, "stream_timeout": [5]}, "stream_timeout must be a text, a number or a flag, not [5]"),
        ({"service_url": URL, "content_type": "audio/mp3"}, "content_type"),
        (b" " * 70_000, "the body must have at most 65536 bytes, not 70000"),
    ],
)
def test_a_request_that_breaks_a_rule_starts_nothing(body, error):
    desk = Desk()
    status, answer = desk.ask("POST", body=body)
    assert status == 400
    assert error in answer["error"]
    assert desk.carrier.legs == []


def test_there_is_one_active_stream_to_a_url_and_one_in_all():
    desk = Desk()
    assert desk.ask("POST", body={"service_url": URL})[0] == 202
    assert desk.ask("POST", body={"service_url": URL})[1]["error"] == f"a stream to {URL} is active already"
    assert "as many streams as it may" in desk.ask("POST", body={"service_url": URL + "2"})[1]["error"]
    assert desk.ask("DELETE") == (204, None)
    assert desk.ask("POST", body={"service_url": URL})[0] == 202


def test_streams_are_listed_page_by_page_and_described():
    desk = Desk()
    for _ in range(3):
        desk.ask("POST", body={"service_url": URL})
        desk.run(5.5)
        desk.ask("DELETE")
    status, page = desk.ask("GET", query="limit=2&offset=1")
    assert status == 200
    assert (page["meta"]["total_count"], page["meta"]["limit"], page["meta"]["offset"]) == (3, 2, 1)
    assert page["meta"]["next"] is None
    assert page["meta"]["previous"].endswith("limit=2&offset=0")
    ids = [leg.stream_id for leg in desk.carrier.legs]
    assert [found["stream_id"] for found in page["objects"]] == ids[1:]
    status, found = desk.ask("GET", f"Stream/{ids[0]}/")
    assert (found["status"], found["bill_duration"], found["rounded_bill_duration"]) == ("completed", 5, 60)
    assert found["call_uuid"] == desk.carrier.call_id
    assert found["start_time"] < found["end_time"]
    assert found["resource_uri"] == f"{desk.path}Stream/{ids[0]}/"


def test_a_stream_is_initiated_then_in_progress():
    desk = Desk()
    stream_id = desk.ask("POST", body={"service_url": URL})[1]["stream_id"]
    found = desk.ask("GET", f"Stream/{stream_id}/")[1]
    assert (found["status"], found["start_time"], found["end_time"]) == ("initiated", None, None)
    desk.run(1.0)
    assert desk.ask("GET", f"Stream/{stream_id}/")[1]["status"] == "in-progress"


@pytest.mark.parametrize("query", ["limit=0", "limit=21", "limit=x", "offset=-1", "offset=many"])
def test_bad_pages(query):
    assert Desk().ask("GET", query=query)[0] == 400


def test_stopping_one_stream_is_told_and_the_next_element_runs():
    desk = Desk(Stream(URL, keep_call_alive=True, status_callback_url="https://a.example.com/cb"), Wait(1))
    desk.run(1.0)
    assert desk.ask("DELETE", f"Stream/{desk.carrier.legs[0].stream_id}/") == (204, None)
    desk.run(10.0)
    assert [e.detail["tag"] for e in desk.carrier.log.named("element")] == ["Stream", "Wait"]
    assert [e.detail["reason"] for e in desk.carrier.log.named("ended")] == ["API request"]
    assert len(desk.carrier.problems) == 2  # nobody answers the two callbacks


def test_a_stream_that_is_stopped_before_it_began_is_not_told_of():
    desk = Desk(Stream(URL, keep_call_alive=True, status_callback_url="https://a.example.com/cb"), Wait(1))
    desk.ask("DELETE")
    desk.run(10.0)
    assert desk.carrier.streams == []
    assert desk.carrier.log.named("HTTP request") == []
    assert desk.carrier.end_reason == "end of XML"


def test_hanging_up_ends_the_call_and_everything_after_is_404():
    desk = Desk()
    assert desk.ask("DELETE", "") == (204, None)
    assert (desk.carrier.end_reason, desk.carrier.ended_at) == ("API", 0.0)
    for method, path in (("DELETE", ""), ("GET", "Stream/"), ("POST", "Stream/")):
        assert desk.ask(method, path)[0] == 404


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer x"},
        {"authorization": "Basic"},
        {"authorization": "Basic " + base64.b64encode(f"{AUTH_ID}:wrong".encode()).decode()},
        {"authorization": "Basic é"},
    ],
)
def test_without_the_account_s_credentials_nothing_is_told_or_done(headers):
    desk = Desk()
    assert desk.ask("DELETE", "", headers=headers)[0] == 401
    assert desk.ask("GET", "/nowhere", headers=headers)[0] == 401
    assert desk.carrier.ended_at == math.inf


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", f"/v1/Account/OTHER/Call/{'x' * 36}/Stream/", 404),
        ("GET", f"/v1/Account/{AUTH_ID}/Call/none/Stream/", 404),
        ("GET", "Stream/none/", 404),
        ("GET", "Record/", 404),
        ("GET", "Stream/a/b/", 404),
        ("PUT", "", 405),
        ("GET", "DTMF/", 405),
        ("POST", "Speak/x/", 404),
        ("PUT", "Stream/", 405),
        ("POST", "Stream/x/", 405),
    ],
)
def test_what_there_is_not(method, path, status):
    assert Desk().ask(method, path)[0] == status


@given(st.sampled_from(["GET", "POST", "DELETE", "PATCH"]), st.text(), st.binary(), st.text())
def test_no_request_raises(method, path, body, query):
    desk = Desk()
    assert desk.ask(method, "/" + path, body=body, query=query)[0] in (400, 404, 405)
    assert desk.ask(method, body=body, query=query)[0] in (200, 204, 400, 405)


def official_client(desk):
    """Return the official package's client, whose requests come to the desk's API."""

    class Adapter:
        """What the package's requests session needs of a transport."""

        def send(self, request, **_):
            headers = {name.lower(): value for name, value in request.headers.items()}
            body = request.body.encode() if isinstance(request.body, str) else request.body or b""
            path, _, query = request.path_url.partition("?")
            answer = desk.api.answer(request.method, path, desk.phone.now, query=query, headers=headers, body=body)
            response = requests.Response()
            response.status_code, response._content, response.request = answer.status, answer.body, request
            response.headers["Content-Type"] = "application/json"
            return response

        def close(self):
            pass

    client = plivo.RestClient(AUTH_ID, TOKEN)
    client.session.mount("https://", Adapter())
    return client


def test_the_official_package_starts_and_stops_streams_and_hangs_up():
    desk = Desk()
    client = official_client(desk)
    started = client.calls.start_stream(desk.carrier.call_id, service_url=URL, bidirectional=True, stream_timeout=60)
    desk.run(1.0)
    assert client.calls.get_details_of_specific_stream(desk.carrier.call_id, started.stream_id).service_url == URL
    assert len(client.calls.get_all_streams(desk.carrier.call_id).objects) == 1
    client.calls.delete_specific_stream(desk.carrier.call_id, started.stream_id)
    assert desk.carrier.streams[0].end_reason == "API request"
    client.calls.hangup(desk.carrier.call_id)
    assert desk.carrier.end_reason == "API"


def test_the_official_package_looks_at_live_calls():
    desk = Desk(from_number="+15555550123")
    client = official_client(desk)
    assert client.calls.live_call_list_ids().calls == [desk.carrier.call_id]
    live = client.calls.live_call_get(desk.carrier.call_id)
    assert (live.call_status, live.call_uuid) == ("in-progress", desk.carrier.call_id)
    assert (live["from"], live.direction, live.session_start) == ("+15555550123", "inbound", "2026-01-01 00:00:00")
    assert client.calls.queued_call_list_ids().calls == []
    with pytest.raises(plivo.exceptions.ResourceNotFoundError):
        client.calls.queued_call_get(desk.carrier.call_id)
    client.calls.hangup(desk.carrier.call_id)
    assert client.calls.live_call_list_ids().calls == []
    with pytest.raises(plivo.exceptions.ResourceNotFoundError):
        client.calls.live_call_get(desk.carrier.call_id)


def test_the_official_package_speaks_plays_and_presses_keys():
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", None))
        file.writeframes(np.full(8000, 5000, "<i2").tobytes())
    desk = Desk(Stream(URL, bidirectional=True, keep_call_alive=True), web=lambda request: (200, sound.getvalue()))
    client = official_client(desk)
    desk.run(1.0)
    assert client.calls.speak(desk.carrier.call_id, text="hold the line, please").message == "speak started"
    assert [len(pcm) for _, pcm in desk.carrier.announced] == [len(murmur("hold the line, please"))]
    desk.run(0.5)
    client.calls.speak_stop(desk.carrier.call_id)
    assert [len(pcm) for _, pcm in desk.carrier.announced] == [8000]
    assert client.calls.play(desk.carrier.call_id, urls="https://a.example.com/x.wav", loop=2).message == "play started"
    desk.run(3.0)
    assert [len(pcm) for _, pcm in desk.carrier.announced] == [8000, 16000]
    assert client.calls.send_digits(desk.carrier.call_id, digits="12#", leg="aleg").message == "digits sent"
    assert desk.carrier.streams[0].digits == ["1", "2", "#"]


def test_the_official_package_transfers_a_call():
    asked = []

    def web(request):
        asked.append((request.purpose, request.method, request.url))
        return 200, Response(Wait(2), Hangup()).to_xml().encode()

    desk = Desk(Stream(URL, bidirectional=True, keep_call_alive=True), Wait(3600), web=web)
    client = official_client(desk)
    desk.run(1.0)
    moved = client.calls.transfer(
        desk.carrier.call_id, legs="aleg", aleg_url="https://a.example.com/next", aleg_method="GET"
    )
    assert moved.message == "call transfered"
    desk.run(60.0)
    (stream,) = desk.carrier.streams
    assert stream.end_reason == "transferred"
    assert [(purpose, method) for purpose, method, _ in asked] == [("transfer", "GET")]
    assert asked[0][2].startswith("https://a.example.com/next?")
    assert desk.carrier.end_reason == "Hangup element"
    assert desk.carrier.ended_at == pytest.approx(3.05, abs=0.01)


@pytest.mark.parametrize(
    ("path", "body", "error"),
    [
        ("", {"legs": "aleg"}, "aleg_url (alegUrl) must start with https://"),
        ("", {"legs": "all", "aleg_url": "https://a.b"}, "legs must be aleg, bleg or both, not 'all'"),
        ("", {"legs": "bleg", "bleg_url": "https://a.b"}, "no other leg"),
        ("Speak/", {"text": " "}, "text must be a text that is not blank"),
        ("Play/", {}, "urls must start with"),
        ("DTMF/", {"digits": "x"}, "digits must be a text of 0-9*#A-D, not 'x'"),
        ("DTMF/", b"[]", "the body must be an object"),
    ],
)
def test_what_a_call_cannot_do_is_said(path, body, error):
    desk = Desk()
    status, answer = desk.ask("POST", path, body=body)
    assert status == 400
    assert error in answer["error"]


def test_the_asgi_application_refuses_what_is_too_long_without_reading_it_all():
    desk = Desk()

    async def ask():
        transport = httpx.ASGITransport(asgi_app(desk.api, lambda: desk.phone.now))
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            long = await client.post(desk.path + "Stream/", content=b" " * 10**6, auth=(AUTH_ID, TOKEN))
            barred = await client.get(desk.path + "Stream/")
            fine = await client.delete(desk.path, auth=(AUTH_ID, TOKEN))
        return long, barred, fine

    long, barred, fine = asyncio.run(ask())
    assert long.status_code == 400
    assert (barred.status_code, barred.headers["www-authenticate"]) == (401, 'Basic realm="API"')
    assert (fine.status_code, fine.content) == (204, b"")
