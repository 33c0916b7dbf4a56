"""What is measured on: seeded audio, and the messages that carry it."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from voiceband.formats import PLIVO_MULAW_8K

if TYPE_CHECKING:
    from voiceband.formats import AudioFormat

Int16 = NDArray[np.int16]

STREAM = "87654321-4321-4321-4321-cba987654321"
BULK_S = 10
"""Length of what is processed at once, where a case is not about single frames."""


def levels(rate: int, n: int = 64) -> list[Int16]:
    """Return n frames of 20 ms whose level varies as speech does: no branch is learnt from one frame by heart."""
    rng = np.random.default_rng(0)
    spread = 10 ** rng.uniform(1.5, 3.8, n)
    return [rng.normal(0, level, rate // 50).clip(-32768, 32767).astype(np.int16) for level in spread]


def bursts(rate: int, seconds: float) -> Int16:
    """Return noise with a tone of changing pitch that comes and goes, for suppressors."""
    n = round(rate * seconds)
    rng = np.random.default_rng(1)
    on = np.repeat(rng.uniform(0, 1, n // 2000 + 1) > 0.5, 2000)[:n]
    x: Int16 = (300 * rng.standard_normal(n) + on * 6000 * np.sin(np.cumsum(rng.uniform(0.05, 0.6, n)))).astype(
        np.int16
    )
    return x


def noise(n: int) -> Int16:
    """Return n samples of noise at the level of speech."""
    x: Int16 = (np.random.default_rng(0).standard_normal(n) * 3000).clip(-32768, 32767).astype(np.int16)
    return x


def media_texts(audio_format: AudioFormat = PLIVO_MULAW_8K, n: int = 64) -> list[str]:
    """Return the first n media messages of a call, as the carrier writes them; 64 payloads come again and again."""
    payloads = [base64.b64encode(audio_format.encode(x)).decode() for x in levels(audio_format.sample_rate)]
    return [_media_text(i, payloads[i % len(payloads)]) for i in range(n)]


def _media_text(i: int, payload: str) -> str:
    media: dict[str, Any] = {"track": "inbound", "timestamp": str(1705312200000 + 20 * i), "chunk": i + 1}
    media["payload"] = payload
    message = {"event": "media", "sequenceNumber": i + 2, "streamId": STREAM, "media": media}
    message["extra_headers"] = "userId=12345;sessionId=abc-xyz"
    return json.dumps(message, separators=(",", ":"))


def start_text(audio_format: AudioFormat = PLIVO_MULAW_8K) -> str:
    """Return the message that begins a call."""
    media_format = {"encoding": audio_format.mime, "sampleRate": audio_format.sample_rate}
    return json.dumps({"event": "start", "start": {"streamId": STREAM, "mediaFormat": media_format}})
