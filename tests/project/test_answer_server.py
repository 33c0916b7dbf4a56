"""The answer server as the carrier meets it: over real HTTP, and with an emulated call on its stream."""

import asyncio
import os
import subprocess
import sys

import httpx
import numpy as np
import pytest
from voiceband.examples.answer_server import create_app
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from _support.asgi import uvicorn_server
from _support.drivers import eventually
from _support.one_connection import call_agent
from voiceband.callbacks import sign_v3
from voiceband.markup import Hangup, Response, Stream
from voiceband.servers.fastapi import settings

TOKEN = "MzAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw0"
FORM = {"CallUUID": "c-1", "From": "+14155550100", "Event": "StartApp"}
STATUS = {"Event": "StopStream", "CallUUID": "c-1", "StreamID": "s-1", "Duration": "3"}


def served(scenario, token=None, **options):
    async def main():
        def make(address):
            return create_app(f"http://{address}", token, **options)

        async with uvicorn_server(make, **settings()) as address, httpx.AsyncClient() as http, asyncio.timeout(30):
            return await scenario(http, address)

    return asyncio.run(main())


def signed(method, url, params=None):
    nonce = "12345678901234567890"
    return {
        "X-Plivo-Signature-V3": sign_v3(method, url, nonce, TOKEN, params),
        "X-Plivo-Signature-V3-Nonce": nonce,
    }


def test_a_call_from_its_answer_to_the_parrots_reply():
    async def scenario(http, address):
        answer = await http.post(f"http://{address}/answer", data=FORM)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/xml")
        stream, hangup = Response.from_xml(answer.content)
        assert isinstance(stream, Stream)
        assert hangup == Hangup()
        assert stream.url == f"ws://{address}/stream"
        assert stream.bidirectional
        sentence = np.random.default_rng(5).normal(0, 4000, 4000).astype(np.int16)
        # 0.5 s of sentence, the parrot's 0.5 s of pause, and its reply.
        carrier = await call_agent(stream.url, stream.content_type, say=sentence, seconds=1.9)
        (emulated,) = carrier.streams
        assert carrier.end_reason == "caller"
        heard = stream.content_type.decode(b"".join(bytes(run.data) for run in emulated.player.runs)).astype(float)
        sent = stream.content_type.decode(stream.content_type.encode(sentence)).astype(float)
        assert max(np.correlate(heard, sent, "valid")) > 0.99 * np.dot(sent, sent)
        for url in (stream.status_callback_url, f"http://{address}/stream-status"):
            assert (await http.post(url, data=STATUS)).status_code == 204
            assert (await http.get(url, params=STATUS)).status_code == 204

    served(scenario)


def test_only_the_carriers_requests_are_answered_when_there_is_a_token():
    calls = []

    async def agent(call):
        calls.append(call)

    async def scenario(http, address):
        for path, form in (("/answer", FORM), ("/stream-status", STATUS)):
            url = f"http://{address}{path}"
            assert (await http.post(url, data=form)).status_code == 403
            assert (await http.post(url, data=form, headers=signed("POST", url, {"other": "form"}))).status_code == 403
            assert (await http.post(url, data=form, headers=signed("POST", url, form))).is_success
            query = f"{url}?{httpx.QueryParams(form)}"
            assert (await http.get(query, headers=signed("GET", query))).is_success
        assert (await http.post(f"http://{address}/answer", content=b"x" * 70_000)).status_code == 413
        url = f"ws://{address}/stream"
        for headers, status in (({}, 401), (signed("GET", f"http://{address}/other"), 403)):
            with pytest.raises(InvalidStatus) as caught:
                await connect(url, additional_headers=headers)
            assert caught.value.response.status_code == status
        assert calls == []
        async with connect(url, additional_headers=signed("GET", f"http://{address}/stream")):
            await eventually(lambda: calls)

    served(scenario, TOKEN, agent=agent)


def test_status_callbacks_are_told_in_the_log_without_numbers(caplog):
    async def scenario(http, address):
        await http.post(f"http://{address}/stream-status", data={**STATUS, "From": "+14155550100"})

    with caplog.at_level("INFO", "answer_server"):
        served(scenario)
    assert "StatusCallback(event='stopped', call_id='c-1', stream_id='s-1', duration_s=3.0)" in caplog.text
    assert "14155550100" not in caplog.text


def test_an_address_that_is_none_is_refused_before_any_call():
    with pytest.raises(ValueError, match="url"):
        create_app("voice.example.com")


def test_an_empty_token_is_refused_before_any_call():
    with pytest.raises(ValueError, match="auth_token"):
        create_app("https://voice.example.com", "")


def test_a_slash_at_the_end_of_the_address_is_not_doubled():
    async def main():
        app = create_app("https://voice.example.com/")
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as http:
            return Response.from_xml((await http.get("http://voice/answer")).content)

    stream, _ = asyncio.run(main())
    assert stream.url == "wss://voice.example.com/stream"
    assert stream.status_callback_url == "https://voice.example.com/stream-status"


def test_a_form_with_too_many_fields_is_a_bad_request():
    async def scenario(http, address):
        content = "&".join(f"a{i}=1" for i in range(1001))
        assert (await http.post(f"http://{address}/stream-status", content=content)).status_code == 400

    served(scenario)


@pytest.mark.skipif(sys.platform == "win32", reason="the signal is POSIX's")
def test_it_runs_as_a_command_and_stops_on_ctrl_c():
    code = (
        "import uvicorn, runpy; run = uvicorn.run;"
        "uvicorn.run = lambda app, **o: run(app, **{**o, 'host': '127.0.0.1', 'port': 0});"
        "runpy.run_module('voiceband.examples.answer_server', run_name='__main__')"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    ) as process:
        try:
            for line in process.stderr:
                if "Uvicorn running on http://127.0.0.1:" in line:
                    break
            port = int(line.split("http://127.0.0.1:")[1].split()[0])
            assert "/stream" in httpx.get(f"http://127.0.0.1:{port}/answer").text
            process.send_signal(2)
            assert "Traceback" not in process.stderr.read()
        finally:
            process.kill()
