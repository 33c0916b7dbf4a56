"""A clock that goes back, as one does that somebody sets: the session's time goes on, and so do both directions."""

import numpy as np
import pytest

from _support.messages import media, start
from voiceband.session import Audio, Capture, Session, Warned, replay

RATE = 8000
SPEECH_S = 6


class Talk:
    """A session that speaks and hears, by a clock of its own."""

    def __init__(self, **options):
        self.session = Session(guard=False, **options)
        self.clock = 1_000_000.0
        self.frames = 0
        self.events = self.session.receive(start(), self.clock)
        self.said = self.session.play(np.full(SPEECH_S * RATE, 3000, np.int16), RATE, end=True)
        self.sent_at = []
        self.true = 0.0

    def run(self, seconds, *, polled_first=False):
        for _ in range(round(seconds * 50)):
            self.clock += 0.02
            self.true += 0.02
            if polled_first:
                self.poll()
            self.events += self.session.receive(media(self.frames), self.clock)
            self.frames += 1
            self.poll()

    def poll(self):
        texts = self.session.poll(self.clock)
        self.sent_at += [self.true for text in texts if "playAudio" in text]
        self.events += self.session.events()

    @property
    def warnings(self):
        return [event for event in self.events if isinstance(event, Warned)]


@pytest.mark.parametrize("polled_first", [False, True])
@pytest.mark.parametrize("buffer", ["timeline", "jitter", None])
@pytest.mark.parametrize("step_s", [1.5, 3600.0, 86_400.0])
def test_speech_and_hearing_go_on_where_the_clock_goes_back(step_s, buffer, polled_first):
    talk, steady = Talk(buffer=buffer), Talk(buffer=buffer)
    for one in (talk, steady):
        one.run(2.0)
    talk.clock -= step_s
    for one in (talk, steady):
        one.run(6.0, polled_first=polled_first)
    # The time of one frame is lost: how long it took until the clock was read again is not known.
    assert talk.sent_at == pytest.approx(steady.sent_at, abs=0.05)
    assert talk.said.sent == talk.said.queued == SPEECH_S * RATE
    audio_s = sum(len(event.samples) for event in talk.events if isinstance(event, Audio)) / RATE
    assert audio_s == pytest.approx(8.0, abs=0.2)
    (warned,) = talk.warnings
    assert (warned.kind, warned.track) == ("stall", "")
    assert float(warned.reason.split()[5]) == pytest.approx(step_s, abs=0.11)
    assert steady.warnings == []


def test_what_is_asked_and_told_is_in_the_time_of_the_clock():
    talk, steady = Talk(far=True), Talk()
    for one in (talk, steady):
        one.run(2.0)
    talk.clock -= 100.0
    for one in (talk, steady):
        one.run(1.0)
    assert talk.session.next_poll - talk.clock == pytest.approx(steady.session.next_poll - steady.clock, abs=0.05)
    heard = talk.session.heard(talk.clock), steady.session.heard(steady.clock)
    assert heard[0].heard_ms == pytest.approx(heard[1].heard_ms, abs=25)
    assert heard[0].heard_ms > 1000
    far = talk.session.far(talk.clock, 20)
    assert far.start_ms == pytest.approx(1000 * talk.clock - 20)
    assert far.samples.any()
    assert talk.session.interrupt(talk.clock).heard_ms == pytest.approx(heard[0].heard_ms, abs=1)
    assert len(talk.session.poll(talk.clock)) == 1


def test_a_clock_that_goes_back_again_and_again_is_told_each_time():
    talk = Talk()
    for _ in range(5):
        talk.run(0.5)
        talk.clock -= 20.0
    talk.run(6.0)
    assert len(talk.warnings) == 5
    assert talk.said.sent == talk.said.queued


@pytest.mark.parametrize("back_s", [0.001, 0.3, 0.99])
def test_times_that_are_a_little_out_of_order_are_no_step(back_s):
    talk = Talk()
    talk.run(1.0)
    talk.session.poll(talk.clock - back_s)
    talk.session.receive(media(talk.frames), talk.clock - back_s)
    talk.frames += 1
    talk.run(1.0)
    assert talk.warnings == []


def test_a_capture_has_the_times_as_they_were_given(tmp_path):
    path = tmp_path / "capture.jsonl"
    with Capture(path) as capture:
        talk = Talk(capture=capture)
        talk.run(1.0)
        talk.clock -= 50.0
        talk.run(1.0)
    told = [event for _, event in replay(path, Session(guard=False)) if isinstance(event, Warned)]
    assert [event.reason for event in told] == [event.reason for event in talk.warnings]
    assert len(told) == 1
