"""`CallLog`: everything that can be seen of an emulated call, as one flat list of records in the order of time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from voiceband.protocol.limits import MAX_RECEIVED_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MAX_TEXT_CHARS = MAX_RECEIVED_BYTES
"""How much of one message a log keeps: as much as a connection lets through."""
MAX_LOG_CHARS = 512 * 1024 * 1024
"""How much text a log keeps in all: hours of a call."""
BURST_CHARS = 64 * 1024 * 1024
CHARS_PER_S = 256 * 1024
"""How much of that at once, such as an hour of speech that is not paced, and how much more in each second of the call:
twice what a call in real time has. The rest is an agent that floods."""

Way = Literal["sent", "received", "event"]


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One record of a log.

    Attributes
    ----------
    at_s : float
        Seconds since the log's first record.
    way : {"sent", "received", "event"}
        Seen from the carrier: a message to the agent, one from it, or something else that happened.
    name : str
        The message's event as the wire spells it ("invalid" if it has none), or what happened.
    text : str or None
        The message as it was on the wire; its first MiB.
    detail : dict
        More: ``problem`` (a text) of a message that the carrier did not take, and what each event says of itself.
    """

    at_s: float
    way: Way
    name: str
    text: str | None = None
    detail: dict[str, Any] = {}


class CallLog:
    """What happened, from the first record on.

    Parameters
    ----------
    on_entry : callable, optional
        Called with every `Entry` as it is made, also with those that the log has no room for.
    keep : bool, optional
        Whether entries are kept; without, the log only counts and hands them on.

    Attributes
    ----------
    entries : list of Entry
        In order of time.
    origin : float or None
        The time of the first record, on the clock that the call is run by; None while there is none.
    dropped : int
        Records not kept: more than 64 MiB of text at once, 256 KiB in each second, or 512 MiB in all. Where they begin
        to miss, an event ``log-full`` stands.

    Examples
    --------
    >>> log = CallLog()
    >>> log.add(5.0, "event", "dialled", url="wss://agent.example.com")
    >>> log.add(5.25, "sent", "start", '{"event":"start"}')
    >>> [(entry.at_s, entry.name) for entry in log]
    [(0.0, 'dialled'), (0.25, 'start')]
    >>> CallLog.read(log.lines()).entries == log.entries
    True
    """

    def __init__(self, *, on_entry: Callable[[Entry], object] | None = None, keep: bool = True) -> None:
        self.entries: list[Entry] = []
        self.origin: float | None = None
        self.dropped = 0
        self._on_entry = on_entry
        self._keep = keep
        self._chars = 0

    def add(self, now: float, way: Way, name: str, text: str | None = None, /, **detail: Any) -> None:
        """Note what happens at `now`."""
        if self.origin is None:
            self.origin = now
        if text is not None and len(text) > MAX_TEXT_CHARS:
            text = text[:MAX_TEXT_CHARS]
        # A millionth of a second is fine enough, and keeps transcripts free of the noise of adding floats.
        entry = Entry(round(now - self.origin, 6), way, name, text, detail)
        n = len(text) if text is not None else 100
        if self._chars + n <= min(BURST_CHARS + CHARS_PER_S * entry.at_s, MAX_LOG_CHARS) and self._keep:
            self._chars += n
            self.entries.append(entry)
        else:
            self.dropped += 1
            if self._keep and self.dropped == 1:
                self._put(Entry(entry.at_s, "event", "log-full"))
        if self._on_entry is not None:
            self._on_entry(entry)

    def _put(self, entry: Entry) -> None:
        self.entries.append(entry)
        if self._on_entry is not None:
            self._on_entry(entry)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def named(self, *names: str) -> list[Entry]:
        """Return the entries that have one of these names."""
        return [entry for entry in self.entries if entry.name in names]

    def lines(self) -> Iterator[str]:
        """Give one JSON object an entry, each ending its line, as ``wire.jsonl`` holds them."""
        return map(entry_line, self.entries)

    @classmethod
    def read(cls, lines: Iterable[str | bytes]) -> CallLog:
        """Read what `lines` gave, such as an open ``wire.jsonl``.

        Raises
        ------
        ValueError
            If a line is no entry; the text says which. A last line that was cut off by a crash is one.
        """
        log = cls()
        decoder = msgspec.json.Decoder(Entry)
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                entry = decoder.decode(line)
            except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
                raise ValueError(f"line {number} is no entry of a call's log: {error}") from None
            log.entries.append(entry)
        if log.entries:
            log.origin = 0.0
        return log


def entry_line(entry: Entry) -> str:
    """Return one entry as a line of JSON."""
    return _ENCODER.encode(entry).decode() + "\n"


_ENCODER = msgspec.json.Encoder()
