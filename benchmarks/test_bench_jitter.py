"""What a message costs; the shipped traces are what their generator makes, and none costs the timeline a sample."""

import numpy as np
from benchmarks.jitter import lossless, traces

from voiceband import Concealer, JitterBuffer, Timeline

X = np.rint(3000 * np.sin(np.arange(160) * 0.3)).astype(np.int16)


def test_push_and_pull(race):
    buffer, timeline, k = JitterBuffer(8000), Timeline(8000), [0, 0]
    out = np.empty(160, np.int16)

    def tick():
        k[0] += 1
        buffer.push(k[0], 20 * k[0], X, arrival=0.02 * k[0])
        buffer.pull_into(out, 0.02 * k[0] + 0.001)

    def place():
        k[1] += 1
        timeline.push(k[1], 20 * k[1], X, arrival=0.02 * k[1])

    race("one message of 20 ms", {"JitterBuffer.push + pull_into": tick, "Timeline.push": place})


def test_concealment(race):
    noise = np.random.default_rng(1).normal(0, 3000, 1600).astype(np.int16)
    made = {}
    for method in ("ar", "pitch"):
        plc = Concealer(8000, method=method)

        def hole(plc=plc):
            plc.good(noise[:480])
            plc.bridge(160, noise[640:])

        made[f"bridge 20 ms, {method}"] = hole
    race("one hole of 20 ms (and 60 ms of good audio)", made)


def test_shipped_traces_are_what_the_generator_makes():
    shipped = {p.stem: p.read_text() for p in traces.OWN.glob("*.csv")}
    assert shipped == {t.name: traces.text(t) for t in traces.built_in()}


def test_the_timeline_loses_nothing_adds_nothing_and_keeps_the_length():
    for trace in traces.load(traces.OWN):
        for case in lossless.CASES:
            lost, added, length, dropped = lossless.replay(trace, case)
            assert (lost, added, length) == (0, 0.0, 0), (trace.name, case)
            assert (dropped > 0) == (case in ("twice", "all"))
