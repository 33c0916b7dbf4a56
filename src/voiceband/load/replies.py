"""Reads an agent's messages no further than a load test needs: how much audio, and which commands."""

from __future__ import annotations

from typing import Any

import msgspec

_decode = msgspec.json.Decoder(dict[str, Any]).decode


def audio_span(message: bytes) -> tuple[int, int] | None:
    """Return where in a playAudio message its base64 is; None in what is no such message, or an unusual one."""
    if message.find(b'"playAudio"') < 0:
        return None
    key = message.find(b'"payload"')
    start = message.find(b'"', key + 9) + 1
    end = message.find(b'"', start)
    # A text in which a JSON writer has escaped its slashes is longer than its audio.
    if key < 0 or start == 0 or end < 0 or message.find(b"\\", start, end) >= 0:
        return None
    return start, end


def base64_bytes(payload: bytes) -> int:
    """Return how many bytes a base64 text stands for."""
    return len(payload) * 3 // 4 - payload.count(b"=", -2)


def read(message: bytes) -> tuple[str, dict[str, Any]]:
    """Return event and content of any message; ("", {}) of one that has none."""
    try:
        raw = _decode(message)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return "", {}
    event = raw.get("event")
    return (event, raw) if isinstance(event, str) else ("", {})


def payload_text(raw: dict[str, Any]) -> str:
    """Return the base64 of a playAudio message that was read as JSON; empty without any."""
    media = raw.get("media")
    payload = media.get("payload") if isinstance(media, dict) else None
    return payload if isinstance(payload, str) else ""
