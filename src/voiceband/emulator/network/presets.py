"""The networks that have names: what delays a message on its way between the carrier and an agent."""

from __future__ import annotations

import msgspec

from voiceband._checks import check_number


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """One direction of a connection. Each message is delayed by the sum of these, and none overtakes another.

    Times are 0 to 60,000 ms; a ValueError names what is not.

    Attributes
    ----------
    delay_ms : float
        Every message's least delay.
    jitter_ms : float
        Mean of a further, exponentially distributed delay of each message, at most ten times that.
    loss : float
        Share of the messages that TCP has to send again. Each comes `resend_ms` later, and holds up all behind it.
    resend_ms : tuple of float
        Shortest and longest time until a lost message has been sent again.
    stalls_per_min : float
        How often nothing gets through: a stall begins after exponentially distributed times without one.
    stall_ms : tuple of float
        Shortest and longest stall.
    batch_ms : float
        Messages are handed over together, at most this often; 0 for each on its own.
    bytes_per_s : float
        Throughput; 0 for no limit.
    read_ms : float
        How long the far end takes to read a message; the next one waits meanwhile.
    """

    delay_ms: float
    jitter_ms: float = 0
    loss: float = 0
    resend_ms: tuple[float, float] = (200, 400)
    stalls_per_min: float = 0
    stall_ms: tuple[float, float] = (0, 0)
    batch_ms: float = 0
    bytes_per_s: float = 0
    read_ms: float = 0

    def __post_init__(self) -> None:
        for name in ("delay_ms", "jitter_ms", "stalls_per_min", "batch_ms", "read_ms"):
            check_number(name, getattr(self, name), 0, 60_000)
        check_number("loss", self.loss, 0, 1)
        check_number("bytes_per_s", self.bytes_per_s, 0, 1e12)
        for name in ("resend_ms", "stall_ms"):
            low, high = getattr(self, name)
            check_number(name, high, check_number(name, low, 0, 60_000), 60_000)


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """A connection.

    Attributes
    ----------
    to_agent, to_carrier : Way
        Its directions.
    skew_ppm : float
        By how much the agent's clock runs faster than the carrier's.
    frame_ms : tuple of int
        Lengths of media messages, one of which is drawn for each.
    """

    to_agent: Way
    to_carrier: Way
    skew_ppm: float = 0
    frame_ms: tuple[int, ...] = (20,)

    def __post_init__(self) -> None:
        check_number("skew_ppm", self.skew_ppm, -100_000, 100_000)
        if not self.frame_ms:
            raise ValueError("frame_ms must have at least one length")
        for ms in self.frame_ms:
            check_number("frame_ms", ms, 1, 1000)


def _both(way: Way, **more: object) -> Preset:
    return Preset(to_agent=way, to_carrier=way, **more)  # type: ignore[arg-type]


PRESETS = {
    "clean": _both(Way(delay_ms=25)),
    "jittery": _both(Way(delay_ms=40, jitter_ms=15)),
    "bursty": _both(Way(delay_ms=30, jitter_ms=3, batch_ms=100)),
    "stalls": _both(Way(delay_ms=30, jitter_ms=3, stalls_per_min=6, stall_ms=(200, 1500))),
    "mobile": _both(
        Way(delay_ms=60, jitter_ms=12, loss=0.01, stalls_per_min=1, stall_ms=(300, 2000), bytes_per_s=125_000)
    ),
    # 40 messages a second are read where 50 come: 12 s are waiting after a minute.
    "slow-reader": Preset(to_agent=Way(delay_ms=25, read_ms=25), to_carrier=Way(delay_ms=25)),
    "odd-sizes": _both(Way(delay_ms=25), frame_ms=(5, 10, 15, 20, 25, 30, 60, 100)),
    # A cheap crystal is off by up to 100 ppm, and two of them by twice that.
    "skew": _both(Way(delay_ms=25), skew_ppm=200),
}
