"""The REST clients: every operation over real HTTP, the official package's requests beside ours, and failures."""

import asyncio
import base64
import json
import pickle
import subprocess
import sys
import traceback
from datetime import UTC, datetime
from decimal import Decimal

import httpx
import plivo
import pytest

from _support.web import Web
from voiceband.api import ApiConnectionError, ApiError, AsyncPlivoClient, PlivoClient, StreamInfo
from voiceband.formats import PLIVO_L16_16K, PLIVO_MULAW_8K
from voiceband.markup import Stream

AUTH_ID, TOKEN = "MAXXXXXXXXXXXXXXXXXX", "SecretToken/0+=&é"
CALL, STREAM = "7aea0680-1f8c-46c2-a04f-990e2e0d52eb", "26b95870-2b2f-45be-88dc-aedd0fcccec6"
URL = "wss://agent.example.com/ws"

OBJECT = {
    "api_id": "5f7b3c1a",
    "stream_id": STREAM,
    "call_uuid": CALL,
    "service_url": URL,
    "bidirectional": True,
    "audio_track": "inbound",
    "content_type": "audio/x-l16;rate=16000",
    "start_time": "2026-01-15 10:30:00",
    "end_time": "2026-01-15 10:32:05",
    "created_at": "2026-01-15 10:29:59+05:30",
    "bill_duration": 125,
    "rounded_bill_duration": "180",
    "billed_amount": "0.00450",
    "plivo_auth_id": AUTH_ID,
    "resource_uri": f"/v1/Account/{AUTH_ID}/Call/{CALL}/Stream/{STREAM}/",
}


@pytest.fixture
def carrier():
    """The carrier's end: it has a stream to tell of."""
    with Web(200, json.dumps(OBJECT).encode()) as web:
        yield web


@pytest.fixture(params=["sync", "async"])
def call(request, carrier):
    """Call a method of either client, by its name, against the carrier."""

    def run(name, *args, **kwargs):
        if request.param == "sync":
            with PlivoClient(AUTH_ID, TOKEN, base_url=carrier.url) as client:
                return getattr(client, name)(*args, **kwargs)

        async def main():
            async with AsyncPlivoClient(AUTH_ID, TOKEN, base_url=carrier.url + "/") as client:
                return await getattr(client, name)(*args, **kwargs)

        return asyncio.run(main())

    return run


BASE = f"/v1/Account/{AUTH_ID}/Call/{CALL}"


def test_start(call, carrier):
    carrier.answer = (202, b'{"api_id":"a","message":"audio streaming started","stream_id":"s-1"}', {})
    stream = Stream(
        URL, bidirectional=True, audio_track="inbound", stream_timeout=60, content_type=PLIVO_MULAW_8K,
        extra_headers={"a": 1}, status_callback_url="https://e.com/s", status_callback_method="GET",
        noise_cancellation=True, noise_cancellation_level=70,
    )  # fmt: skip
    started = call("start_stream", CALL, stream)
    assert (started.stream_id, started.message, started.api_id) == ("s-1", "audio streaming started", "a")
    ((method, path, headers, body),) = carrier.requests
    assert (method, path) == ("POST", f"{BASE}/Stream/")
    assert headers["Content-Type"] == "application/json"
    assert headers["Authorization"] == "Basic " + base64.b64encode(f"{AUTH_ID}:{TOKEN}".encode()).decode()
    assert json.loads(body) == {
        "service_url": URL, "bidirectional": True, "audio_track": "inbound", "stream_timeout": 60,
        "content_type": "audio/x-mulaw;rate=8000", "extra_headers": "a=1", "status_callback_url": "https://e.com/s",
        "status_callback_method": "GET", "noise_cancellation": "true", "noise_cancellation_level": 70,
    }  # fmt: skip


def test_start_by_url_alone_names_the_format(call, carrier):
    call("start_stream", CALL, URL)
    assert json.loads(carrier.requests[0][3]) == {"service_url": URL, "content_type": "audio/x-l16;rate=16000"}


def test_list(call, carrier):
    meta = {"limit": 20, "offset": 0, "next": "/v1/...", "previous": None, "total_count": 21}
    carrier.answer = (200, json.dumps({"api_id": "a", "meta": meta, "objects": [OBJECT, {}]}).encode(), {})
    page = call("list_streams", CALL, limit=20, offset=0)
    assert (page.limit, page.offset, page.total_count, page.has_next) == (20, 0, 21, True)
    assert [stream.stream_id for stream in page.streams] == [STREAM, None]
    assert carrier.requests[0][:2] == ("GET", f"{BASE}/Stream/?limit=20&offset=0")
    carrier.answer = (200, b'{"meta": {"count": 0}, "objects": []}', {})
    page = call("list_streams", CALL)
    assert (page.streams, page.total_count, page.has_next) == ((), 0, False)
    assert carrier.requests[1][:2] == ("GET", f"{BASE}/Stream/")


def test_get(call, carrier):
    info = call("get_stream", CALL, STREAM)
    assert carrier.requests[0][:2] == ("GET", f"{BASE}/Stream/{STREAM}/")
    assert info == StreamInfo.from_json(OBJECT)
    assert (info.stream_id, info.call_id, info.service_url, info.account_id) == (STREAM, CALL, URL, AUTH_ID)
    assert (info.bidirectional, info.audio_track, info.content_type) == (True, "inbound", PLIVO_L16_16K)
    assert info.start_time == datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
    assert (info.end_time - info.start_time).total_seconds() == info.bill_duration_s == 125
    assert info.created_at == datetime(2026, 1, 15, 4, 59, 59, tzinfo=UTC)
    assert (info.rounded_bill_duration_s, info.billed_amount) == (180, Decimal("0.00450"))
    assert (info.status, info.raw) == (None, OBJECT)
    assert AUTH_ID not in repr(info)


@pytest.mark.parametrize("status", [204, 200, 202])
def test_stop(call, carrier, status):
    carrier.answer = (status, b"" if status == 204 else b"not json, and never mind", {})
    assert call("stop_stream", CALL, STREAM) is None
    assert call("stop_all_streams", CALL) is None
    assert [r[:2] for r in carrier.requests] == [
        ("DELETE", f"{BASE}/Stream/{STREAM}/"),
        ("DELETE", f"{BASE}/Stream/"),
    ]


def test_hangup(call, carrier):
    carrier.answer = (204, b"", {})
    assert call("hangup", CALL) is True
    carrier.answer = (404, b'{"error": "call not found"}', {})
    assert call("hangup", CALL) is False  # it was over already
    assert [r[:2] for r in carrier.requests] == [("DELETE", f"{BASE}/")] * 2
    for name, *others in (("stop_stream", STREAM), ("stop_all_streams",), ("get_stream", STREAM), ("list_streams",)):
        with pytest.raises(ApiError) as raised:
            call(name, CALL, *others)
        assert raised.value.status == 404


def test_requests_equal_the_official_packages(call, carrier, monkeypatch):
    monkeypatch.setattr(plivo.rest.client, "API_VOICE_BASE_URI", f"{carrier.url}/v1/Account")
    official = plivo.RestClient("MAXXXXXXXXXXXXXXXXXX", "token")
    options = {
        "bidirectional": True, "audio_track": "inbound", "stream_timeout": 60, "extra_headers": "a=1,b=2",
        "content_type": "audio/x-l16;rate=8000", "status_callback_url": "https://e.com/s",
        "status_callback_method": "POST",
    }  # fmt: skip
    with official:
        official.calls.start_stream(CALL, URL, **options)
        official.calls.get_details_of_specific_stream(CALL, STREAM)
        official.calls.get_all_streams(CALL)
        carrier.answer = (204, b"", {})
        official.calls.delete_specific_stream(CALL, STREAM)
        official.calls.delete_all_streams(CALL)
    theirs, carrier.requests = carrier.requests, []
    carrier.answer = (200, json.dumps({**OBJECT, "objects": []}).encode(), {})
    call("start_stream", CALL, Stream(URL, **options))
    call("get_stream", CALL, STREAM)
    call("list_streams", CALL)
    carrier.answer = (204, b"", {})
    call("stop_stream", CALL, STREAM)
    call("stop_all_streams", CALL)
    assert [r[:2] for r in carrier.requests] == [r[:2] for r in theirs]
    body = json.loads(theirs[0][3])
    assert body.pop("call_uuid") == CALL  # which is in the path already
    assert json.loads(carrier.requests[0][3]) == body


# Failures -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 400, 401, 403, 404, 429, 500, 503])
def test_refusals(call, carrier, status):
    echo = (
        f'{{"error": "bad {AUTH_ID}:{TOKEN}",\n "basic": "{base64.b64encode(f"{AUTH_ID}:{TOKEN}".encode()).decode()}"}}'
    )
    carrier.answer = (status, echo.encode() + b" x" * 1000 + b"\xff", {"Location": "http://127.0.0.1:1/"})
    with pytest.raises(ApiError, match=f"could not start a stream of call '{CALL}': HTTP {status}: .*bad") as raised:
        call("start_stream", CALL, URL)
    error = raised.value
    assert (error.status, type(error), len(error.body)) == (status, ApiError, 500)
    assert error.operation == f"start a stream of call '{CALL}'"
    assert len(carrier.requests) == 1  # neither repeated nor redirected
    text = "".join(traceback.format_exception(error)) + repr(error) + str(error.args)
    for secret in (TOKEN, AUTH_ID, base64.b64encode(f"{AUTH_ID}:{TOKEN}".encode()).decode()):
        assert secret not in text
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_a_token_at_the_end_of_the_excerpt_is_not_cut_into(call, carrier):
    carrier.answer = (400, b"x" * 490 + TOKEN.encode() + b"y" * 100, {})
    with pytest.raises(ApiError) as raised:
        call("hangup", CALL)
    assert raised.value.body == ("x" * 490 + "***" + "y" * 100)[:500]


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"null", b"{}", b'{"stream_id": 5}', b'{"stream_id": " "}', b"\xff", b"[" * 100_000]
)
def test_answers_that_are_none(call, carrier, body):
    carrier.answer = (200, body, {})
    with pytest.raises(ApiError, match="HTTP 200"):
        call("start_stream", CALL, URL)


@pytest.mark.parametrize("body", [b"{}", b'{"objects": 5}', b'{"objects": [5]}', b'{"objects": {}}'])
def test_lists_that_are_none(call, carrier, body):
    carrier.answer = (200, body, {})
    with pytest.raises(ApiError, match="no list of objects"):
        call("list_streams", CALL)


def test_odd_values_are_none_and_kept(call, carrier):
    odd = {
        "stream_id": 5, "bidirectional": "perhaps", "content_type": "raw", "start_time": "soon", "bill_duration": "x",
        "billed_amount": "NaN", "rounded_bill_duration": 1.5, "created_at": None, "audio_track": [],
    }  # fmt: skip
    carrier.answer = (200, json.dumps(odd).encode(), {})
    info = call("get_stream", CALL, STREAM)
    assert info == StreamInfo(raw=odd)
    assert StreamInfo.from_json({"billed_amount": "free"}).billed_amount is None
    assert StreamInfo.from_json({"billed_amount": True}).billed_amount is None


def test_no_answer(call, carrier):
    carrier.answer = (None, b"", {})
    with pytest.raises(ApiConnectionError, match=r"could not hang up call .*: no answer: .*Error") as raised:
        call("hangup", CALL)
    error = raised.value
    assert error.status is None
    assert error.__cause__ is None
    assert error.__context__ is None  # httpx's error holds the request, and that the credentials


def test_a_time_that_is_over_is_no_answer():
    def answer(request):
        raise httpx.ReadTimeout("timed out", request=request)

    client = PlivoClient(AUTH_ID, TOKEN, client=httpx.Client(transport=httpx.MockTransport(answer)))
    with pytest.raises(ApiConnectionError, match="ReadTimeout: timed out"):
        client.hangup(CALL)


# Configuration --------------------------------------------------------------------------------------------------------


def test_a_client_of_the_users_stays_open():
    seen = []

    def answer(request):
        seen.append(request)
        return httpx.Response(204)

    with httpx.Client(transport=httpx.MockTransport(answer), follow_redirects=True) as own:
        with PlivoClient(AUTH_ID, TOKEN, client=own) as client:
            client.hangup(CALL)
        assert not own.is_closed
    assert str(seen[0].url) == f"https://api.plivo.com/v1/Account/{AUTH_ID}/Call/{CALL}/"

    async def main():
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as own:
            async with AsyncPlivoClient(AUTH_ID, TOKEN, client=own) as client:
                await client.hangup(CALL)
            assert not own.is_closed
        client = AsyncPlivoClient(AUTH_ID, TOKEN)
        await client.aclose()
        with pytest.raises(RuntimeError, match="closed"):
            await client.hangup(CALL)

    asyncio.run(main())
    assert len(seen) == 2


def test_credentials_come_from_the_environment_too(monkeypatch, carrier):
    monkeypatch.setenv("PLIVO_AUTH_ID", "MAENVIRONMENT")
    monkeypatch.setenv("PLIVO_AUTH_TOKEN", "t")
    with PlivoClient(base_url=carrier.url) as client:
        client.hangup(CALL)
    assert carrier.requests[0][1] == f"/v1/Account/MAENVIRONMENT/Call/{CALL}/"
    monkeypatch.delenv("PLIVO_AUTH_TOKEN")
    with pytest.raises(ValueError, match="auth_token must be given, or be in the environment as PLIVO_AUTH_TOKEN"):
        PlivoClient()
    with pytest.raises(ValueError, match="auth_id"):
        AsyncPlivoClient("", "t")


@pytest.mark.parametrize(
    "url", ["api.plivo.com", "ftp://e.com", "https://user:pw@e.com", "https://e.com/?a=1", "https://", 5]
)
def test_base_urls_that_are_none(url):
    with pytest.raises(ValueError if isinstance(url, str) else TypeError, match="base_url") as raised:
        PlivoClient(AUTH_ID, TOKEN, base_url=url)
    assert "pw" not in str(raised.value)


def test_representations_hold_no_credentials():
    with PlivoClient(AUTH_ID, TOKEN) as client:
        assert repr(client) == "PlivoClient(base_url='https://api.plivo.com')"
        assert AUTH_ID not in repr(vars(client))
        assert TOKEN not in repr(vars(client))
    assert repr(AsyncPlivoClient(AUTH_ID, TOKEN)) == "AsyncPlivoClient(base_url='https://api.plivo.com')"


def test_bad_arguments_send_nothing(call, carrier):
    for error, names in ((ValueError, ("", " ", ".", "..")), (TypeError, (None, 5))):
        for name in names:
            with pytest.raises(error, match="call_id"):
                call("hangup", name)
            with pytest.raises(error, match="stream_id"):
                call("stop_stream", CALL, name)  # an empty one would have stopped all
    for error, arguments in (
        (ValueError, {"limit": 0}),
        (TypeError, {"limit": True}),
        (ValueError, {"offset": -1}),
        (TypeError, {"offset": "5"}),
    ):
        with pytest.raises(error, match=next(iter(arguments))):
            call("list_streams", CALL, **arguments)
    with pytest.raises(ValueError, match="keep_call_alive"):
        call("start_stream", CALL, Stream(URL, keep_call_alive=True))
    with pytest.raises(ValueError, match="url"):
        call("start_stream", CALL, "https://e.com")
    with pytest.raises(TypeError, match="stream"):
        call("start_stream", CALL, None)
    assert carrier.requests == []


def test_identifiers_stay_in_their_segment(call, carrier):
    carrier.answer = (204, b"", {})
    call("stop_stream", "a/../b?x#y", "ü %2F")
    assert carrier.requests[0][1] == f"/v1/Account/{AUTH_ID}/Call/a%2F..%2Fb%3Fx%23y/Stream/%C3%BC%20%252F/"


def test_without_httpx_the_extra_is_named():
    code = "import sys; sys.modules['httpx'] = None; import voiceband.markup, voiceband.callbacks; import voiceband.api"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 1
    assert "pip install 'voiceband[api]'" in result.stderr
