"""What the rules share: one stream as the log tells it, and the pieces of audio that the agent sent."""

from __future__ import annotations

import collections
import math
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from voiceband.emulator.judge.backchannel import window
from voiceband.emulator.judge.conversation import SAME_TURN_S, Conversation
from voiceband.emulator.judge.lint.played_sound import PlayedSoundReader
from voiceband.formats import PLIVO_MULAW_8K, AudioFormat
from voiceband.protocol import ProtocolError, Start, parse
from voiceband.sound.speech import STEP_MS, frame_energies

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from voiceband.emulator.carrier.log import Entry
    from voiceband.emulator.judge.conversation import AgentUtterance, Hole
    from voiceband.emulator.judge.lint.played_sound import PlayedSound
    from voiceband.sound.noise_floor import NoiseFloor

MAX_QUEUE_S = 60.0
KEPT = 16
"""How many utterances and turns are remembered; no rule looks further back."""
JOIN_S = 0.1
"""Loud stretches of the agent that are less apart are one; no rule asks more finely."""
LOUD_OF_TWO = tuple(np.array(which, np.intp) for which in ([], [0], [1], [0, 1]))


class _Named(msgspec.Struct):
    name: str


_decode_name = msgspec.json.Decoder(_Named).decode


class Piece:
    """The audio of one playAudio that the carrier took.

    Attributes
    ----------
    payload : bytes
        Wire bytes.
    plays_s : float
        When it begins to play, on the log's clock.
    loud : ndarray of int
        Which of its frames of 10 ms are louder than -45 dBFS, and than the agent's own noise.
    stream_id : object
        What the message says, whatever that is; None if it says nothing.
    """

    __slots__ = ("loud", "payload", "plays_s", "stream_id")

    def __init__(self, heard: PlayedSound, plays_s: float, wire: AudioFormat, floor: NoiseFloor) -> None:
        self.payload = heard.payload
        self.stream_id = heard.stream_id
        self.plays_s = plays_s
        self.loud = _loud_frames(heard, wire.sample_rate * STEP_MS // 1000, floor)


class AgentStream:
    """One stream, from its start message to its end.

    Attributes
    ----------
    wire : AudioFormat
        What it carries.
    hearing : PlayedSoundReader
        What the agent sends, which the rules may see a little later.
    stream_id : str
        Its name.
    bidirectional : bool
        Whether the agent can be heard at all.
    listens : bool
        Whether the stream carries what the caller hears too, so that it cannot be bidirectional.
    started_s, ended_s : float
        On the log's clock; inf while it has not happened.
    end_reason : str
        Why it ended; empty while it has not.
    failed : bool
        Whether the carrier ended the connection for what the agent sent.
    unanswered_s : deque of float
        When turns of the caller ended that nobody answered, at most a thousand.
    timed_out : deque of Entry
        Steps of the caller's script that did not happen, at most a thousand.
    sounds_from_s : float
        When the caller first hears the agent speak, unless that is cleared before; inf while nothing is queued for it.
    queued : bool
        Whether audio has been queued since the start or the last clear.
    empty : bool
        Whether a playAudio had no audio in it.
    own_clears : int
        How often the agent has cleared speech that was not heard yet while nobody spoke.
    other_clears : int
        How often it did so because the caller spoke.
    speaking_since_s, quiet_since_s : float
        When the caller began to speak, or ceased; inf if that is not so now.
    spoke_s : float
        When the caller last ceased to speak, or pressed a key; -inf before.
    kind : str
        What the caller says, or said last: "barge-in" or "backchannel", if the script says so; otherwise empty.
    talk : Conversation
        Who speaks when.
    holes : list of Hole
        What turned out to be a hole in the agent's speech, until somebody takes it out.
    dropped_s : float
        How much of the agent's speech the last clear dropped while it sounded.
    """

    def __init__(self, start: Entry) -> None:
        event = _start_of(start.text)
        self.wire = event.media_format or PLIVO_MULAW_8K
        self.hearing = PlayedSoundReader(self.wire)
        self._bytes_per_s = self.wire.frame_bytes(1000)
        self.stream_id = event.stream_id or ""
        self.bidirectional = bool(start.detail.get("bidirectional", True))
        self.listens = "outbound" in event.tracks
        self.started_s = start.at_s
        self.ended_s = math.inf
        self.end_reason = ""
        self.failed = False
        self.unanswered_s: collections.deque[float] = collections.deque(maxlen=1000)
        self.timed_out: collections.deque[Entry] = collections.deque(maxlen=1000)
        self.sounds_from_s = math.inf
        self.queued = self.empty = False
        self.own_clears = self.other_clears = 0
        self.speaking_since_s = math.inf
        self.quiet_since_s = start.at_s
        self.spoke_s = -math.inf
        self.kind = ""
        self.holes: list[Hole] = []
        self.talk = Conversation(self.holes.append, keep=KEPT)
        self.dropped_s = 0.0
        self._says: collections.deque[tuple[float, float, str]] = collections.deque(maxlen=KEPT)
        delay_ms = start.detail.get("playout_delay_ms", 250.0)
        self._delay_s = float(delay_ms) / 1000 if isinstance(delay_ms, (int, float)) else 0.25
        self._run_s = -math.inf  # when what is being played began, or will
        self._end_s = -math.inf  # when the queue will have been played
        self._loud: collections.deque[tuple[float, float]] = collections.deque()  # what is to be heard of the agent

    def piece(self, entry: Entry, heard: PlayedSound) -> Piece | None:
        """Queue the sound of a playAudio that the carrier took; None if there is nothing in it."""
        payload = heard.payload
        if not payload:
            self.empty = True
            return None
        at = entry.at_s
        goes_on = self.queued and at <= self._end_s
        plays_s = self._end_s if goes_on else at + self._delay_s
        self._run_s = self._run_s if goes_on else plays_s
        piece = Piece(heard, plays_s, self.wire, self.hearing.floor)
        self._end_s = min(plays_s + len(payload) / self._bytes_per_s, max(at, self._run_s) + MAX_QUEUE_S)
        self.queued = True
        spans: list[tuple[float, float]] = []
        if len(piece.loud):
            if self.sounds_from_s == math.inf:
                self.sounds_from_s = piece.plays_s + float(piece.loud[0]) * STEP_MS / 1000
            while self._loud and self._loud[0][1] < at:
                self._loud.popleft()  # so that it stays short even if nobody asks
            spans = self._add_loud(piece)
        behind_s = entry.detail.get("behind_s")
        self.talk.sent(
            at, plays_s, self._end_s, spans, behind_s=behind_s if isinstance(behind_s, (int, float)) else 0.0
        )
        return piece

    def _add_loud(self, piece: Piece) -> list[tuple[float, float]]:
        loud = piece.loud.tolist()
        breaks = np.flatnonzero(np.diff(piece.loud) * STEP_MS > JOIN_S * 1000).tolist() if len(loud) > 2 else ()
        firsts = [loud[0], *(loud[i + 1] for i in breaks)]
        lasts = [*(loud[i] for i in breaks), loud[-1]]
        spans = [
            (piece.plays_s + first * STEP_MS / 1000, piece.plays_s + (last + 1) * STEP_MS / 1000)
            for first, last in zip(firsts, lasts, strict=True)
        ]
        for begin, end in spans:
            if self._loud and begin - self._loud[-1][1] <= JOIN_S:
                self._loud.append((self._loud.pop()[0], end))
            else:
                self._loud.append((begin, end))
        return spans

    def clear(self, at_s: float) -> None:
        """Drop what has not been played."""
        self.talk.cleared(at_s)
        self.dropped_s = self.unheard_s(at_s) if self.agent_speaks(at_s) else 0.0
        if self._loud and self._loud[0][0] >= at_s:
            if self.speaking_since_s < math.inf or at_s - self.spoke_s < SAME_TURN_S:
                self.other_clears += 1
            else:
                self.own_clears += 1
        self._loud.clear()
        self._end_s = min(self._end_s, at_s)
        self.queued = False
        if self.sounds_from_s >= at_s:
            self.sounds_from_s = math.inf

    def agent_speaks(self, at_s: float) -> bool:
        """Whether the caller hears the agent speak; to be asked of times that go forwards."""
        while self._loud and self._loud[0][1] < at_s:
            self._loud.popleft()
        return bool(self._loud) and self._loud[0][0] <= at_s

    def utterance(self, at_s: float) -> AgentUtterance | None:
        """Return what the agent is saying, or said last, at a time."""
        return next((one for one in reversed(self.talk.utterances) if one.begins_s <= at_s), None)

    def unheard_s(self, at_s: float) -> float:
        """How much of the agent's speech has not sounded yet."""
        return sum(end - max(begin, at_s) for begin, end in self._loud if end > at_s)

    def caller(self, entry: Entry) -> None:
        """Take note that the caller begins to speak, or ceases."""
        at_ms = entry.detail.get("at_ms")
        at_s = self.started_s + at_ms / 1000 if isinstance(at_ms, (int, float)) else entry.at_s
        begins = entry.name == "speech begins"
        if begins:
            kinds = (kind for since_s, until_s, kind in self._says if since_s <= at_s <= until_s)
            self.kind = next(kinds, "")
        if self.kind != "backchannel":  # which is no turn
            (self.talk.caller_begins if begins else self.talk.caller_ends)(at_s)
        self.speaking_since_s, self.quiet_since_s = (at_s, math.inf) if begins else (math.inf, at_s)
        self.spoke_s = self.spoke_s if begins else at_s

    def pressed(self, at_s: float) -> None:
        """Take note that the caller presses a key."""
        self.talk.pressed(at_s)
        self.spoke_s = at_s

    def says(self, entry: Entry) -> None:
        """Take note of what the script lets the caller say."""
        if (found := window(entry)) is not None:
            self._says.append(found)


def name_of(entry: Entry) -> str:
    """Return the name of a checkpoint, or of the answer to one; empty if it has none."""
    try:
        return _decode_name(entry.text or "").name
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return ""


def _start_of(text: str | None) -> Start:
    try:
        event = parse(text or "")
    except ProtocolError:
        return Start()
    return event if isinstance(event, Start) else Start()


def _loud_frames(heard: PlayedSound, size: int, floor: NoiseFloor) -> NDArray[np.intp]:
    """Return the numbers of the loud frames; what is left over at the end counts as a frame."""
    if heard.energies is not None:  # the usual message, without the cost of arrays for two numbers
        most = size * floor.limit(heard.at)
        first, second = heard.energies
        return LOUD_OF_TWO[(first > most) + 2 * (second > most)]
    x = heard.pcm.astype(np.float32)
    n = len(x) // size
    rest = x[n * size :]
    energies = np.append(frame_energies(x, size), np.dot(rest, rest) * size / max(len(rest), 1))
    return np.flatnonzero(energies > size * floor.limits(heard.at, n + 1, size))
