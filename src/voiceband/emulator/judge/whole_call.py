"""A phone call from its first ring to its end, as the caller heard it, through all its streams and announcements."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from voiceband.dsp.resample import resample
from voiceband.emulator.carrier.announcements import RATE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from voiceband.emulator.carrier.carrier import Carrier


def recording(carrier: Carrier, now: float, rate: int = 16000) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Return what the caller said and what the caller heard.

    Parameters
    ----------
    carrier : Carrier
        The call, started.
    now : float
        Up to when, if it has not ended before.
    rate : int, optional
        Of the result, in Hz.

    Returns
    -------
    said, heard : ndarray, int16
        Equally long. What the caller said while no stream was connected is not known, and silent.

    Raises
    ------
    ValueError
        If the call has not started, or the rate is none that `resample` takes.
    """
    end = min(now, carrier.ended_at)
    if not carrier.started_at <= end:
        raise ValueError(f"the call must have started by {now}, not at {carrier.started_at}")
    n = round((end - carrier.started_at) * rate)
    said, heard = np.zeros(n, np.int32), np.zeros(n, np.int32)

    def add(to: NDArray[np.int32], pcm: NDArray[np.int16], pcm_rate: int, at: float) -> None:
        first = round((at - carrier.started_at) * rate)
        piece = resample(pcm, pcm_rate, rate)[: n - first]
        to[first : first + len(piece)] += piece

    for call in carrier.streams:
        if call.started_at > end:
            break
        wire = call.format
        add(said, call.recording(end)[0], wire.sample_rate, call.started_at)
        seconds = min(end, call.ended_at) - call.started_at
        agent = wire.decode(call.player.heard(call.started_at, seconds, wire.silence))
        add(heard, agent, wire.sample_rate, call.started_at)
    for at, pcm in carrier.announced:
        if at > end:
            break
        add(heard, pcm[: round((end - at) * RATE)], RATE, at)
    return tuple(np.clip(track, -32768, 32767).astype(np.int16) for track in (said, heard))  # type: ignore[return-value]
