"""The two clients, blocking and async; what they send and how they read it is in `operations`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

try:
    import httpx
except ModuleNotFoundError as _error:
    raise ModuleNotFoundError(
        f"the API needs {_error.name}; pip install 'voiceband[api]' brings it", name=_error.name
    ) from None

from voiceband._certificates import trusted
from voiceband.api.operations import BASE_URL, Operation, Operations

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Self

    from voiceband.api.records import StartedStream, StreamInfo, StreamPage
    from voiceband.markup import Stream

C = TypeVar("C")
T = TypeVar("T")


class _Client(Generic[C]):
    """What both clients are made of: an account, and what sends the requests."""

    _make: ClassVar[Callable[..., Any]]

    def __init__(
        self,
        auth_id: str | None = None,
        auth_token: str | None = None,
        *,
        base_url: str = BASE_URL,
        timeout_s: float = 10.0,
        client: C | None = None,
    ) -> None:
        self._operations = Operations(auth_id, auth_token, base_url)
        self._own = client is None
        self._client: C = self._make(timeout=timeout_s, verify=trusted()) if client is None else client

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self._operations.base_url!r})"


class PlivoClient(_Client["httpx.Client"]):
    """Streams and hang-up of one account, blocking. Threads may share it.

    Nothing is sent twice by itself, and redirections are not followed.

    Parameters
    ----------
    auth_id, auth_token : str, optional
        Of the account; default: the environment's ``PLIVO_AUTH_ID`` and ``PLIVO_AUTH_TOKEN``.
    base_url : str, optional
        Where the API is.
    timeout_s : float, optional
        Seconds to wait for each step of a request.
    client : httpx.Client, optional
        Sends the requests, with its own timeout; it stays yours to close.

    Raises
    ------
    ValueError
        If credentials are missing or `base_url` is not a URL.
    """

    _make = httpx.Client

    def start_stream(self, call_id: str, stream: Stream | str) -> StartedStream:
        """Start a stream of a call that is running.

        Parameters
        ----------
        call_id : str
            Of the call.
        stream : Stream or str
            The stream, without ``keep_call_alive``; or its URL, and defaults for all else.

        Returns
        -------
        started : StartedStream
            With the stream's id.

        Raises
        ------
        ApiError
            If the API refuses, such as with status 400 when a stream to that URL is running.
        ApiConnectionError
            If no answer comes.
        ValueError
            If an argument breaks its rule; nothing has been sent then.
        """
        return self._send(self._operations.start_stream(call_id, stream))

    def list_streams(self, call_id: str, *, limit: int | None = None, offset: int | None = None) -> StreamPage:
        """List a call's streams.

        Parameters
        ----------
        call_id : str
            Of the call.
        limit, offset : int, optional
            How many at most, and how many to skip.

        Returns
        -------
        page : StreamPage
            The streams, and whether there are more.

        Raises
        ------
        ApiError, ApiConnectionError, ValueError
            As `start_stream`.
        """
        return self._send(self._operations.list_streams(call_id, limit, offset))

    def get_stream(self, call_id: str, stream_id: str) -> StreamInfo:
        """Return what the API knows of a stream; errors as `start_stream`."""
        return self._send(self._operations.get_stream(call_id, stream_id))

    def stop_stream(self, call_id: str, stream_id: str) -> None:
        """Stop a stream, not the call; errors as `start_stream`."""
        self._send(self._operations.stop_stream(call_id, stream_id))

    def stop_all_streams(self, call_id: str) -> None:
        """Stop all streams of a call, not the call; errors as `start_stream`."""
        self._send(self._operations.stop_all_streams(call_id))

    def hangup(self, call_id: str) -> bool:
        """End a call.

        Parameters
        ----------
        call_id : str
            Of the call.

        Returns
        -------
        ended : bool
            True if this ended it; False if it was over already (status 404), which is no error.

        Raises
        ------
        ApiError, ApiConnectionError, ValueError
            As `start_stream`.
        """
        return self._send(self._operations.hangup(call_id))

    def close(self) -> None:
        """Close the connections, unless `client` was given."""
        if self._own:
            self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(self, operation: Operation[T]) -> T:
        try:
            response = self._client.request(**_arguments(self._operations, operation))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            failure = self._operations.no_answer(operation, error)
        else:
            return self._operations.finish(operation, response.status_code, response.content)
        raise failure  # outside, since the first error holds the request with its credentials


class AsyncPlivoClient(_Client["httpx.AsyncClient"]):
    """The client with coroutines, for one event loop; otherwise like `PlivoClient`.

    Parameters
    ----------
    auth_id, auth_token, base_url, timeout_s : optional
        As for `PlivoClient`.
    client : httpx.AsyncClient, optional
        Sends the requests, with its own timeout; it stays yours to close.

    Raises
    ------
    ValueError
        If credentials are missing or `base_url` is not a URL.
    """

    _make = httpx.AsyncClient

    async def start_stream(self, call_id: str, stream: Stream | str) -> StartedStream:
        """See `PlivoClient.start_stream`."""
        return await self._send(self._operations.start_stream(call_id, stream))

    async def list_streams(self, call_id: str, *, limit: int | None = None, offset: int | None = None) -> StreamPage:
        """See `PlivoClient.list_streams`."""
        return await self._send(self._operations.list_streams(call_id, limit, offset))

    async def get_stream(self, call_id: str, stream_id: str) -> StreamInfo:
        """See `PlivoClient.get_stream`."""
        return await self._send(self._operations.get_stream(call_id, stream_id))

    async def stop_stream(self, call_id: str, stream_id: str) -> None:
        """See `PlivoClient.stop_stream`."""
        await self._send(self._operations.stop_stream(call_id, stream_id))

    async def stop_all_streams(self, call_id: str) -> None:
        """See `PlivoClient.stop_all_streams`."""
        await self._send(self._operations.stop_all_streams(call_id))

    async def hangup(self, call_id: str) -> bool:
        """See `PlivoClient.hangup`."""
        return await self._send(self._operations.hangup(call_id))

    async def aclose(self) -> None:
        """Close the connections, unless `client` was given."""
        if self._own:
            await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _send(self, operation: Operation[T]) -> T:
        try:
            response = await self._client.request(**_arguments(self._operations, operation))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            failure = self._operations.no_answer(operation, error)
        else:
            return self._operations.finish(operation, response.status_code, response.content)
        raise failure  # outside, as above


def _arguments(operations: Operations, operation: Operation[Any]) -> dict[str, Any]:
    return {
        "method": operation.method,
        "url": operation.url,
        "json": operation.json,
        "params": operation.query or None,
        "auth": httpx.BasicAuth(*operations.auth),
        "headers": {"Accept": "application/json"},
        "follow_redirects": False,
    }
