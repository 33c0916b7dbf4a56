"""`Web`: the carrier's requests to web servers: signed, asked again, and followed where they are redirected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urldefrag, urljoin

import msgspec

from voiceband.emulator.carrier.web.webhook import WebhookSettings, split_settings
from voiceband.markup.values import url as check_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voiceband.emulator.carrier.actions import Action
    from voiceband.emulator.carrier.web.addresses import Addresses
    from voiceband.emulator.carrier.web.signing import Signer

REDIRECTS = frozenset({301, 302, 303, 307, 308})
MAX_REDIRECTS = 5
SHOWN_CHARS = 80
KEPT_CHARS = 2000
CALLBACK_S = 10.0
"""How long the answer to a status callback may take: nobody waits for it."""


class WebHost(Protocol):
    """What a `Web` needs of its `Carrier`."""

    def act(self, action: Action) -> None:
        """Have it done."""

    def note(self, name: str, now: float, /, **detail: Any) -> None:
        """Put it into the log."""

    def warn(self, text: str, now: float, degree: str = "note") -> None:
        """Put into the log, once, what is not as documented and went on."""

    def next_number(self) -> int:
        """Return a number that no request or connection has had."""


class RequestOutcome(msgspec.Struct, frozen=True):
    """What became of a request, through all its attempts and redirections.

    Attributes
    ----------
    ticket : int
        What `Web.send` returned.
    purpose, url : str
        As they were given.
    body : bytes
        Of a good answer.
    content_type : str
        Of any answer; empty if it does not say.
    problem : str
        Why the answer is unusable; empty for a good one.
    detail : dict
        For the log: what a bad answer held.
    """

    ticket: int
    purpose: str
    url: str
    body: bytes = b""
    content_type: str = ""
    problem: str = ""
    detail: dict[str, Any] = {}


class _Pending(msgspec.Struct):
    ticket: int
    purpose: str
    method: str
    url: str  # as it was given
    at: str  # without its fragment, and behind redirections
    form: dict[str, str]
    settings: WebhookSettings
    retries: int
    redirects: int = 0


class Web:
    """Requests that are on their way.

    Parameters
    ----------
    host : WebHost
        The phone call.
    signer : Signer
        Signs them.
    addresses : Addresses
        Says where they go.
    """

    def __init__(self, host: WebHost, signer: Signer, addresses: Addresses) -> None:
        self._host, self._signer, self._addresses = host, signer, addresses
        self._pending: dict[int, _Pending] = {}

    def __len__(self) -> int:
        return len(self._pending)

    def send(self, purpose: str, method: str, url: str, form: Mapping[str, str], now: float) -> int:
        """Send a request; return a ticket for its outcome."""
        plain, settings, wrong = split_settings(url)
        for text in wrong:
            self._host.warn(f"{url}: {text}", now)
        number = self._host.next_number()
        self._try(_Pending(number, purpose, method, url, plain, dict(form), settings, settings.retries), number, now)
        return number

    def answered(
        self, number: int, status: int, body: bytes, headers: Mapping[str, str], now: float
    ) -> RequestOutcome | None:
        """Take an answer; return what has become of the request, or None if it is sent again or is not known."""
        pending = self._pending.pop(number, None)
        if pending is None:
            return None
        kind = headers.get("content-type", "")
        self._host.note("HTTP answer", now, number=number, purpose=pending.purpose, status=status, content_type=kind)
        place = headers.get("location")
        if status in REDIRECTS and place and pending.redirects < MAX_REDIRECTS:
            try:
                pending.at = urldefrag(check_url("location", urljoin(pending.at, place), ("https", "http"))).url
            except ValueError as error:
                problem = f"HTTP {status} to {place!r:.100}: {error}"
                return RequestOutcome(pending.ticket, pending.purpose, pending.url, problem=problem)
            pending.redirects += 1
            if status < 307:
                pending.method = "GET"
            self._host.note("redirected", now, number=number, status=status, url=pending.at)
            self._try(pending, self._host.next_number(), now)
            return None
        if 200 <= status < 300:
            return RequestOutcome(pending.ticket, pending.purpose, pending.url, body, kind)
        if self._again(pending, f"{status // 100}xx", now):
            return None
        what = f"HTTP {status}"
        if status in REDIRECTS and place:
            what += f" to {urljoin(pending.at, place)!r:.100}, after {MAX_REDIRECTS} redirections"
        elif status == 405:
            what += f" to {pending.method}"
            if pending.purpose == "answer":
                what += f" (it may want {'GET' if pending.method == 'POST' else 'POST'}: see the option method)"
        problem = f"it answered with {what}{shown(body, kind)}{self._signed(pending, status)}"
        detail = kept(body, kind)
        return RequestOutcome(pending.ticket, pending.purpose, pending.url, b"", kind, problem, detail)

    def unanswered(self, number: int, reason: str, now: float, *, connected: bool) -> RequestOutcome | None:
        """Take it that no answer came, with or without a connection; else as `answered`."""
        pending = self._pending.pop(number, None)
        if pending is None:
            return None
        self._host.note("HTTP failure", now, number=number, purpose=pending.purpose, reason=reason)
        if self._again(pending, "rt" if connected else "ct", now):
            return None
        return RequestOutcome(pending.ticket, pending.purpose, pending.url, problem=reason)

    def abandon(self) -> list[RequestOutcome]:
        """Forget the requests that are on their way; return what is to be said of each."""
        pending, self._pending = list(self._pending.values()), {}
        why = "it had not answered long after the end of the call"
        return [RequestOutcome(one.ticket, one.purpose, one.url, problem=why) for one in pending]

    def _again(self, pending: _Pending, why: str, now: float) -> bool:
        if why not in pending.settings.retry_on or not pending.retries:
            return False
        pending.retries -= 1
        self._try(pending, self._host.next_number(), now)
        return True

    def _try(self, pending: _Pending, number: int, now: float) -> None:
        settings = pending.settings
        if pending.purpose == "callback" and settings.total_s > CALLBACK_S:
            settings = msgspec.structs.replace(settings, total_s=CALLBACK_S)
        self._pending[number] = pending
        self._host.note(
            "HTTP request", now, number=number, purpose=pending.purpose, method=pending.method, url=pending.at
        )
        request = self._signer.request(
            number, pending.purpose, pending.method, self._addresses.dialled(pending.at), pending.form,
            signed=self._addresses.signed(pending.at), settings=settings,
        )  # fmt: skip
        self._host.act(request)

    def _signed(self, pending: _Pending, status: int) -> str:
        if status not in (401, 403):
            return ""
        fields = f" and {len(pending.form)} fields" if pending.method == "POST" and pending.form else ""
        return f"; signed was {pending.method} {self._addresses.signed(pending.at)}{fields}"


def shown(body: bytes, content_type: str) -> str:
    """Return what a problem shows of an answer."""
    kind = f", {content_type}" if content_type else ""
    text = " ".join(body[: 4 * SHOWN_CHARS].decode("utf-8", "replace").split())
    if not text:
        return kind
    return f"{kind}: {text[:SHOWN_CHARS]!r}"


def kept(body: bytes, content_type: str) -> dict[str, Any]:
    """Return what the log keeps of an unusable answer."""
    return {"content_type": content_type, "body": body[:KEPT_CHARS].decode("utf-8", "replace")}
