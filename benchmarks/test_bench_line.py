"""Ten minutes of an emulated call on virtual time: alone, with a line, on a network, with an agent that talks."""

import numpy as np
import pytest

from voiceband.emulator import Answering, Carrier, Line, Network, Pause, Script, VirtualCall
from voiceband.formats import PLIVO_L16_16K, PLIVO_MULAW_8K
from voiceband.markup import Stream
from voiceband.protocol import PlayAudio

SECONDS = 600
FRAME = PlayAudio(PLIVO_MULAW_8K.encode(np.full(160, 3000, np.int16)), PLIVO_MULAW_8K).encode()
SPEECH = np.random.default_rng(1).normal(0, 2000, SECONDS * 8000 // 2).astype(np.int16)


def listen(text, now):
    """Take it, and say nothing."""


def talk(text, now):
    """Talk for two seconds, be silent for two."""
    return [FRAME] if '"media"' in text and int(now) % 4 < 2 else None


def full_line(rate=8000):
    line = Line(rate, noise="street", snr_db=15, echo_loss_db=20, missing=0.01, missing_burst=3)
    line.say(SPEECH)
    return line


@pytest.mark.parametrize(
    ("audio_format", "with_line", "network", "agent", "script"),
    [
        (PLIVO_MULAW_8K, False, "clean", listen, False),
        (PLIVO_MULAW_8K, False, "mobile", listen, False),
        (PLIVO_MULAW_8K, False, "clean", talk, False),
        (PLIVO_MULAW_8K, False, "clean", talk, True),
        (PLIVO_MULAW_8K, True, "clean", listen, False),
        (PLIVO_L16_16K, True, "clean", listen, False),
        (PLIVO_MULAW_8K, True, "mobile", talk, False),
    ],
    ids=["alone", "mobile", "talk", "talk-script", "line", "line-l16-16k", "line-mobile-talk"],
)
def test_ten_minutes(benchmark, audio_format, with_line, network, agent, script):
    def make():
        source = full_line(audio_format.sample_rate) if with_line else None
        stream = Stream("wss://agent.test/", bidirectional=True, keep_call_alive=True, content_type=audio_format)
        carrier = Carrier(stream, source=lambda _: source, seed=1)
        call = VirtualCall(
            carrier,
            lambda _: Answering(agent),
            network=lambda: Network(network, seed=1),
            on_tick=Script([Pause(SECONDS)]).tick if script else None,
        )
        return (call,), {}

    def run(call):
        call.run(SECONDS)
        return call

    call = benchmark.pedantic(run, setup=make, rounds=3)
    assert call.now == pytest.approx(SECONDS)
