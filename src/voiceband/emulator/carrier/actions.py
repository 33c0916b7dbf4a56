"""What a `Carrier` asks its driver to do."""

from __future__ import annotations

import msgspec

from voiceband.emulator.carrier.web.webhook import WebhookSettings


class HttpRequest(msgspec.Struct, frozen=True):
    """Send a request; tell the outcome by `Carrier.answered` or `Carrier.unanswered`.

    Attributes
    ----------
    id : int
        For the outcome.
    purpose : {"answer", "fallback", "redirect", "action", "transfer", "play", "file", "callback", "hangup"}
        What it is for.
    method, url : str
        "GET" or "POST", and where.
    headers : dict of str to str
        Signatures among them.
    body : str
        A form, or nothing.
    settings : WebhookSettings
        How long it may take. The carrier itself sends it again.
    """

    id: int
    purpose: str
    method: str
    url: str
    headers: dict[str, str]
    body: str = ""
    settings: WebhookSettings = WebhookSettings()

    def __repr__(self) -> str:
        # A signature lets its reader repeat the request, and the form names the caller.
        return f"HttpRequest(id={self.id}, purpose={self.purpose!r}, method={self.method!r}, url={self.url!r})"


class OpenStream(msgspec.Struct, frozen=True):
    """Connect a WebSocket; tell the outcome by `Connections.opened` or `Connections.refused`.

    Attributes
    ----------
    id : int
        Of the connection.
    url : str
        ``ws://`` or ``wss://``.
    headers : dict of str to str
        For the upgrade.
    """

    id: int
    url: str
    headers: dict[str, str]

    def __repr__(self) -> str:
        return f"OpenStream(id={self.id}, url={self.url!r})"


class SendText(msgspec.Struct, frozen=True):
    """Send a text on a connection."""

    id: int
    text: str


class CloseStream(msgspec.Struct, frozen=True):
    """Close a connection properly, or give it up while it is still being made; nothing needs to be told."""

    id: int


Action = HttpRequest | OpenStream | SendText | CloseStream
