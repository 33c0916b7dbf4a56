"""Ready-made messages: a call's media are its own few counters between texts that all calls share."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NewType

import numpy as np

from voiceband.dsp.base64 import base64_encode
from voiceband.emulator.carrier.message_writer import MessageWriter
from voiceband.protocol.limits import FRAME_MS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from voiceband.formats import AudioFormat


Frame = NewType("Frame", str)
"""What follows a media message's counters: the audio, and the end of the message."""


def ready_frames(format: AudioFormat, pcm: NDArray[np.int16], extra_headers: str) -> tuple[Frame, ...]:  # noqa: A002
    """Cut samples into frames of 20 ms that any call can send; a last piece is filled up with silence.

    Parameters
    ----------
    format : AudioFormat
        Of the wire.
    pcm : ndarray, shape (n,), int16
        At the format's rate.
    extra_headers : str
        As every message repeats them.
    """
    tail = f'"}},"extra_headers":{json.dumps(extra_headers)}}}'
    size = format.frame_samples(FRAME_MS)
    padded = np.concatenate([pcm, np.zeros(-len(pcm) % size, np.int16)])
    return tuple(Frame(base64_encode(format.encode(piece)) + tail) for piece in padded.reshape(-1, size))


class ReadyMessages(MessageWriter):
    """The messages of one call, media out of ready parts; see `MessageWriter`."""

    def __init__(self, format: AudioFormat, stream_id: str, extra_headers: str, epoch_ms: int) -> None:  # noqa: A002
        super().__init__(format, stream_id, extra_headers, epoch_ms)
        self._middle = f',"streamId":{self._quoted_id},"media":{{"track":"inbound","timestamp":"'
        self.chunks = 0

    def next_media(self, frame: Frame) -> str:
        """Return the next media message of the inbound track."""
        self._sequence = sequence = self._sequence + 1
        at_ms = self._epoch_ms + self.chunks * FRAME_MS
        self.chunks = chunk = self.chunks + 1
        return f'{{"event":"media","sequenceNumber":{sequence}{self._middle}{at_ms}","chunk":{chunk},"payload":"{frame}'
