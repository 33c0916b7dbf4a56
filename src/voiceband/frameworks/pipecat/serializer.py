"""Plivo's messages to pipecat's frames, and back."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import numpy as np
from loguru import logger
from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.frames import frames as pf
from pipecat.serializers.base_serializer import FrameSerializer
from pipecat.serializers.plivo import PlivoFrameSerializer as PipecatsOwn

from voiceband.api import ApiError, AsyncPlivoClient
from voiceband.formats import AudioFormat
from voiceband.frameworks.pipecat.controls import CheckpointFrame, PlayedFrame
from voiceband.frameworks.pipecat.echo_gate import EchoGate
from voiceband.frameworks.pipecat.rates import Rates
from voiceband.protocol import (
    Checkpoint,
    ClearAudio,
    Dtmf,
    Error,
    IncorrectPayload,
    Media,
    PlayedStream,
    PlayFailed,
    ProtocolError,
    SendDtmf,
    parse,
    play_audio_encoder,
)
from voiceband.servers.call_log import printable
from voiceband.session.codecs import codec_of
from voiceband.session.guard import guard_of
from voiceband.session.outbound.refusal import quoted

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pipecat.processors.frame_processor import FrameProcessorSetup

    from voiceband.dsp.sound import SoundGuard

MAX_PAYLOAD_BYTES = 48_000
"""Most bytes of one playAudio: its base64 stays below the carrier's 64 KB."""


class PlivoFrameSerializer(PipecatsOwn):  # type: ignore[misc]
    """Plivo's messages to pipecat's frames and back, for mu-law and L16 streams.

    A message that cannot be used is logged and counted in `malformed`, and one of ours that the carrier cannot use in
    `refused`; the call goes on. Audio of other tracks than the caller's is left out.

    It is a subclass of pipecat's own, so ``isinstance`` holds, and so do overrides of its methods.

    Parameters
    ----------
    stream_id : str
        Of the stream.
    call_id, auth_id, auth_token : str, optional
        For hanging up when the pipeline ends, which is on unless ``params.auto_hang_up`` is False.
    params : InputParams, optional
        pipecat's own are taken too.
    client : AsyncPlivoClient, optional
        Hangs up, in the place of the credentials; it stays yours to close.

    Raises
    ------
    ValueError
        If what hanging up needs is missing, or the format cannot be on the wire.
    """

    class InputParams(PipecatsOwn.InputParams):  # type: ignore[misc]
        """Parameters of pipecat's serializer, and the encoding.

        Parameters
        ----------
        plivo_sample_rate : int
            Of the stream: 8000, or 16000 for L16.
        plivo_encoding : str
            Of the stream: "audio/x-mulaw" or "audio/x-l16", as in the Stream element.
        sample_rate : int, optional
            Of the caller's audio in the pipeline, in place of the pipeline's own.
        auto_hang_up : bool
            Whether the end of the pipeline ends the call.
        mute_echo : bool
            Give the pipeline silence while nothing but the bot's own voice comes back from the caller, so that its
            voice detector does not take that for an interruption.
        """

        plivo_sample_rate: int = 8000
        plivo_encoding: str = "audio/x-mulaw"
        sample_rate: int | None = None
        auto_hang_up: bool = True
        mute_echo: bool = False

    def __init__(
        self,
        stream_id: str,
        call_id: str | None = None,
        auth_id: str | None = None,
        auth_token: str | None = None,
        params: Any = None,
        *,
        client: AsyncPlivoClient | None = None,
    ) -> None:
        if not isinstance(params, PlivoFrameSerializer.InputParams):
            params = PlivoFrameSerializer.InputParams(**(params.model_dump() if params is not None else {}))
        # Not the constructor between: it would make two resamplers, and wants credentials even where there is a client.
        FrameSerializer.__init__(self, params)
        needs = {"call_id": call_id, **({"auth_id": auth_id, "auth_token": auth_token} if client is None else {})}
        missing = ", ".join(name for name, value in needs.items() if not value)
        if params.auto_hang_up and missing:
            raise ValueError(f"auto_hang_up is enabled but missing required parameters: {missing}")
        self.malformed = 0
        self.refused = 0
        self._stream_id = stream_id
        self._call_id = call_id
        self._auth_id, self._auth_token = auth_id, auth_token
        self._client = client
        self._hangup_attempted = False
        self._plivo_sample_rate = params.plivo_sample_rate
        self._wire = AudioFormat(params.plivo_encoding, params.plivo_sample_rate)
        self._encode = play_audio_encoder(self._wire, stream_id)
        codec, rate = codec_of(self._wire, "little")[0], self._wire.sample_rate
        self._guard_in, self._guard_out = (guard_of(codec, rate) for _ in range(2))
        self._echo = EchoGate(rate) if params.mute_echo else None
        self._sample_rate = params.sample_rate or self._wire.sample_rate
        self._hear, self._speak = (Rates(params.resampler_clear_after_secs) for _ in range(2))

    async def setup(self, setup: FrameProcessorSetup) -> None:
        """Take the pipeline's input rate."""
        self._sample_rate = self._params.sample_rate or setup.audio_in_sample_rate

    async def serialize(self, frame: pf.Frame) -> str | None:
        """Return the message for a frame; None for frames that have none. The end of the pipeline ends the call."""
        if isinstance(frame, pf.AudioRawFrame):
            return self._play(frame)
        if isinstance(frame, pf.InterruptionFrame):
            self._speak.restart()
            if self._echo is not None:
                self._echo.clear(time.monotonic())
            return ClearAudio(self._stream_id).encode()
        if isinstance(frame, (pf.OutputTransportMessageFrame, pf.OutputTransportMessageUrgentFrame)):
            return None if self.should_ignore_frame(frame) else json.dumps(frame.message)
        if isinstance(frame, (pf.OutputDTMFFrame, pf.OutputDTMFUrgentFrame)):
            return SendDtmf(frame.to_string()).encode()
        if isinstance(frame, CheckpointFrame):
            return Checkpoint(frame.checkpoint, self._stream_id).encode()
        ends = isinstance(frame, (pf.EndFrame, pf.CancelFrame))
        if ends and self._params.auto_hang_up and not self._hangup_attempted:
            self._hangup_attempted = True
            await self._hang_up_call()
        return None

    async def deserialize(self, data: str | bytes) -> pf.Frame | None:
        """Return the frame for a message; None for those that have none. Nothing is raised, whatever comes."""
        try:
            event = parse(data)
            if event.__class__ is Media:
                if event.track != "inbound":
                    return None
                self._listen(self._guard_in, event.payload, "what comes")
                pcm = self._wire.decode(event.payload)
                if self._echo is not None:
                    pcm = self._echo.hear(pcm, time.monotonic())
                pcm = self._hear.process(pcm, self._wire.sample_rate, self._sample_rate)
                return pf.InputAudioRawFrame(pcm.tobytes(), self._sample_rate, 1) if len(pcm) else None
            if isinstance(event, Dtmf):
                return pf.InputDTMFFrame(KeypadEntry(event.digit))  # pipecat's keypad has no A to D
        except (ProtocolError, ValueError) as error:
            self.malformed += 1
            # Not the message itself: it may hold extra headers, which do not belong in a log.
            if _is_due(self.malformed):
                logger.warning(f"{self}: {self.malformed} messages are left out so far: {printable(error)}")
            return None
        if isinstance(event, PlayedStream):
            return PlayedFrame(event.name)
        if isinstance(event, (PlayFailed, Error)):
            logger.error(f"{self}: the far end reports an error: {printable(event.reason)}")
        elif isinstance(event, IncorrectPayload):
            self.refused += 1
            if _is_due(self.refused):
                told = f"{quoted(event.raw) or 'a message'}: {event.reason or 'it says no reason'}"
                logger.warning(f"{self}: the carrier could not use {self.refused} messages so far: {printable(told)}")
        return None

    def _listen(self, guard: SoundGuard | None, payload: bytes, what: str) -> None:
        """Warn of what does not sound right."""
        for found in guard.process(payload) if guard is not None else ():
            logger.warning(f"{self}: {what} sounds wrong ({found.kind}): {found.reason}")

    def _play(self, frame: pf.AudioRawFrame) -> str | None:
        pcm: NDArray[Any] = np.frombuffer(frame.audio, np.int16)
        if frame.num_channels != 1:
            pcm = pcm.reshape(-1, frame.num_channels).mean(axis=1).astype(np.int16)
        pcm = self._speak.process(pcm, frame.sample_rate, self._wire.sample_rate)
        wire = self._wire.encode(pcm)
        if len(wire) > MAX_PAYLOAD_BYTES and not pcm.any():
            wire = wire[:MAX_PAYLOAD_BYTES]  # pipecat ends a call with 2 s of silence in one frame
        self._listen(self._guard_out, wire, "what is played")
        if self._echo is not None:
            self._echo.play(pcm, time.monotonic())
        return self._encode(wire) if wire else None

    async def _hang_up_call(self) -> None:
        client = self._client or AsyncPlivoClient(self._auth_id, self._auth_token)
        try:
            ended = await client.hangup(str(self._call_id))
            logger.debug(f"{self}: {'hung up' if ended else 'the call was over already'}")
        except (ApiError, ValueError) as error:
            logger.error(f"{self}: {error}")
        finally:
            if client is not self._client:
                await client.aclose()


def _is_due(count: int) -> bool:
    """Whether the log is told of this one: the first, the second, the fourth, and ever more seldom."""
    return count & (count - 1) == 0
