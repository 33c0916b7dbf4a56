"""All that a carrier asks of an agent, in one FastAPI application: the XML, the status callbacks and the stream.

    pip install 'voiceband[fastapi]'
    PUBLIC_URL=https://voice.example.com PLIVO_AUTH_TOKEN=... python -m voiceband.examples.answer_server

``https://voice.example.com/answer`` is then the answer URL of the number. With the token, only requests that the
carrier has signed are answered; without it, everyone's are. The other examples run in the same server, each with
attributes of its own for the stream.
"""

import logging
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response, WebSocket
from voiceband.examples.agent import agent as parrot

from voiceband import markup
from voiceband.callbacks import StatusCallback, verify_v3
from voiceband.servers import CallHandle
from voiceband.servers.fastapi import accept, settings

MAX_FORM_BYTES = 64 * 1024
TRACKS = ("inbound", "outbound")

log = logging.getLogger("answer_server")


TALK = {"bidirectional": True, "keep_call_alive": True, "content_type": "audio/x-mulaw;rate=8000"}
"""The attributes of a stream on which an agent talks with the caller."""


def create_app(
    public_url: str,
    auth_token: str | None = None,
    agent: Callable[[CallHandle], Awaitable[object]] = parrot,
    stream: Mapping[str, Any] = TALK,
    then: Sequence[markup.Element] = (markup.Hangup(),),  # with keep_call_alive: when the stream has ended
) -> FastAPI:
    """Return the application of `agent`, which the carrier reaches at `public_url`."""
    app = FastAPI()
    public_url = public_url.rstrip("/")
    if auth_token == "":
        raise ValueError("auth_token must not be empty; without signatures it is None")
    stream_url, status_url = "ws" + public_url.removeprefix("http") + "/stream", public_url + "/stream-status"
    answer = markup.Response(markup.Stream(stream_url, status_callback_url=status_url, **stream), *then).to_xml()

    async def form(request: Request) -> bytes:
        """Return the body of the carrier's request, or refuse it."""
        body = b""
        async for piece in request.stream():
            body += piece
            if len(body) > MAX_FORM_BYTES:
                raise HTTPException(413)
        if auth_token is not None and not verify_v3(
            request.method, str(request.url), request.headers, auth_token, body, public_base_url=public_url
        ):
            raise HTTPException(403)
        return body

    @app.api_route("/answer", methods=["GET", "POST"])
    async def answer_url(request: Request) -> Response:
        await form(request)
        return Response(answer, media_type="application/xml")

    @app.api_route("/stream-status", methods=["GET", "POST"])
    async def stream_status(request: Request) -> Response:
        content = await form(request) or request.url.query
        try:
            log.info("%s", StatusCallback.parse(content))
        except ValueError as error:  # too many fields
            raise HTTPException(400, str(error)) from None
        return Response(status_code=204)

    @app.websocket("/stream")
    async def stream_socket(websocket: WebSocket) -> None:
        # Both tracks are heard, if the stream has both.
        async with accept(websocket, auth_token=auth_token, public_base_url=public_url, tracks=TRACKS) as call:
            await agent(call)

    return app


def main(agent: Callable[[CallHandle], Awaitable[object]] = parrot, **options: Any) -> None:
    """Serve `agent` until Ctrl-C; the options are those of `create_app`."""
    logging.basicConfig(level=logging.INFO)
    url, token = os.environ.get("PUBLIC_URL", "http://127.0.0.1:8080"), os.environ.get("PLIVO_AUTH_TOKEN")
    port = int(os.environ.get("PORT", "8080"))
    uvicorn.run(create_app(url, token, agent, **options), host="0.0.0.0", port=port, **settings())


if __name__ == "__main__":
    main()
