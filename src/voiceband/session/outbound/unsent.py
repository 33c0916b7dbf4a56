"""Speech that was played before the start: it waits as it was given, for the wire's format is not known yet."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from voiceband.formats import PLIVO_FORMATS
from voiceband.session.heard import Heard, UtteranceHeard
from voiceband.session.outbound.encode import Converters
from voiceband.session.outbound.given import PieceFormat
from voiceband.session.outbound.pacer import QueueFullError

if TYPE_CHECKING:
    from voiceband.session.outbound.ledger import Utterance

MAX_PIECES = 10_000
MAX_BYTES = 64 * 2**20
"""How many pieces are kept, and how much they may hold."""


class UnsentPiece(NamedTuple):
    """One call of `Session.play`, or, without a source, the end of an utterance."""

    utterance: Utterance
    data: Any
    source: PieceFormat | None
    ms: float


class Unsent:
    """The pieces that wait, in order."""

    __slots__ = ("_n_bytes", "ms", "pieces")

    def __init__(self) -> None:
        self.pieces: list[UnsentPiece] = []
        self.ms = 0.0
        self._n_bytes = 0

    def check(self, data: Any, source: PieceFormat) -> None:
        """ValueError for a piece that one of the wires could not carry; QueueFullError for one too many."""
        n_bytes = memoryview(data).nbytes
        if len(self.pieces) >= MAX_PIECES or self._n_bytes + n_bytes > MAX_BYTES:
            raise QueueFullError(
                f"{len(self.pieces)} pieces wait for the start, and one more of {n_bytes} bytes would pass the "
                f"limit of {MAX_PIECES} pieces or {MAX_BYTES} bytes"
            )
        if source.rate:
            _check_source(source)
        known = source if source.rate else PieceFormat(8000, source.item)
        Converters(PLIVO_FORMATS[0], "little", 0.0).open(known).convert(data, source.item)

    def add(self, utterance: Utterance, data: Any, source: PieceFormat, ms: float) -> None:
        """Keep a copy of a piece."""
        kept = data.copy() if isinstance(data, np.ndarray) else bytes(data)
        self.pieces.append(UnsentPiece(utterance, kept, source, ms))
        self.ms += ms
        self._n_bytes += memoryview(data).nbytes

    def end(self, utterance: Utterance) -> None:
        """Note that an utterance ends here."""
        self.pieces.append(UnsentPiece(utterance, b"", None, 0.0))

    def has(self, name: str) -> bool:
        """Whether an utterance of that name waits."""
        return any(piece.utterance.name == name for piece in self.pieces)

    def take(self) -> list[UnsentPiece]:
        """Return the pieces, and keep none."""
        taken, self.pieces = self.pieces, []
        self.ms, self._n_bytes = 0.0, 0
        return taken

    def heard(self) -> Heard:
        """Return the record of what waits: nothing of it has been heard."""
        lengths: dict[str, float] = {}
        for piece in self.pieces:
            name = piece.utterance.name
            lengths[name] = lengths.get(name, 0.0) + piece.ms
        return Heard(0.0, 0.0, tuple(UtteranceHeard(name, ms, 0, 0, 0, 0, 0, ms, 0) for name, ms in lengths.items()))


@functools.lru_cache(maxsize=64)
def _check_source(source: PieceFormat) -> None:
    """ValueError for what cannot be converted for one of the wires: the start may bring any of them."""
    for wire in PLIVO_FORMATS:
        Converters(wire, "little", 0.0).open(source)
