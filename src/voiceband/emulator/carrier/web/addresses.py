"""`Addresses`: where the carrier dials, and what it signs, where an agent is called under another name than its own."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit, urlunsplit

from voiceband.markup import Response, Stream
from voiceband.markup.values import url as check_url

_SECURE = {"https": "https", "http": "https", "wss": "wss", "ws": "wss"}
_PLAIN = {"https": "http", "http": "http", "wss": "ws", "ws": "ws"}


class Addresses:
    """Two names of one server: where it is dialled, and where the public knows it.

    Parameters
    ----------
    answer : str, Response or Stream
        What the call is answered with: it has the server's address here.
    public_base_url : str or None
        The server's public address, as `voiceband serve --url` has it; None if it is the same.
    stream_url : str or None
        Where every stream is dialled, whatever the XML says.
    """

    def __init__(self, answer: str | Response | Stream, public_base_url: str | None, stream_url: str | None) -> None:
        if public_base_url is not None:
            check_url("public_base_url", public_base_url, tuple(_PLAIN))
        if stream_url is not None:
            check_url("stream_url", stream_url, ("wss", "ws"))
        self.stream_url = stream_url
        self._here = self._there = None
        target = _target(answer)
        if public_base_url is not None and target is not None:
            self._here, self._there = urlsplit(target), urlsplit(public_base_url.rstrip("/"))

    def dialled(self, url: str, *, stream: bool = False) -> str:
        """Return where a URL is dialled."""
        if stream and self.stream_url is not None:
            return self.stream_url
        here, there = self._here, self._there
        parts = urlsplit(url)
        if here is None or there is None or parts.netloc != there.netloc:
            return url
        path = parts.path.removeprefix(there.path)
        return _moved(parts, here, path)

    def signed(self, url: str) -> str:
        """Return the name under which a URL is signed."""
        here, there = self._here, self._there
        parts = urlsplit(url)
        if here is None or there is None or parts.netloc != here.netloc:
            return url
        return _moved(parts, there, there.path + parts.path)


def _target(answer: str | Response | Stream) -> str | None:
    """Return the address of the server that is called."""
    if isinstance(answer, str):
        return answer
    elements = answer.elements if isinstance(answer, Response) else (answer,)
    return next((element.url for element in elements if isinstance(element, Stream)), None)


def _moved(parts: SplitResult, to: SplitResult, path: str) -> str:
    schemes = _SECURE if to.scheme in ("https", "wss") else _PLAIN
    return urlunsplit(parts._replace(scheme=schemes[parts.scheme], netloc=to.netloc, path=path))
