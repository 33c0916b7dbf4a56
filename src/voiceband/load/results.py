"""What a load test gave: of each call, of each process, and of all together."""

from __future__ import annotations

import collections
from dataclasses import dataclass, field
from typing import Any

from voiceband.load.distribution import Distribution

GAP_LIMIT_MS = 20.0
"""A p99 of the gaps above that is too much for callers."""
LATE_LIMIT_MS = 5.0
"""A p99 of the generator's own lateness above that makes its figures doubtful."""

STALLED = "the agent was silent for more than a second in the middle of what it said"


class LoadError(RuntimeError):
    """A load test could not be run; the text says why."""


@dataclass
class CallResult:
    """One call.

    Attributes
    ----------
    number : int
        From 0, in the order of their beginnings.
    state : {"good", "failed", "lost", "stalled"}
        Failed calls never began; lost ones ended before they should have; on stalled ones a gap was longer than a
        second.
    reason : str
        Why it is not good.
    gaps, delays : Distribution
        Of this call.
    unanswered : int
        Utterances without a response.
    said_s, heard_s : float
        Audio sent, and audio that came.
    unread : int
        Messages that were not understood.
    """

    number: int
    state: str
    reason: str
    gaps: Distribution
    delays: Distribution
    unanswered: int = 0
    said_s: float = 0.0
    heard_s: float = 0.0
    unread: int = 0

    def summary(self) -> dict[str, Any]:
        """Return it as JSON would have it."""
        return {
            "call": self.number,
            "state": self.state,
            "reason": self.reason,
            "gaps_ms": self.gaps.summary(),
            "response_ms": self.delays.summary(),
            "unanswered": self.unanswered,
            "said_s": round(self.said_s, 2),
            "heard_s": round(self.heard_s, 2),
            "unread": self.unread,
        }


@dataclass
class WorkerResult:
    """What one process measured.

    Attributes
    ----------
    calls : list of CallResult
        Its calls.
    late : Distribution
        How late its frames were sent.
    frames : int
        How many those were.
    cpu_s, wall_s : float
        CPU time of the process, and time, of the same stretch.
    """

    calls: list[CallResult] = field(default_factory=list)
    late: Distribution = field(default_factory=Distribution)
    frames: int = 0
    cpu_s: float = 0.0
    wall_s: float = 0.0


class LoadReport:
    """All of it.

    Parameters
    ----------
    workers : list of WorkerResult
        Of the processes.
    wanted : int
        How many calls there should have been.
    echo : bool
        Whether all that was said should have come back.
    server : dict, optional
        What the server's processes used.
    interrupted : bool, optional
        Whether it was ended before its time.
    """

    def __init__(
        self,
        workers: list[WorkerResult],
        wanted: int,
        *,
        echo: bool,
        server: dict[str, float] | None = None,
        interrupted: bool = False,
    ) -> None:
        self.wanted = wanted
        self.echo = echo
        self.server = server
        self.interrupted = interrupted
        self.calls = sorted((call for worker in workers for call in worker.calls), key=lambda call: call.number)
        self.gaps, self.delays, self.late, self.worst = Distribution(), Distribution(), Distribution(), Distribution()
        for call in self.calls:
            self.gaps.join(call.gaps)
            self.delays.join(call.delays)
            if call.gaps.n:
                self.worst.add(call.gaps.max)
        for worker in workers:
            self.late.join(worker.late)
        frames = sum(worker.frames for worker in workers)
        self.frame_us = sum(worker.cpu_s for worker in workers) / frames * 1e6 if frames else 0.0
        self.busiest = max((worker.cpu_s / worker.wall_s for worker in workers if worker.wall_s), default=0.0)
        self.processes = len(workers)
        self.states = collections.Counter(call.state for call in self.calls)
        self.reasons = collections.Counter(call.reason for call in self.calls if call.reason)

    @property
    def silent(self) -> int:
        """How many good calls never heard the agent."""
        return sum(call.state == "good" and not call.heard_s for call in self.calls)

    @property
    def missing_s(self) -> float:
        """How much of what good calls said an echo did not say back."""
        return sum(max(0.0, call.said_s - call.heard_s) for call in self.calls if call.state == "good")

    @property
    def generator_late(self) -> bool:
        """Whether the generator itself was too slow to measure well."""
        return self.late.percentile(99) > LATE_LIMIT_MS

    @property
    def refused(self) -> int:
        """How many calls failed or were lost."""
        return self.states["failed"] + self.states["lost"]

    @property
    def broken(self) -> int:
        """How many calls failed, were lost or stalled."""
        return self.refused + self.states["stalled"]

    def held(self) -> str:
        """Return why the server did not hold this load; nothing when it did."""
        if self.broken:
            return f"{self.broken} calls failed, were lost or stalled: {self.reasons.most_common(1)[0][0]}"
        if self.silent:
            return f"{self.silent} calls heard nothing"
        p99 = self.gaps.percentile(99)
        if p99 > GAP_LIMIT_MS:
            return f"p99 of the gaps {p99:.0f} ms"
        return ""

    def summary(self, *, calls: bool = True) -> dict[str, Any]:
        """Return it as JSON would have it, with or without a record for each call."""
        said: dict[str, Any] = {
            "calls": {
                "wanted": self.wanted,
                "good": self.states["good"],
                "failed": self.states["failed"],
                "lost": self.states["lost"],
                "stalled": self.states["stalled"],
                "silent": self.silent,
                "reasons": dict(self.reasons.most_common()),
            },
            "gaps_ms": self.gaps.summary(),
            "seconds_with_gaps": self.gaps.over(0),
            "worst_gap_of_calls_ms": self.worst.summary(),
            "response_ms": self.delays.summary(),
            "unanswered": sum(call.unanswered for call in self.calls),
            "unread": sum(call.unread for call in self.calls),
            "send_lateness_ms": self.late.summary(),
            "generator": {
                "processes": self.processes,
                "cpu_us_per_frame": round(self.frame_us, 2),
                "busiest_core": round(self.busiest, 3),
                "bottleneck": self.generator_late,
            },
            "server": self.server,
            "interrupted": self.interrupted,
        }
        if self.echo:
            said["missing_s"] = round(self.missing_s, 2)
        if calls:
            said["per_call"] = [call.summary() for call in self.calls]
        return said
