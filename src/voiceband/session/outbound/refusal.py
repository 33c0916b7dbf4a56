"""Which message of ours the carrier could not use: the one that its answer quotes, or those that were sent lately."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from voiceband.session.outbound.sender import Sender

LATELY_S = 2.0
"""How long after a message its refusal may come: a carrier answers once it has read it."""
MOST_VALUES = 64
"""Values of an answer that are looked at."""
MOST_CHARACTERS = 4096
"""Characters of each that are."""
_KINDS = re.compile(r"\b(playAudio|checkpoint|clearAudio|sendDTMF)\b")


def named(kind: str, name: object) -> str:
    """Return a message's kind, with its name if it has one.

    Examples
    --------
    >>> named("checkpoint", "greeting"), named("clearAudio", None)
    ("checkpoint 'greeting'", 'clearAudio')
    """
    return f"{kind} {name[:200]!r}" if isinstance(name, str) and name else kind


def quoted(raw: dict[str, Any]) -> str | None:
    """Return the message that an answer quotes: as an object, as a text, or by its kind.

    Examples
    --------
    >>> quoted({"event": "incorrectPayload", "payload": '{"event":"checkpoint","name":"greeting"}'})
    "checkpoint 'greeting'"
    >>> quoted({"event": "incorrectPayload", "reason": "playAudio: bad contentType"})
    'playAudio'
    """
    values: list[Any] = [value for key, value in raw.items() if key not in ("event", "streamId")][:MOST_VALUES]
    words: str | None = None
    for value in values:  # which grows
        if isinstance(value, str):
            text = value[:MOST_CHARACTERS]
            kind = _KINDS.search(text)
            words = words or (kind[0] if kind is not None else None)
            try:
                value = json.loads(text) if text.lstrip()[:1] == "{" else None
            except (ValueError, RecursionError):
                continue
        if isinstance(value, dict):
            kind_of = value.get("event")
            if isinstance(kind_of, str) and _KINDS.fullmatch(kind_of):
                return named(kind_of, value.get("name"))
            value = list(value.values())
        if isinstance(value, list):
            values += value[: MOST_VALUES - len(values)]
    return words


def sent_lately(sender: Sender | None, keys_at: float, now: float) -> list[str]:
    """Return the messages that an answer at `now` may be for: those of the last two seconds without an answer."""
    since = now - LATELY_S
    sent = ["sendDTMF"] if keys_at >= since else []
    if sender is None:
        return sent
    if since <= sender.pacer.sent_until < math.inf:
        sent.insert(0, named("playAudio", sender.ledger.spoken[-1].name if sender.ledger.spoken else None))
    waiting = sender.checkpoints.waiting.values()
    sent += [named("checkpoint", entry.wire) for entry in waiting if since <= entry.sent_at <= now]
    for interruption in sender.ledger.interruptions:
        if since <= interruption.sent_at <= now:
            spoken = interruption.utterances[-1:]
            sent += [*(named("playAudio", utterance.name) for utterance in spoken), "clearAudio"]
    return sent


def concerned(raw: dict[str, Any], sender: Sender | None, keys_at: float, now: float) -> str:
    """Return the message that a refusal concerns, several joined by "or"; empty where nothing tells.

    A checkpoint's name that the answer mentions tells, too.
    """
    text, name = quoted(raw), raw.get("name")
    if isinstance(name, str):
        waits = sender is not None and name in sender.checkpoints.waiting
        if text == "checkpoint" or (text is None and waits):
            return named("checkpoint", name)
    if text is not None and not _KINDS.fullmatch(text):
        return text
    lately = sent_lately(sender, keys_at, now)
    if text is not None:
        lately = [message for message in lately if message.startswith(text)] or [text]
    return " or ".join(dict.fromkeys(lately))
