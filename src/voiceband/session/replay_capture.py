"""Replays a capture into the events and samples that its session gave."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from voiceband.session.outbound.given import NAMES, SIZES
from voiceband.session.settings import Setting

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from voiceband.session.events import SessionEvent
    from voiceband.session.outbound.ledger import Utterance
    from voiceband.session.session import Session


def replay(lines: Iterable[str] | str | os.PathLike[str], session: Session) -> Iterator[tuple[float, SessionEvent]]:
    """Run a capture through a fresh session.

    Parameters
    ----------
    lines : iterable of str, or path-like
        The capture, or where it is. A last line that was cut off with its process is left out.
    session : Session
        With the options of the one that was captured; nothing has happened to it yet.

    Yields
    ------
    time, event : float, SessionEvent
        What the captured session told its agent, and when. What was redacted is missing from the events too.

    Raises
    ------
    ValueError
        If a line is not one of a capture's.
    """
    if isinstance(lines, (str, os.PathLike)):
        lines = Path(lines).read_text(encoding="utf-8").splitlines(keepends=True)
    spoken: dict[str, Utterance] = {}
    for number, line in enumerate(lines, 1):
        try:
            entry = msgspec.json.decode(line)
            now, way = entry["time"], entry["way"]
            if way == "received":
                counted = session._transport.bytes_in
                events = session.receive(entry["text"], now)
                if session._transport.bytes_in > counted:  # as many as there were before it was redacted
                    session._transport.bytes_in = counted + entry.get("n", len(entry["text"]))
            elif way == "call":
                events = _call(session, entry, spoken)
            elif way == "sent":
                continue  # what `poll` has sent
            else:
                raise ValueError(f"way must be received, call or sent, not {way!r}")
        except (ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
            if isinstance(error, msgspec.DecodeError) and not line.endswith("\n"):
                return
            raise ValueError(f"line {number} of the capture cannot be replayed: {error}") from error
        for event in events:
            yield now, event


def _call(session: Session, entry: dict[str, Any], spoken: dict[str, Utterance]) -> list[SessionEvent]:
    """Do again what was done to a session; return the events that this gave."""
    call = entry["call"]
    if call == "play":
        _play(session, entry, spoken)
    elif call == "end":
        spoken[entry["utterance"]].end()
    elif call in ("poll", "interrupt"):
        getattr(session, call)(entry["time"])
    elif call in ("mute", "unmute"):
        getattr(session, call)()
    elif call == "events":
        return session.events()
    elif call == "close":
        return session.close(entry["reason"])
    elif call == "drain":
        session.drain(hangup_after_drain=entry["hangup_after_drain"])
    elif call == "checkpoint":
        timeout_s = entry["timeout_s"]
        session.checkpoint(entry["name"], timeout_s=math.inf if timeout_s is None else timeout_s)
    elif call == "send_dtmf":
        session.send_dtmf(entry["digits"])
    elif call == "round_trip":
        session.round_trip(entry["seconds"])
    elif call == "set" and isinstance(getattr(type(session), entry["stage"], None), Setting):
        setattr(session, entry["stage"], entry["value"])
    else:
        raise ValueError(f"call must be one of a session's, not {call!r}")
    return []


def _play(session: Session, entry: dict[str, Any], spoken: dict[str, Utterance]) -> None:
    """Queue silence of the same length, rate and kind."""
    item, n = entry.get("item", "int16"), entry["n"]
    data: Any = bytes(n) if item in SIZES else np.zeros(n, item)
    format_ = NAMES[item] if item in SIZES else None
    rate = entry.get("rate")
    spoken[entry["utterance"]] = session.play(data, rate, format=format_, name=entry["name"], end=entry["end"])
