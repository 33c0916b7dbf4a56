"""The options of a session, as a type, for functions that pass them on."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Literal, SupportsFloat, SupportsIndex, TypedDict

import numpy as np

from voiceband.formats import AudioFormat, ByteOrder
from voiceband.session.capture import Capture
from voiceband.session.inbound.barge_in import BargeInSettings
from voiceband.session.recorder import Recorder

Dtype = Literal["int16", "float32"] | type[np.int16] | type[np.float32]
Buffer = Literal["timeline", "jitter"]
ByteOrderIn = Literal["little", "big", "auto"]
Metrics = Callable[[str, float], object]


class SessionOptions(TypedDict, total=False):
    """The parameters of `Session`, for signatures such as ``def serve(**options: Unpack[SessionOptions])``."""

    rate: SupportsIndex | None
    dtype: Dtype
    denoise: SupportsFloat | None
    buffer: Buffer | None
    tracks: Collection[str]
    lead_ms: SupportsFloat | None
    byteorder_in: ByteOrderIn
    byteorder_out: ByteOrder
    fallback_format: AudioFormat
    gain_in_db: SupportsFloat
    gain_out_db: SupportsFloat
    checkpoint_every_ms: SupportsFloat | None
    max_queued_ms: SupportsFloat
    message_ms: SupportsFloat
    join_ms: SupportsFloat
    guard: bool
    barge_in: bool | BargeInSettings
    tones: bool
    audio_ms: SupportsFloat | None
    recorder: Recorder | None
    capture: Capture | None
    metrics: Metrics | None
