"""`PlayedSoundReader`: decodes what the agent sends as it comes, and says whether it may yet turn out to be noise."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from voiceband.dsp.base64 import base64_decode
from voiceband.emulator.carrier import reading
from voiceband.emulator.carrier.converter import PlayerConverter
from voiceband.sound.noise_floor import NoiseFloor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from voiceband.emulator.carrier.log import Entry
    from voiceband.formats import AudioFormat

KEPT = 256
"""So many changes of the noise do not fit into one message."""
BREAK_S = 0.5
"""Sound that goes on so much later than it could have is another one."""


class _Media(msgspec.Struct):
    payload: str


class _PlayAudio(msgspec.Struct):
    media: _Media
    stream_id: Any = msgspec.field(name="streamId", default=None)


_decode = msgspec.json.Decoder(_PlayAudio).decode


class PlayedSound(NamedTuple):
    """The sound of one playAudio: wire bytes, samples, how many were sent before, and the streamId that it gives.

    `energies` are those of its frames of 10 ms if there are two of them, as is usual.
    """

    payload: bytes
    pcm: NDArray[np.int16]
    at: int
    energies: list[float] | None
    stream_id: Any


class PlayedSoundReader:
    """What one agent sends.

    Parameters
    ----------
    wire : AudioFormat
        What the stream carries.

    Attributes
    ----------
    floor : NoiseFloor
        How loud speech has to be.
    """

    def __init__(self, wire: AudioFormat) -> None:
        self.wire = wire
        self.floor = NoiseFloor(wire.sample_rate, keep=KEPT)
        self._converter = PlayerConverter(wire)
        self._until_s = -math.inf  # when what was sent has been played, without the player's delay

    def take(self, entry: Entry) -> PlayedSound | None:
        """Take a message of the agent; return the sound of a playAudio that the carrier took, if it can be read."""
        detail = entry.detail
        if "ignored" in detail or "problem" in detail:
            return None
        if entry.name == "clearAudio":
            self._converter.reset()
        if entry.name != "playAudio":
            return None
        try:
            message = _decode(entry.text or "")
            if detail.get("doubts"):
                sound = reading.read_sound(reading.read_object(entry.text or ""), self.wire, {})
                payload = self._converter.convert(sound)
            else:
                payload = base64_decode(message.media.payload)
        except (msgspec.MsgspecError, ValueError, TypeError, RecursionError):
            return None  # a log that was not written by a CarrierStream
        width = self.wire.sample_bytes
        if len(payload) % width:
            payload = payload[: len(payload) // width * width]
        pcm = self.wire.decode(payload)
        floor, now = self.floor, entry.at_s
        if now > self._until_s + BREAK_S:
            floor.pause()
        at = floor.at
        energies = floor.push(pcm)
        self._until_s = max(self._until_s, now) + len(pcm) / self.wire.sample_rate
        return PlayedSound(payload, pcm, at, energies, message.stream_id)

    def undecided_at(self, now: float) -> float:
        """Return from which sample on sound may turn out to be noise by what follows; inf if none may."""
        if now > self._until_s + BREAK_S:
            self.floor.pause()
        return self.floor.undecided_at
