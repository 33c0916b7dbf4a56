"""The commands of an agent: what each of its messages does to the player of a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from voiceband.emulator.carrier import reading
from voiceband.emulator.carrier.converter import PlayerConverter
from voiceband.emulator.carrier.reading import RefusedMessageError
from voiceband.protocol.limits import MAX_MESSAGE_BYTES

if TYPE_CHECKING:
    from voiceband.emulator.carrier.player import Player
    from voiceband.formats import AudioFormat

MAX_CHECKPOINTS = 10_000
NOT_ANSWERED = frozenset({"one-way", "too-far-ahead", "too-many-checkpoints"})
"""Rules whose breach is no matter of a message's payload, so that no incorrectPayload tells of it."""


class AgentCommands:
    """Reads the agent's messages, and does what they say.

    Parameters
    ----------
    format : AudioFormat
        What the wire carries.
    stream_id : str
        The stream that messages must name.
    player : Player
        What the caller hears of the agent.
    bidirectional : bool
        Whether the agent may send at all.
    trusting : bool
        Whether doubtful messages are obeyed, as is observed.

    Attributes
    ----------
    bidirectional : bool
        As given; a stored call has it from its log.
    digits : list of str
        Keys that the agent pressed.
    behind_s : float
        How old the oldest message was that the agent had not read, since its latest audio.
    """

    def __init__(
        self,
        format: AudioFormat,  # noqa: A002
        stream_id: str,
        player: Player,
        *,
        bidirectional: bool,
        trusting: bool,
    ) -> None:
        self.digits: list[str] = []
        self.behind_s = 0.0
        self._format, self._stream_id, self._player = format, stream_id, player
        self.bidirectional, self._trusting = bidirectional, trusting
        self._converter = PlayerConverter(format)

    def take(
        self, message: object, text: str | None, now: float, detail: dict[str, Any], doubts: reading.Doubts
    ) -> str:
        """Take a message, unless it is a clearAudio; return its event."""
        if text is None:
            raise RefusedMessageError(
                "binary-frame", f"a message of {type(message).__name__}: only texts are understood"
            )
        size = len(text) if text.isascii() else len(text.encode())
        if size > MAX_MESSAGE_BYTES:
            doubts["too-large"] = (
                f"a message of {size} bytes: one table of Plivo's has a limit of {MAX_MESSAGE_BYTES}, its own samples "
                "send more"
            )
        raw = reading.read_object(text)
        name = reading.event_name(raw)
        if not self.bidirectional:
            raise RefusedMessageError("one-way", f"{name} on a stream that is not bidirectional: it does nothing")
        if name == "playAudio":
            sound = reading.read_sound(raw, self._format, doubts)
            self._trust(doubts)
            self._play(sound, now, detail)
        elif name == "sendDTMF":
            keys = reading.digits(raw)
            self._trust(doubts)
            self.digits.extend(keys)
        else:
            reading.check_stream(raw, self._stream_id, doubts)
            mark = None if name == "clearAudio" else reading.checkpoint_name(raw)
            self._trust(doubts)
            if mark is not None:
                self._checkpoint(mark, now)
        return name

    def reset(self) -> None:
        """Begin with the next audio as after a clear."""
        self._converter.reset()

    def _trust(self, doubts: reading.Doubts) -> None:
        """Refuse what is doubtful, unless it is observed to work."""
        if doubts and not self._trusting:
            raise RefusedMessageError(*next(iter(doubts.items())))

    def _play(self, sound: reading.Sound, now: float, detail: dict[str, Any]) -> None:
        payload = self._converter.convert(sound)
        player = self._player
        detail["ms"] = len(payload) / player.bytes_per_s * 1000
        detail["queued_ms"] = round(player.queued_s(now) * 1000, 3)
        before = player.overflow_bytes
        dry_ms = player.dry_ms(now)
        player.play(payload, now, self.behind_s)
        if dry_ms > 0:
            detail["dry_ms"] = round(dry_ms, 3)
            if self.behind_s > 0:
                detail["behind_s"] = round(self.behind_s, 3)
        self.behind_s = 0.0
        if player.overflow_bytes > before:
            lost_ms = (player.overflow_bytes - before) / player.bytes_per_s * 1000
            raise RefusedMessageError(
                "too-far-ahead", f"playAudio beyond the queue of {player.max_queue_s:g} s: {lost_ms:.0f} ms are dropped"
            )

    def _checkpoint(self, name: str, now: float) -> None:
        if self._player.waiting_marks >= MAX_CHECKPOINTS:
            raise RefusedMessageError(
                "too-many-checkpoints", f"checkpoint {name[:60]!r}: {MAX_CHECKPOINTS} are waiting already"
            )
        self._player.checkpoint(name, now)
