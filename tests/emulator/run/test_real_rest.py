"""The carrier's REST API during phone calls on real sockets."""

import asyncio

import pytest
from websockets.asyncio.server import serve

from _support.phone_calls import go, url
from voiceband.api import ApiError, AsyncPlivoClient
from voiceband.emulator import Carrier, RestApi, run_call, serve_api
from voiceband.formats import PLIVO_L16_16K
from voiceband.markup import Response, Stream, Wait


class TestRest:
    def test_every_operation_of_our_client_on_a_live_call(self):
        async def agent(socket):
            async for _ in socket:
                pass

        async def scenario():
            carrier = Carrier(Response(Wait(60)))
            api = RestApi(carrier.auth_id, carrier.auth_token, [carrier], seed=1)
            async with serve(agent, "127.0.0.1", 0) as server, serve_api(api) as base:
                going = asyncio.create_task(run_call(carrier))
                await asyncio.sleep(0)
                async with AsyncPlivoClient(carrier.auth_id, carrier.auth_token, base_url=base) as client:
                    with pytest.raises(ApiError, match="HTTP 404"):
                        await client.get_stream(carrier.call_id, "none")
                    stream = Stream(
                        url(server),
                        bidirectional=True,
                        content_type=PLIVO_L16_16K,
                        stream_timeout=50,
                        noise_cancellation=True,
                        noise_cancellation_level=70,
                        extra_headers={"a": 1},
                    )
                    made = await client.start_stream(carrier.call_id, stream)
                    while not carrier.streams:
                        await asyncio.sleep(0.005)
                    assert carrier.streams[0].element == stream
                    with pytest.raises(ApiError, match="active already"):
                        await client.start_stream(carrier.call_id, stream)
                    shown = await client.get_stream(carrier.call_id, made.stream_id)
                    assert (shown.status, shown.service_url) == ("in-progress", stream.url)
                    page = await client.list_streams(carrier.call_id)
                    assert [s.stream_id for s in page.streams] == [made.stream_id]
                    await client.stop_stream(carrier.call_id, made.stream_id)
                    assert carrier.streams[0].end_reason == "API request"
                    await client.stop_all_streams(carrier.call_id)
                    assert await client.hangup(carrier.call_id) is True
                    assert await client.hangup(carrier.call_id) is False
                await going
            return carrier

        assert go(scenario).end_reason == "API"

    def test_a_wrong_token_opens_nothing(self):
        async def scenario():
            carrier = Carrier(Response(Wait(60)))
            carrier.start(0.0)
            async with (
                serve_api(RestApi(carrier.auth_id, carrier.auth_token, [carrier])) as base,
                AsyncPlivoClient(carrier.auth_id, "wrong", base_url=base) as client,
            ):
                with pytest.raises(ApiError, match="HTTP 401"):
                    await client.hangup(carrier.call_id)
            return carrier

        assert go(scenario).end_reason == ""
