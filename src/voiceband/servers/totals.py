"""Totals of all calls of one process, in the text format of Prometheus.

Every total is a counter, histograms too, by the name that its line has. So totals of several processes add up line by
line.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from voiceband.session.metrics import METRICS

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "voiceband_"
BOUNDS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_STATM = Path("/proc/self/statm")
_HELP = {
    "calls_total": "Calls that began.",
    "connections_total": "WebSocket upgrades accepted.",
    "warnings_total": "Calls with a warning of this kind; each call counts once for each kind.",
    "unread_total": "Events dropped because an agent did not read them, and messages of a connection that had ended.",
    "upgrades_refused_total": "WebSocket upgrades refused, by reason.",
    "connections": "Connections open now, and those that calls wait for.",
    "memory_bytes": "Resident memory of the worker, in bytes.",
    "workers_ready": "Workers that take calls now.",
    **{f"{name}_total": metric.help for name, metric in METRICS.items() if metric.kind == "counter"},
    **{name: metric.help for name, metric in METRICS.items() if metric.kind == "histogram"},
}


class Totals:
    """Counts what happens to calls."""

    def __init__(self) -> None:
        self._counters: dict[str, float] = {}
        self.connections = 0

    def add(self, name: str, n: float = 1, **labels: str) -> None:
        """Add to the counter ``voiceband_<name>``."""
        line = series(name, **labels)
        self._counters[line] = self._counters.get(line, 0) + n

    def note(self, name: str, value: float) -> None:
        """Take what a session tells its `metrics` hook; gauges are a call's own."""
        kind = METRICS[name].kind
        if kind == "counter":
            self.add(f"{name}_total", value)
        elif kind == "histogram":
            for bound in BOUNDS_MS:
                self.add(f"{name}_bucket", value <= bound, le=str(bound))
            self.add(f"{name}_bucket", le="+Inf")
            self.add(f"{name}_sum", value)
            self.add(f"{name}_count")

    def snapshot(self) -> str:
        """Return the counters, and the gauges of this process, as JSON."""
        gauges: dict[str, float] = {"connections": self.connections}
        memory = memory_bytes()
        if memory is not None:
            gauges["memory_bytes"] = memory
        return json.dumps([dict(self._counters), gauges])


TOTALS = Totals()
"""Those of this process."""


def memory_bytes() -> int | None:
    """Return the resident memory of this process; None where the system does not say."""
    with contextlib.suppress(OSError, ValueError):
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return None


def series(name: str, **labels: str) -> str:
    """Return the name of a line with its labels."""
    shown = ",".join(f'{label}="{_escaped(value)}"' for label, value in labels.items())
    return f"{PREFIX}{name}{shown and f'{{{shown}}}'}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def render(lines: Mapping[str, float]) -> str:
    """Return totals and gauges, by the names of their lines, as Prometheus reads them."""
    families: dict[str, list[str]] = {}
    for line, value in lines.items():
        name = line.partition("{")[0].removeprefix(PREFIX)
        for part in ("_bucket", "_sum", "_count"):
            if name.endswith(part) and name.removesuffix(part) in METRICS:
                name = name.removesuffix(part)
        families.setdefault(name, []).append(f"{line} {value:.15g}\n")
    text = []
    for name, family in sorted(families.items()):
        kind = "counter" if name.endswith("_total") else "histogram" if name in METRICS else "gauge"
        text.append(f"# HELP {PREFIX}{name} {_HELP.get(name, name)}\n# TYPE {PREFIX}{name} {kind}\n")
        text += family
    return "".join(text)
