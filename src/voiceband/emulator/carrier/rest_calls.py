"""What the REST API does to a running call: look, transfer, play, speak, press keys, hang up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from voiceband._values import read_int
from voiceband.emulator.carrier.reading import DIGITS
from voiceband.markup.values import method as check_method
from voiceband.markup.values import url as check_url

if TYPE_CHECKING:
    from voiceband.emulator.carrier.carrier import Carrier

METHODS = {
    "": ("GET", "POST", "DELETE"),
    "Speak": ("POST", "DELETE"),
    "Play": ("POST", "DELETE"),
    "DTMF": ("POST",),
}
"""What may be done at ``/Call/{id}/``, and at the addresses below it."""
OPERATIONS = frozenset(METHODS) - {""}
MAX_LOOPS = 100

Answer = tuple[int, dict[str, Any] | None]
"""A status, and what the answer holds beside its ``api_id``; None for nothing at all."""


def operate(carrier: Carrier, operation: str, method: str, body: bytes, now: float) -> Answer:
    """Do what a request asks for; ValueError says what is wrong with it."""
    if method == "DELETE":
        if operation:
            carrier.announcer.stop(now)
        else:
            carrier.end_call("API", now)
        return 204, None
    if method == "GET":
        return 200, described(carrier)
    given = read_object(body)
    if not operation:
        return _transfer(carrier, given, now)
    if operation == "Speak":
        text = given.get("text")
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"text must be a text that is not blank, not {text!r:.60}")
        language = given.get("language")
        pcm = carrier.announcer.read(text, language if isinstance(language, str) else None, now)
        carrier.announcer.play(np.tile(pcm, _loops(given)), now)
        return 202, {"message": "speak started"}
    if operation == "Play":
        urls = given.get("urls")
        for url in urls if isinstance(urls, list) else str(urls or "").split(","):
            carrier.play_file(check_url("urls", url, ("https", "http")), _loops(given), now)
        return 202, {"message": "play started"}
    digits = given.get("digits")
    if not isinstance(digits, str) or not digits or set(digits) - DIGITS:
        raise ValueError(f"digits must be a text of 0-9*#A-D, not {digits!r:.60}")
    carrier.press(digits, now)
    return 202, {"message": "digits sent"}


def described(carrier: Carrier) -> dict[str, Any]:
    """Return what the API says of a call that runs."""
    facts = carrier.facts
    return {
        "call_status": "in-progress",
        "call_uuid": facts.call_id,
        "caller_name": "",
        "direction": facts.direction,
        "from": facts.from_number,
        "request_uuid": facts.call_id,
        "session_start": carrier.time_of_day(carrier.started_at),
        "to": facts.to_number,
    }


def read_object(body: bytes) -> dict[str, Any]:
    """Return the object that a body is; ValueError otherwise."""
    try:
        given = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ValueError(f"the body is no JSON: {error}") from None
    if not isinstance(given, dict):
        raise ValueError("the body must be an object")
    return given


def _transfer(carrier: Carrier, given: dict[str, Any], now: float) -> Answer:
    legs = given.get("legs") or "aleg"
    if legs not in ("aleg", "bleg", "both"):
        raise ValueError(f"legs must be aleg, bleg or both, not {legs!r:.60}")
    if legs == "bleg":
        raise ValueError("the call has no other leg that could be transferred")
    url = check_url("aleg_url", given.get("aleg_url") or "", ("https", "http"))
    carrier.transfer(check_method("aleg_method", given.get("aleg_method") or "POST") or "POST", url, now)
    return 202, {"message": "call transfered"}


def _loops(given: dict[str, Any]) -> int:
    """Return how often a sound is to be played; the API's own `loop` is a flag, for ever."""
    if given.get("loop") is True:
        return MAX_LOOPS
    loops = read_int(given.get("loop", 1))
    return min(max(loops or 1, 1), MAX_LOOPS)
