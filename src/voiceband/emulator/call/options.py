"""The options of a call in a test, as a type: for `plivo_call`, and for who passes them on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from voiceband.emulator.caller.steps import Step
    from voiceband.emulator.carrier.announcements import Reader
    from voiceband.emulator.carrier.carrier_stream import CarrierStream
    from voiceband.emulator.carrier.leg import Retries
    from voiceband.emulator.carrier.log import CallLog
    from voiceband.session import SessionOptions


class CarrierOptions(TypedDict, total=False):
    """What `Carrier` takes beside what the caller, the network and the seed of a placed call decide."""

    method: str
    from_number: str
    to_number: str
    direction: str
    fallback_url: str | None
    hangup_url: str | None
    public_base_url: str | None
    stream_url: str | None
    keys: str
    auth_id: str
    auth_token: str
    retries: Retries
    words: str
    max_streams: int
    speech: Reader
    on_stream: Callable[[CarrierStream, float], object] | None
    epoch_ms: int | None
    log: CallLog | None
    playout_delay_ms: float
    profile: str
    send_stop: bool | None
    max_backlog_s: float


class CallerOptions(CarrierOptions, total=False):
    """What `plivo_call` takes beside the agent."""

    app: Callable[..., Any] | None
    say: str | Path | NDArray[np.int16] | None
    channel: int | None
    script: str | Path | Sequence[Step] | None
    network: str | Path | None
    noise: str | Path | None
    snr_db: float
    stream: str | None
    clock: str | None
    seed: int | None
    timeout_s: float
    tls: ssl.SSLContext | None
    session: SessionOptions | None
