"""A process that stood still for some seconds in mid-reply, and went on: it says so, and sends no burst."""

import random

import numpy as np
import pytest

from _support.joined import Joined, Path
from voiceband.session import Session, Warned

LEAD_MS, MESSAGE_MS, DELAY_MS = 400, 200, 200


def stalls(joined):
    return [event for _, event in joined.events if isinstance(event, Warned)]


@pytest.mark.parametrize("begins_s", [1.13, 2.5, 4.77])
@pytest.mark.parametrize("stall_s", [0.3, 3.0])
def test_a_stall_is_caught_up_with_without_a_burst_and_said_once(begins_s, stall_s):
    rng = random.Random(int(begins_s * 100))
    session = Session(lead_ms=LEAD_MS, message_ms=MESSAGE_MS)
    joined = Joined(session, Path(rng, 0.02, 0.005), Path(rng, 0.02, 0.005), playout_delay_ms=DELAY_MS)
    joined.run(0.5)
    said = session.play(np.full(10 * 8000, 3000, np.int16), 8000, end=True)
    joined.flush()
    joined.run(begins_s)
    joined.stalled_until = begins_s + stall_s
    joined.run(begins_s + stall_s)
    while joined.now < 20:
        joined.run(joined.now + 0.013)
        player = joined.stream.player
        waiting_ms = (sum(len(run.data) for run in player.runs) - player.played(joined.now)) * 1000 / player.bytes_per_s
        assert waiting_ms <= LEAD_MS + MESSAGE_MS + DELAY_MS
        heard = session.heard(joined.now)
        assert abs(heard.heard_ms - joined.truth_ms()) <= heard.heard_error_ms + 0.25
    assert said.heard == said.queued == 10 * 8000
    if stall_s < 1:
        assert stalls(joined) == []
    else:
        (warned,) = stalls(joined)
        assert warned.kind == "stall"
        assert warned.reason.startswith(("speech left 2.", "speech left 3."))


def test_what_a_carrier_held_is_not_late():
    joined = Joined(Session(), Path(random.Random(1), 0.02), Path(random.Random(2), 0.02), playout_delay_ms=DELAY_MS)
    session = joined.session
    joined.run(0.5)
    session.play(np.full(3 * 8000, 3000, np.int16), 8000, end=True)
    joined.flush()
    joined.run(1.5)
    session.receive('{"event":"muteStream","streamId":"s"}', joined.now)
    joined.run(5.0)
    session.receive('{"event":"unmuteStream","streamId":"s"}', joined.now)
    joined.run(10.0)
    assert session.queued_ms == 0
    assert stalls(joined) == []
