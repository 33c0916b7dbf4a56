"""Thirty good agents, as people write them: nothing is wrong with any, whatever its way to send."""

import base64
import json

import numpy as np
import pytest

from _support.hundred import WIRES
from voiceband.emulator import Answering, VirtualCall
from voiceband.emulator.call import PlacedCall, Placement, target_of
from voiceband.emulator.caller.ready import ready_script
from voiceband.emulator.caller.sentences import split_at_pauses
from voiceband.emulator.caller.sounds import read_at, shipped


class Agent:
    """Greets, answers when the caller has been quiet for half a second, and clears when spoken to.

    Parameters
    ----------
    wire : AudioFormat
        Of the stream.
    piece_ms : int
        How much is in one message.
    ahead_ms : float
        How far ahead of its own clock it sends; inf for all at once.
    marks : str
        Where it sends checkpoints: of "before", "after", "each".
    silence : bool
        Whether it streams silence too, without end.
    filler : bool
        Whether it says a word first, and the answer half a second later.
    """

    def __init__(self, wire, *, piece_ms=20, ahead_ms=200.0, marks=(), silence=False, filler=False):
        self.wire, self.piece_ms, self.ahead_ms, self.marks = wire, piece_ms, ahead_ms, marks
        self.silence, self.filler = silence, filler
        speech = read_at(shipped("@caller"), wire.sample_rate)
        self.sentences = [np.concatenate([one, np.zeros(wire.sample_rate // 4, np.int16)])
                          for one in split_at_pauses(speech, wire.sample_rate)]  # fmt: skip
        self.queue = []
        self.sent_ms = self.now_ms = self.loud = self.quiet = 0
        self.waits = False
        self.later = []
        self.names = 0

    def __call__(self, text, now):
        event = json.loads(text)
        self.now_ms = now * 1000
        if event["event"] == "start":
            self.stream_id = event["start"]["streamId"]
            return self.say(0)
        if event["event"] != "media":
            return []
        return [*self.listen(event["media"]["payload"]), *self.due()]

    def message(self, kind, **fields):
        return json.dumps({"event": kind, **fields})

    def mark(self):
        self.names += 1
        return self.message("checkpoint", streamId=self.stream_id, name=f"mark-{self.names}")

    def say(self, which):
        size = self.wire.frame_samples(self.piece_ms)
        pcm = self.sentences[which % len(self.sentences)]
        self.queue += [pcm[i : i + size] for i in range(0, len(pcm), size)]
        return [self.mark()] if "before" in self.marks else []

    def due(self):
        texts = []
        if self.later and self.now_ms >= self.later[0][0]:
            texts += self.say(self.later.pop(0)[1])
        self.sent_ms = max(self.sent_ms, self.now_ms)
        while self.queue and self.sent_ms - self.now_ms <= self.ahead_ms:
            texts += self.play(self.queue.pop(0))
            texts += [self.mark()] if "each" in self.marks or ("after" in self.marks and not self.queue) else []
        if self.silence and not self.queue and self.sent_ms - self.now_ms <= 60:
            texts += self.play(np.zeros(self.wire.frame_samples(20), np.int16))
        return texts

    def play(self, pcm):
        self.sent_ms += len(pcm) * 1000 / self.wire.sample_rate
        payload = base64.b64encode(self.wire.encode(pcm)).decode()
        media = {"contentType": self.wire.mime, "sampleRate": self.wire.sample_rate, "payload": payload}
        return [self.message("playAudio", media=media)]

    def listen(self, payload):
        loud = int(np.abs(self.wire.decode(base64.b64decode(payload)).astype(int)).max()) > 600
        self.loud, self.quiet = (self.loud + 1, 0) if loud else (0, self.quiet + 1)
        if self.loud == 8:
            self.waits = True
            if self.sent_ms > self.now_ms:
                self.queue.clear()
                self.later.clear()
                self.sent_ms = self.now_ms
                return [self.message("clearAudio", streamId=self.stream_id)]
        if self.waits and self.quiet == 25:
            self.waits = False
            if not self.filler:
                return self.say(1)
            self.later = [(self.now_ms + 2500, 1)]
            return self.say(0)
        return []


WAYS = {
    "frames in time": {},
    "frames in a burst": {"ahead_ms": float("inf")},
    "one message a sentence": {"piece_ms": 3000, "ahead_ms": float("inf")},
    "pieces of 100 ms": {"piece_ms": 100},
    "pieces of 200 ms, a second ahead": {"piece_ms": 200, "ahead_ms": 1000.0},
    "a checkpoint behind each answer": {"marks": ("after",)},
    "checkpoints around each answer": {"marks": ("before", "after"), "ahead_ms": float("inf")},
    "a checkpoint behind each piece": {"piece_ms": 100, "marks": ("each",)},
    "silence streamed too": {"silence": True},
    "a filler before the answer": {"filler": True, "ahead_ms": float("inf"), "marks": ("after",)},
}


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_wrong_with_a_good_agent(way, wire):
    script = "@barge-in" if way in ("frames in time", "frames in a burst", "silence streamed too") else "@talk"
    caller = ready_script(script)
    form = WIRES[wire]
    target = target_of("ws://agent.test/", f'contentType="{form}"')
    placement = Placement(target, caller.steps, seed=1)
    agent = Agent(form, **WAYS[way])
    run = VirtualCall(placement.carrier, lambda _: Answering(agent), on_tick=placement.tick)
    run.run(90)
    call = PlacedCall(placement)
    assert call.errors == []
    assert call.gaps == []
    assert len(call.answers) >= 1
    assert min(call.answers) >= 0.5
