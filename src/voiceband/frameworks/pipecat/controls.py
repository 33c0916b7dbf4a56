"""What pipecat's websocket transports do not show to serializers: keys to press, and checkpoints."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipecat.frames import frames as pf
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

if TYPE_CHECKING:
    from pipecat.serializers.base_serializer import FrameSerializer


@dataclass
class CheckpointFrame(pf.DataFrame):  # type: ignore[misc]
    """Asks for a `PlayedFrame` of the same `checkpoint` once the caller has heard all before it."""

    checkpoint: str


@dataclass
class PlayedFrame(pf.SystemFrame):  # type: ignore[misc]
    """The caller has heard everything before `checkpoint`; the frame comes from the input transport."""

    checkpoint: str


class PlivoControls(FrameProcessor):  # type: ignore[misc]
    """Goes right before ``transport.output()``: what pipecat's transports do not show to serializers.

    Keys (`OutputDTMFFrame`) go out as sendDTMF rather than as tones, and a `CheckpointFrame` in its place among the
    audio. Whenever the bot has stopped speaking, unless interrupted, a checkpoint follows: "speech-1", "speech-2" and
    so on.
    """

    def __init__(self, serializer: FrameSerializer, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._serializer = serializer
        self._speaking = False
        self._spoken = 0

    async def process_frame(self, frame: pf.Frame, direction: FrameDirection) -> None:
        """Pass frames on, in the form that transports understand."""
        await super().process_frame(frame, direction)
        if isinstance(frame, (pf.OutputDTMFFrame, CheckpointFrame)):
            await self._send(frame, pf.OutputTransportMessageFrame)
            return
        if isinstance(frame, pf.OutputDTMFUrgentFrame):
            await self._send(frame, pf.OutputTransportMessageUrgentFrame)
            return
        await self.push_frame(frame, direction)
        if isinstance(frame, pf.InterruptionFrame):
            self._speaking = False
        elif isinstance(frame, pf.BotStartedSpeakingFrame):
            self._speaking = True
        elif isinstance(frame, pf.BotStoppedSpeakingFrame) and self._speaking:
            self._speaking = False
            self._spoken += 1
            await self._send(CheckpointFrame(f"speech-{self._spoken}"), pf.OutputTransportMessageUrgentFrame)

    async def _send(self, frame: pf.Frame, kind: type[pf.Frame]) -> None:
        text = await self._serializer.serialize(frame)
        assert text is not None
        await self.push_frame(kind(message=json.loads(text)))
