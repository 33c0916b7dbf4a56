"""What a server's processes use of the machine."""

from __future__ import annotations

import math
import time

try:
    import psutil
except ModuleNotFoundError as _error:
    raise ModuleNotFoundError(
        f"watching a server needs {_error.name}; pip install 'voiceband[load]' brings it", name=_error.name
    ) from None

from voiceband.load.distribution import Distribution

SAMPLE_S = 0.5


class Usage:
    """Watches a process and its children; of those that end, what they used since the last look is not seen.

    Parameters
    ----------
    pid : int
        The process.

    Raises
    ------
    ValueError
        If there is no such process, or it may not be looked at.
    """

    def __init__(self, pid: int) -> None:
        try:
            self._process = psutil.Process(pid)
            self._process.cpu_times()
        except (psutil.Error, OverflowError) as error:
            raise ValueError(f"pid must be that of a process that can be watched, not {pid}: {error}") from None
        self.forget()

    def forget(self) -> None:
        """Restart the measurement here."""
        self._cpu_s: dict[int, float] = {}
        self._used_s = 0.0
        self._busy = Distribution()
        self._memory_mb = 0.0
        self._look()
        self._began = self._looked_at = time.monotonic()
        self._ended = math.inf
        self._used_s = 0.0

    def sample(self) -> None:
        """Look, if it is time to."""
        now = time.monotonic()
        wall_s = now - self._looked_at
        if wall_s >= SAMPLE_S:
            self._looked_at = now
            self._busy.add(self._look() / wall_s * 100)

    def _look(self) -> float:
        """Return how much CPU time was used since the last look."""
        used_s = memory = 0.0
        cpu_s = {}
        try:
            processes = [self._process, *self._process.children(recursive=True)]
        except psutil.Error:
            processes = []  # it has ended
        for process in processes:
            try:
                with process.oneshot():
                    times = process.cpu_times()
                    cpu_s[process.pid] = times.user + times.system
                    memory += process.memory_info().rss
            except psutil.Error:
                continue
            used_s += cpu_s[process.pid] - self._cpu_s.get(process.pid, 0.0)
        self._cpu_s = cpu_s
        self._used_s += used_s
        self._memory_mb = max(self._memory_mb, memory / 2**20)
        return used_s

    def end(self) -> None:
        """End the measurement here."""
        if self._ended == math.inf:
            self._look()
            self._ended = time.monotonic()

    def summary(self) -> dict[str, float]:
        """Return CPU in percent of one core, the mean and the most in half a second, and the most memory in MiB."""
        self.end()
        wall_s = self._ended - self._began
        mean = self._used_s / wall_s * 100 if wall_s > 0 else 0.0
        return {
            "cpu_percent": round(mean, 1),
            "cpu_percent_max": round(max(mean, self._busy.max), 1),
            "memory_mb": round(self._memory_mb, 1),
        }
