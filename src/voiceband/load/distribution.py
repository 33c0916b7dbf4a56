"""`Distribution`: many times, kept as counts: that takes little room, and those of several processes can be joined."""

from __future__ import annotations

import math

FINE_BELOW = 1000  # tenths of a millisecond
MAX_MS = 600_000.0


class Distribution:
    """A distribution of times in milliseconds.

    Up to 100 ms they are kept to a tenth of a millisecond, above that to a millisecond; negative ones count as 0, and
    those over ten minutes as ten minutes.

    Attributes
    ----------
    n : int
        How many there are.
    max : float
        The greatest, exactly; 0 without any.

    Examples
    --------
    >>> figures = Distribution()
    >>> for ms in (1, 2, 3, 400):
    ...     figures.add(ms)
    >>> figures.percentile(50), figures.percentile(99), figures.n
    (2.0, 400.0, 4)
    """

    __slots__ = ("counts", "max", "n")

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.n = 0
        self.max = 0.0

    def add(self, ms: float) -> None:
        """Count one."""
        if ms > self.max:
            ms = self.max = min(ms, MAX_MS)
        key = int(ms * 10) if ms > 0 else 0
        if key >= FINE_BELOW:
            key -= key % 10
        self.counts[key] = self.counts.get(key, 0) + 1
        self.n += 1

    def clear(self) -> None:
        """Forget all."""
        self.counts.clear()
        self.n, self.max = 0, 0.0

    def join(self, other: Distribution) -> None:
        """Count all that another one has counted."""
        for key, count in other.counts.items():
            self.counts[key] = self.counts.get(key, 0) + count
        self.n += other.n
        self.max = max(self.max, other.max)

    def percentile(self, percent: float) -> float:
        """Return the least time that `percent` % (0 to 100) of all do not exceed; 0 without any."""
        rank = max(1, math.ceil(self.n * percent / 100))
        seen = 0
        for key in sorted(self.counts):
            seen += self.counts[key]
            if seen >= rank:
                return min(key / 10, self.max)
        return 0.0

    def over(self, ms: float) -> int:
        """Return how many are longer than that."""
        return sum(count for key, count in self.counts.items() if key / 10 > ms)

    def summary(self) -> dict[str, float]:
        """Return p50, p95, p99 and max in milliseconds, and n."""
        shares = {f"p{percent}": self.percentile(percent) for percent in (50, 95, 99)}
        return {**shares, "max": round(self.max, 1), "n": self.n}
