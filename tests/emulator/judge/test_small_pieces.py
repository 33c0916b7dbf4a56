"""What is said of a call does not depend on the size of the pieces that the agent sends."""

import numpy as np
import pytest

from _support.desk import Desk, tone
from voiceband.emulator import lint
from voiceband.emulator.caller.sounds import read_at, shipped
from voiceband.protocol import PlayAudio

PIECES_MS = [2, 5, 10, 20, 30, 200]


def send(desk, at_ms, pcm, piece_ms):
    """Send sound in pieces, 200 ms before the caller can hear them at the earliest."""
    size = 8 * piece_ms
    for i in range(0, len(pcm), size):
        now = desk.at(max(at_ms + i / 8 - 200, at_ms, desk.ms))
        desk.call.receive(PlayAudio(desk.wire.encode(pcm[i : i + size]), desk.wire).encode(), now)


def verdict(sounds, piece_ms, *, end_ms=9000):
    """Return the holes that are measured, and those that are found."""
    desk = Desk()
    for at_ms, pcm in sounds:
        send(desk, at_ms, pcm, piece_ms)
    gaps = [(round(gap.at_ms), round(gap.ms)) for gap in desk.end(end_ms).gaps]
    return gaps, [finding.rule for finding in lint(desk.call.log) if finding.degree == "error"]


@pytest.mark.parametrize("piece_ms", PIECES_MS)
@pytest.mark.parametrize(("hole_ms", "rules"), [(300, ["gap"]), (3000, ["stalled"])])
def test_a_hole_is_found(piece_ms, hole_ms, rules):
    gaps, found = verdict([(500, tone(700)), (1200 + hole_ms, tone(900))], piece_ms)
    assert (gaps, found) == ([(1450, hole_ms)], rules)


@pytest.mark.parametrize("piece_ms", PIECES_MS)
@pytest.mark.parametrize("onset_ms", [3, 11, 17])
def test_a_hole_before_a_frame_that_begins_quietly_is_found(piece_ms, onset_ms):
    late = np.concatenate([tone(onset_ms, level=0), tone(900)])
    gaps, found = verdict([(500, tone(700)), (1700, late)], piece_ms)
    assert (gaps, found) == ([(1450, 500)], ["gap"])


@pytest.mark.parametrize("piece_ms", PIECES_MS)
def test_a_hole_anywhere_in_speech_is_found_where_it_is_measured(piece_ms):
    speech = read_at(shipped("@caller"), 8000)[:16_000]
    for cut in range(1200, 12_000, 1493):
        begins = cut // 160 * 160
        gaps, found = verdict([(500, speech[:begins]), (850 + begins / 8, speech[begins:])], piece_ms, end_ms=6000)
        assert found == ["gap"] * len(gaps), cut


@pytest.mark.parametrize("rest_ms", [2, 5, 10])
def test_the_rest_of_a_filter_is_no_utterance(rest_ms):
    rest = np.concatenate([tone(rest_ms), tone(20 - rest_ms, level=0)])
    assert verdict([(500, tone(700)), (1700, rest)], 20) == ([], [])


@pytest.mark.parametrize("ends", ["mark", "clear"])
def test_a_rest_is_over_with_a_checkpoint_or_a_clear(ends):
    desk = Desk()
    send(desk, 500, tone(700), 20)
    send(desk, 1700, tone(10), 20)
    getattr(desk, ends)(1800)
    send(desk, 2400, tone(900), 20)
    desk.end(6000)
    assert [finding.rule for finding in lint(desk.call.log) if finding.degree == "error"] == []
