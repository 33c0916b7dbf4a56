"""`Call`: the carrier's end of one stream, sans-IO: texts and time in, texts out. It mirrors `Session`."""

from __future__ import annotations

import json
import math
import uuid
from typing import TYPE_CHECKING, Any

import msgspec

from voiceband.dsp.base64 import base64_decode, base64_encode
from voiceband.emulator.player import Player
from voiceband.formats import PLIVO_FORMATS, PLIVO_MULAW_8K, AudioFormat

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FRAME_MS = 20
MAX_MESSAGE_BYTES = 64 * 1024
DIGITS = frozenset("0123456789*#ABCD")


class Call:
    """A phone call with one audio stream, as the carrier runs it.

    Parameters
    ----------
    format : AudioFormat, optional
        What the wire carries.
    call_id, stream_id : str, optional
        UUIDs are made up otherwise.
    extra_headers : str, optional
        As the messages carry them.
    playout_delay_ms : float, optional
        From the arrival of audio at an idle player to its sound.
    epoch_ms : int, optional
        Timestamp of the first media message.

    Notes
    -----
    Times are seconds from any monotonic origin. Media flows in real time from `start` to `hang_up`: what `say` was
    given, silence otherwise.
    """

    def __init__(
        self,
        format: AudioFormat = PLIVO_MULAW_8K,  # noqa: A002
        *,
        call_id: str | None = None,
        stream_id: str | None = None,
        extra_headers: str = "",
        playout_delay_ms: float = 250,
        epoch_ms: int = 1_700_000_000_000,
    ) -> None:
        if format not in PLIVO_FORMATS:
            raise ValueError(f"format must be one of {', '.join(map(str, PLIVO_FORMATS))}, not {format}")
        if not isinstance(playout_delay_ms, (int, float)) or not 0 <= playout_delay_ms <= 5000:
            raise ValueError(f"playout_delay_ms must be 0 to 5000, not {playout_delay_ms!r}")
        self.format = format
        self.call_id = call_id or str(uuid.uuid4())
        self.stream_id = stream_id or str(uuid.uuid4())
        self.extra_headers = extra_headers
        self.player = Player(format.frame_bytes(1000), delay_s=playout_delay_ms / 1000)
        self.started_at = math.inf
        self.ended_at = math.inf
        self.problems: list[str] = []
        self.digits: list[str] = []
        self.spoken = bytearray()  # the inbound track so far, as wire bytes
        self._frame = format.frame_bytes(FRAME_MS)
        self._speech = bytearray()
        self._epoch_ms = epoch_ms
        self._sequence = 0
        self._chunk = 0
        self._outbox: list[str] = []

    # ---- the caller

    def say(self, pcm: NDArray[np.int16]) -> None:
        """Queue speech of the caller, at the format's rate; it goes out in real time."""
        self._speech += self.format.encode(pcm)

    @property
    def unsaid_ms(self) -> float:
        """How much of what `say` was given has not gone out yet."""
        return len(self._speech) / self.format.frame_bytes(1000) * 1000

    def press(self, digit: str, now: float) -> None:
        """Press one key: one of ``0-9*#A-D``, while the call runs."""
        if not isinstance(digit, str) or len(digit) != 1 or digit not in DIGITS:
            raise ValueError(f"digit must be one of 0-9*#A-D, not {digit!r}")
        self._need_a_running_call(now)
        timestamp = str(self._epoch_ms + round((now - self.started_at) * 1000))
        self._send("dtmf", {"dtmf": {"track": "inbound", "digit": digit, "timestamp": timestamp}})

    def start(self, now: float) -> None:
        """Open the stream; RuntimeError the second time."""
        if self.started_at < math.inf:
            raise RuntimeError("the call has started already; make another Call for another call")
        self.started_at = now
        body = {
            "callId": self.call_id,
            "streamId": self.stream_id,
            "accountId": "MAEMULATEDACCOUNT000",
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": self.format.mime, "sampleRate": self.format.sample_rate},
        }
        self._send("start", {"start": body}, with_stream_id=False)

    def _need_a_running_call(self, now: float) -> None:
        if not self.started_at <= now < self.ended_at:
            raise RuntimeError("the call must have started and not ended")

    def hang_up(self, now: float) -> None:
        """End the call: nothing is sent or played any more."""
        self.ended_at = min(self.ended_at, now)
        self.player.clear(now)

    # ---- the wire

    def receive(self, message: object, now: float) -> None:
        """Take one message from the agent; what is wrong with it goes into `problems`."""
        if now >= self.ended_at:
            return
        if not isinstance(message, str):
            self.problems.append(f"a message of {type(message).__name__}: only texts are understood")
            return
        if len(message) > MAX_MESSAGE_BYTES:
            self.problems.append(f"a message of {len(message)} characters: the limit is {MAX_MESSAGE_BYTES}")
            return
        try:
            raw = msgspec.json.decode(message)
            if not isinstance(raw, dict):
                raise ValueError("it is no object")
            event = raw["event"]
            if not isinstance(event, str):
                raise ValueError(f"its event is {event!r}")
            handler = {
                "playAudio": self._play,
                "checkpoint": self._checkpoint,
                "clearAudio": self._clear,
                "sendDTMF": self._send_dtmf,
            }.get(event)
            if handler is None:
                self.problems.append(f"event {event!r}: an agent cannot send it")
                return
            handler(raw, now)
        except KeyError as error:
            self.problems.append(f"a message that cannot be used: it has no {error.args[0]}")
        except (msgspec.DecodeError, UnicodeError, RecursionError, TypeError, ValueError) as error:
            self.problems.append(f"a message that cannot be used: {error}")

    def _play(self, raw: dict[str, Any], now: float) -> None:
        media = raw["media"]
        if not isinstance(media, dict):
            raise ValueError("its media is no object")
        given = AudioFormat.parse(media["contentType"], int(media["sampleRate"]))
        if given != self.format:
            raise ValueError(f"playAudio of {given} on a stream of {self.format}")
        payload = base64_decode(media["payload"])
        if len(payload) % self.format.sample_bytes:
            raise ValueError(f"playAudio of {len(payload)} bytes, which are no whole samples")
        before = self.player.overflow_bytes
        self.player.play(payload, now)
        if self.player.overflow_bytes > before:
            lost_ms = (self.player.overflow_bytes - before) / self.format.frame_bytes(1000) * 1000
            raise ValueError(
                f"playAudio beyond the queue of {self.player.max_queue_s:g} s: {lost_ms:.0f} ms are dropped"
            )

    def _checkpoint(self, raw: dict[str, Any], now: float) -> None:
        self._check_stream(raw)
        self.player.checkpoint(str(raw["name"]), now)

    def _clear(self, raw: dict[str, Any], now: float) -> None:
        self._check_stream(raw)
        self.player.clear(now)
        self._send("clearedAudio", {})

    def _send_dtmf(self, raw: dict[str, Any], _now: float) -> None:
        digits = raw["dtmf"]
        if not isinstance(digits, str) or not digits or set(digits) - DIGITS:
            raise ValueError(f"sendDTMF of {digits!r}: it takes a text of 0-9*#A-D")
        self.digits.extend(digits)

    def _check_stream(self, raw: dict[str, Any]) -> None:
        if raw.get("streamId") != self.stream_id:
            raise ValueError(f"streamId {raw.get('streamId')!r} is not this stream's")

    def poll(self, now: float) -> list[str]:
        """Return the texts that are due by `now`, in order."""
        while self._next_frame <= min(now, self.ended_at):
            self._media()
        for name in self.player.reached(now):
            self._send("playedStream", {"name": name})
        texts, self._outbox = self._outbox, []
        return texts

    @property
    def next_poll(self) -> float:
        """When `poll` next has something to send: a time, -inf for at once, inf after the end."""
        if self._outbox:
            return -math.inf
        if self.ended_at < math.inf:
            return math.inf
        return min(self._next_frame, self.player.next_mark)

    @property
    def _next_frame(self) -> float:
        """A frame leaves when its last sample has been spoken."""
        return self.started_at + (self._chunk + 1) * FRAME_MS / 1000

    def _media(self) -> None:
        frame = bytes(self._speech[: self._frame])
        del self._speech[: self._frame]
        missing = self._frame - len(frame)
        frame += self.format.silence * (missing // self.format.sample_bytes)
        self.spoken += frame
        timestamp = str(self._epoch_ms + self._chunk * FRAME_MS)
        self._chunk += 1
        media = {"track": "inbound", "timestamp": timestamp, "chunk": self._chunk, "payload": base64_encode(frame)}
        self._send("media", {"media": media})

    def _send(self, event: str, body: dict[str, Any], *, with_stream_id: bool = True) -> None:
        self._sequence += 1
        message: dict[str, Any] = {"event": event, "sequenceNumber": self._sequence}
        if with_stream_id:
            message["streamId"] = self.stream_id
        message.update(body)
        if event in ("start", "media", "dtmf"):
            message["extra_headers"] = self.extra_headers
        self._outbox.append(json.dumps(message, separators=(",", ":")))

    # ---- afterwards

    def recording(self, now: float) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
        """Return what the caller said and what the caller heard, from the start to `now` or the end, equally long."""
        seconds = max(0.0, min(now, self.ended_at) - self.started_at)
        total = round(seconds * self.format.sample_rate) * self.format.sample_bytes
        said = bytes(self.spoken[:total])
        said += self.format.silence * ((total - len(said)) // self.format.sample_bytes)
        heard = self.player.heard(self.started_at, seconds, self.format.silence)
        return self.format.decode(said), self.format.decode(heard)
