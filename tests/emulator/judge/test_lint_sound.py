"""The linter hears what an agent plays as a session would: each fault is the finding of its rule."""

import numpy as np
import pytest

from _support import sound_faults as made
from _support.denoise_signals import white
from _support.sound_faults import ENCODE, caller
from voiceband.dsp.sound_findings import KINDS
from voiceband.emulator import CarrierStream, lint
from voiceband.emulator.judge.rules import RULES
from voiceband.formats import PLIVO_L16_8K, PLIVO_MULAW_8K
from voiceband.protocol import PlayAudio

WIRES = {"mulaw": PLIVO_MULAW_8K, "l16": PLIVO_L16_8K}
SPEECH = np.concatenate([caller(-20), caller(-20)])
FAULTS = [(kind, data, taken) for _, kind, data, taken in made.faults(SPEECH) if taken in WIRES]
FAULTS += [
    ("too-quiet", ENCODE["l16"](made.at_level(np.tile(SPEECH, 2), -58)), "l16"),
    ("no-speech", ENCODE["mulaw"](white(6, 8000, -30)), "mulaw"),
]


def played(data, taken):
    """Return the findings of an agent that plays bytes, 200 ms at a time and in time."""
    wire = WIRES[taken]
    call, size = CarrierStream(wire, stream_id="s"), wire.frame_bytes(200)
    call.start(0.0)
    for i, at in enumerate(range(0, len(data) - size + 1, size)):
        call.poll(0.2 * i)
        call.receive(PlayAudio(data[at : at + size], wire).encode(), 0.2 * i)
    call.hang_up(0.2 * i + 1)
    return lint(call.log)


@pytest.mark.parametrize(("kind", "data", "taken"), FAULTS, ids=[kind for kind, _, _ in FAULTS])
def test_each_fault_is_found_once(kind, data, taken):
    (finding,) = [f for f in played(data, taken) if f.rule in KINDS]
    assert (finding.rule, finding.degree, finding.count) == (kind, RULES[kind].degree, 1)
    assert '{"event":"playAudio"' in finding.message


@pytest.mark.parametrize(("dbov", "degree"), [(-20, "error"), (-34, "error"), (-37, "doubtful"), (-43, "doubtful")])
def test_quiet_noise_may_be_the_sound_of_a_room(dbov, degree):
    found = played(ENCODE["mulaw"](white(6, 8000, dbov)), "mulaw")
    assert [(finding.rule, finding.degree) for finding in found] == [("no-speech", degree)]


@pytest.mark.parametrize("taken", WIRES)
def test_speech_is_not(taken):
    assert played(ENCODE[taken](SPEECH), taken) == []
