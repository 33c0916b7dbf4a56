"""What a message and a tick cost."""

import numpy as np

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
