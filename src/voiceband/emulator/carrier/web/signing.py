"""The carrier's requests: signed, and with what they say of the call."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit, urlunsplit

import msgspec

from voiceband.callbacks import sign_v2, sign_v3
from voiceband.emulator.carrier.actions import HttpRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voiceband.emulator.carrier.web.webhook import WebhookSettings
    from voiceband.markup import Stream

_AS_HTTP = {"ws": "http", "wss": "http", "http": "http", "https": "https"}


def as_http(url: str) -> str:
    """Return the URL under which a request is signed: an upgrade is signed as a GET of ``http://``."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(scheme=_AS_HTTP[parts.scheme]))


class Signer:
    """Makes signed requests of one account.

    Parameters
    ----------
    auth_token : str
        The account's.
    source : random.Random
        Of the nonces.
    """

    def __init__(self, auth_token: str, source: random.Random) -> None:
        self._token = auth_token
        self._random = source

    def headers(self, method: str, url: str, form: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the signature headers of a request, or of an upgrade: that is signed as a GET of ``http://``."""
        signed = as_http(url)
        nonce = str(self._random.randrange(10**19, 10**20))
        v3 = sign_v3(method, signed, nonce, self._token, dict(form or {}))
        return {
            "X-Plivo-Signature-V3": v3,
            "X-Plivo-Signature-Ma-V3": v3,
            "X-Plivo-Signature-V3-Nonce": nonce,
            "X-Plivo-Signature-V2": sign_v2(signed, nonce, self._token),
            "X-Plivo-Signature-V2-Nonce": nonce,
        }

    def request(
        self,
        number: int,
        purpose: str,
        method: str,
        url: str,
        form: Mapping[str, str],
        *,
        signed: str,
        settings: WebhookSettings,
    ) -> HttpRequest:
        """Return a request with a form, in the body of a POST, in the query of a GET, signed as one for `signed`."""
        if method == "GET":
            headers = self.headers(method, _with_query(signed, form))
            return HttpRequest(number, purpose, method, _with_query(url, form), headers, settings=settings)
        headers = self.headers(method, signed, form)
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        return HttpRequest(number, purpose, method, url, headers, urlencode(form), settings)


def _with_query(url: str, form: Mapping[str, str]) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query="&".join(part for part in (parts.query, urlencode(form)) if part)))


class CallFacts(msgspec.Struct, frozen=True):
    """What every request says of the phone call."""

    call_id: str
    from_number: str
    to_number: str
    direction: str

    def answer_form(self) -> dict[str, str]:
        """Return the parameters of a request for XML."""
        return {
            "CallUUID": self.call_id,
            "From": self.from_number,
            "To": self.to_number,
            "Direction": self.direction,
            "CallStatus": "ringing" if self.direction == "inbound" else "in-progress",
            "Event": "StartApp",
        }


def _flag(value: bool) -> str:
    return "true" if value else "false"


_OTHER_WORDS = {"StartStream": "started", "StopStream": "stopped", "DroppedStream": "failed"}
"""The second vocabulary of status callbacks; it has no word for the other events."""


def status_form(
    facts: CallFacts,
    event: str,
    *,
    words: str,
    stream_id: str,
    element: Stream,
    extra_headers: str,
    at_ms: int,
    duration_s: float,
    detail: Mapping[str, str],
) -> dict[str, str] | None:
    """Return the parameters of a status callback in one of the two documented vocabularies.

    Parameters
    ----------
    facts : CallFacts
        The call.
    event : str
        In the first vocabulary.
    words : {"StartStream", "started"}
        Which vocabulary to write.
    stream_id : str
        The stream.
    element : Stream
        As the XML has it.
    extra_headers : str
        As the XML has them.
    at_ms : int
        When, in milliseconds since 1970.
    duration_s : float
        How long the stream has been.
    detail : mapping of str to str
        ``Error`` or ``Name``, in the first vocabulary.

    Returns
    -------
    form : dict of str to str or None
        None when the vocabulary has no word for it.
    """
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    common = {
        "CallUUID": facts.call_id,
        "StreamID": stream_id,
        "From": facts.from_number,
        "To": facts.to_number,
    }
    if words == "StartStream":
        # One list of parameters echoes the attributes; programs read Error of every callback.
        echoed = {
            "bidirectional": _flag(element.bidirectional),
            "audioTrack": element.audio_track,
            "streamTimeout": str(element.stream_timeout),
            "contentType": str(element.content_type),
            "extraHeaders": extra_headers,
            "keepCallAlive": _flag(element.keep_call_alive),
        }
        rest = {"ServiceURL": element.url, "ExtraHeaders": extra_headers, "Timestamp": at.strftime("%Y-%m-%d %H:%M:%S")}
        return {"Event": event, "Error": "", **common, **rest, **echoed, **detail}
    if event not in _OTHER_WORDS:
        return None
    form = {"Event": _OTHER_WORDS[event], **common, "Direction": facts.direction}
    form["Timestamp"] = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if event != "StartStream":
        form["StatusReason"] = "completed" if event == "StopStream" else "connection_failed"
    if event == "StopStream":
        form["Duration"] = str(round(duration_s))
    return form
