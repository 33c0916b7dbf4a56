"""A hundred agents: what the linter says of each, and how certain it is of it."""

import pytest

from _support.hundred import ALSO_RIGHT, SENDS, WIRES, sent, variants
from voiceband.emulator import lint

NOT_HEARD = {
    "4 kHz as 8 kHz": "2 s, and the guard wants 3 s before it doubts a rate",
}
"""What the guard of the sound cannot tell of so little, and why."""


def said_of(log):
    return [(finding.rule, finding.degree) for finding in lint(log)]


@pytest.mark.parametrize("name", SENDS)
def test_what_is_said_of_what_an_agent_sends(request, name):
    messages, right = SENDS[name]
    if name in NOT_HEARD:
        request.applymarker(pytest.mark.xfail(reason=NOT_HEARD[name], strict=True))
    said = said_of(sent(messages))
    assert said == ([] if right is None else [right]) or said == [ALSO_RIGHT.get(name)]


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("name", variants(WIRES["mulaw"]))
def test_what_is_said_of_a_variant_of_a_message(wire, name):
    messages, right = variants(WIRES[wire])[name]
    said = said_of(sent(messages, WIRES[wire], apart_s=0.2, first_s=0.1))
    assert said == ([] if right is None else [right])
