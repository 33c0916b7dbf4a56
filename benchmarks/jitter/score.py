"""Replay a trace through a buffer on a 20 ms tick, and score what was heard.

All times in ms. Delay is playout time minus media time minus the trace's least transport delay. What counts as lost
or concealed is speech only: a pause may be cut or held at no cost.
"""

import math
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from benchmarks.jitter.traces import FRAME_MS, Trace

Heard = tuple[str, float, float | None, float | None]  # kind, ms, media from, to


@dataclass(frozen=True)
class Score:
    """What one buffer did on one trace (or its mean over several)."""

    delay: float  # media-weighted mean
    dact: float  # of speech only
    p95: float
    eot: float  # 300 ms into a pause: what an end-of-turn detector behind the buffer waits extra
    late: float  # % of received speech messages of which less than half was heard
    conc: float  # ms per minute concealed or jumped over in speech, beyond what missing messages force
    bent: float  # % of the time that speech was played faster or slower

    @property
    def j100(self) -> float:
        """Delay plus 100 ms per 1 % of time concealed."""
        return self.delay + 100 * self.conc / 600


def mean(scores: list[Score]) -> Score:
    """Mean over traces."""
    return Score(*(fmean(getattr(s, f) for s in scores) for f in Score.__dataclass_fields__))


def replay(buffer, trace: Trace, frames: list[np.ndarray], phase_ms: float = 1.0) -> Score:
    """Run a trace; ticks fall `phase_ms` after the luckiest messages come."""
    buffer.reset(trace.base_ms)
    rows, i, heard = trace.rows, 0, []
    now = rows[0][1] + trace.base_ms + phase_ms
    now += math.ceil(max(0.0, rows[0][2] - now) / FRAME_MS) * FRAME_MS
    while now <= rows[-1][2] + 2500:
        while i < len(rows) and rows[i][2] <= now:
            k, s, a = rows[i]
            buffer.push(k, s, frames[k - trace.first], trace.active[k - trace.first], a)
            i += 1
        t = now
        for kind, ms, m0, m1 in buffer.pull(now):
            heard.append((t, kind, ms, m0, m1))
            t += ms
        if i == len(rows) and buffer.empty():
            break
        now += FRAME_MS
    return score(trace, heard)


def score(trace: Trace, heard: list[tuple[float, str, float, float | None, float | None]]) -> Score:
    """Score what was heard from the first media to the last."""
    media = [j for j, h in enumerate(heard) if h[3] is not None]
    heard = heard[media[0] : media[-1] + 1] if media else []
    start = min(s for _, s, _ in trace.rows)
    active, scale = trace.active, 1 + trace.ppm * 1e-6

    def speech(ms: float) -> bool:
        k = int((ms - start) / FRAME_MS + 1e-6)
        return 0 <= k < len(active) and active[k]

    ends = {k for k in range(15, len(active)) if active[k - 15] and not any(active[k - 14 : k + 1])}
    delays, weights, in_speech, eot = [], [], [], []
    rendered = np.zeros(len(active) + 2)
    total = bent = disturbed = silent = 0.0
    before = None
    for t, kind, ms, m0, m1 in heard:
        total += ms
        if m0 is None:
            silent += ms
            continue
        if before is not None:
            jump = max(0.0, m0 - before)
            steps = range(math.ceil(jump / FRAME_MS - 1e-6)) if jump > 0.5 else ()
            missed = sum(min(FRAME_MS, jump - d * FRAME_MS) for d in steps if speech(before + d * FRAME_MS))
            disturbed += max(silent if speech(before - 1) else 0.0, missed)
        before, silent = m1, 0.0
        if kind in ("fast", "slow") and speech(m0):
            bent += ms
        if m1 <= m0:
            continue
        delays.append(t + ms / 2 - (m0 + m1) / 2 * scale - trace.base_ms)
        weights.append(m1 - m0)
        in_speech.append(speech(m0))
        if int((m0 - start) / FRAME_MS + 1e-6) in ends:
            eot.append(delays[-1])
        a, b = (m0 - start) / FRAME_MS, (m1 - start) / FRAME_MS
        for k in range(max(0, math.floor(a + 1e-6)), min(len(active), math.ceil(b - 1e-6))):
            rendered[k] += min(b, k + 1) - max(a, k)
    d, w, v = np.array(delays or [0.0]), np.array(weights or [1e-9]), np.array(in_speech or [False])
    order = np.argsort(d)
    p95 = d[order][np.searchsorted(np.cumsum(w[order]), 0.95 * w.sum())]
    received = {k - trace.first for k, _, _ in trace.rows}
    speaking = [k for k in received if active[k]]
    forced = sum(FRAME_MS for k, on in enumerate(active) if on and k not in received)
    minutes = max(total, 1e-9) / 6e4
    return Score(
        delay=float((d * w).sum() / w.sum()), dact=float((d * w)[v].sum() / max(w[v].sum(), 1e-9)), p95=float(p95),
        eot=fmean(eot) if eot else 0.0, late=100 * sum(rendered[k] < 0.5 for k in speaking) / max(1, len(speaking)),
        conc=max(0.0, disturbed - forced) / minutes, bent=100 * bent / max(total, 1e-9))  # fmt: skip
