"""What is left of an emulated call: call.wav, wire.jsonl and summary.json in one folder."""

from __future__ import annotations

import itertools
import json
import math
import statistics
import wave
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from voiceband.emulator.lint import lint
from voiceband.emulator.measures import measure

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self, TextIO

    from voiceband.emulator.call import Call
    from voiceband.emulator.findings import Finding


class CallRecord:
    """Records a call while it runs; used as a context manager, it leaves whole files however the call ends.

    Parameters
    ----------
    folder : path-like
        Made with the first message; files of an earlier call are replaced.
    call : Call
        The emulated call.
    """

    def __init__(self, folder: str | Path, call: Call) -> None:
        self.folder = Path(folder)
        self.call = call
        self.sent = {"messages": 0, "bytes": 0}
        self.received = {"messages": 0, "bytes": 0}
        self.speech_ends: list[float] = []  # seconds of the call's clock
        self.extra: dict[str, Any] = {}
        self.now = -math.inf
        self._wire: TextIO | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._wire is not None:
            self._wire.close()
            self._write_wav()
            text = json.dumps(self.summary(), indent=2) + "\n"
            (self.folder / "summary.json").write_text(text, encoding="utf-8")

    def message(self, way: str, text: str, now: float) -> None:
        """Note one message; `way` is "sent" or "received", seen from the carrier."""
        if self._wire is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            # Line by line, so that the transcript is good up to the last message whatever happens.
            self._wire = (self.folder / "wire.jsonl").open("w", encoding="utf-8", buffering=1)
        count = self.sent if way == "sent" else self.received
        count["messages"] += 1
        count["bytes"] += len(text.encode("utf-8", "surrogatepass"))
        self.now = now
        line = {"time": round(now - self.call.started_at, 6), "way": way, "text": text}
        self._wire.write(json.dumps(line) + "\n")

    @property
    def findings(self) -> list[Finding]:
        """What is wrong with the agent, once the call is over."""
        return lint(self.call.log)

    def replies_ms(self) -> list[float]:
        """Return, for every end of the caller's speech, how long it took until the caller heard the agent."""
        starts = [run.start for run in self.call.player.runs if not run.gap_before]
        ends = [*self.speech_ends, math.inf]
        replies = []
        for end, following in itertools.pairwise(ends):
            first = min((s for s in starts if end < s < following), default=None)
            if first is not None:
                replies.append((first - end) * 1000)
        return replies

    def summary(self) -> dict[str, Any]:
        """Return what the call came to."""
        replies = self.replies_ms()
        end = min(self.now, self.call.ended_at)
        return {
            "call_id": self.call.call_id,
            "stream_id": self.call.stream_id,
            "format": str(self.call.format),
            "duration_s": round(end - self.call.started_at, 3),
            "to_agent": self.sent,
            "from_agent": self.received,
            "caller_turns": len(self.speech_ends),
            "replies": len(replies),
            "reply_ms": [round(ms, 1) for ms in replies],
            "reply_median_ms": round(statistics.median(replies), 1) if replies else None,
            "gaps": [
                {"at_s": round(g.start - self.call.started_at, 3), "ms": round(g.ms, 1)} for g in self.call.player.gaps
            ],
            "problems": self.call.problems,
            "measures": measure(self.call, end).as_dict() if end >= self.call.started_at else None,
            "findings": msgspec.to_builtins(self.findings),
            **self.extra,
        }

    def _write_wav(self) -> None:
        left, right = self.call.recording(self.now)
        with wave.open(str(self.folder / "call.wav"), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(self.call.format.sample_rate)
            file.writeframes(np.stack([left, right], axis=1).astype("<i2").tobytes())
