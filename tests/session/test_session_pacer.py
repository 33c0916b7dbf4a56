"""The pacer's short way gives what the long one gives."""

import numpy as np
import pytest

from voiceband.session.session import Session


@pytest.mark.parametrize("lead_ms", [400, 5000, None])
def test_what_could_not_go_before_is_not_late(lead_ms):
    """Filling the lead, and a synthesiser that has nothing more yet, are no stalls of the driver."""
    session = Session(lead_ms=lead_ms)
    session.receive('{"event":"start","start":{"streamId":"s"}}', 0.0)
    session.play(np.zeros(8000 * 6, np.int16), name="a", end=True)
    session.poll(0.0)
    session.play(np.zeros(160, np.int16))
    now = 10.0
    for _ in range(100):
        session.play(np.zeros(160, np.int16))
        while session.next_poll <= now:
            session.poll(now)
        now += 0.02
    session.interrupt(now)
    session.play(np.zeros(8000, np.int16), end=True)
    session.poll(now)
    # The first utterance had been waiting until the loop came back at 10 s, unless all of it had left: all but for
    # what was ahead beyond the lead.
    expected = {400: 10.0, 5000: 10.0, None: 0.0}[lead_ms]
    assert session.stats.send_late_max_ms == pytest.approx(expected * 1000, abs=240)


@pytest.mark.parametrize("stall_s", [0.05, 0.3, 2.0])
def test_a_stall_is_as_late_as_it_was_long(stall_s):
    session = Session()
    session.receive('{"event":"start","start":{"streamId":"s"}}', 0.0)
    session.play(np.zeros(80_000, np.int16), end=True)
    now = 0.0
    while session.queued_ms > 5000:
        session.poll(now)
        now = session.next_poll
    assert session.stats.send_late_max_ms == pytest.approx(0, abs=0.01)
    session.poll(now + stall_s)
    assert session.stats.send_late_max_ms == pytest.approx(stall_s * 1000, abs=0.01)
