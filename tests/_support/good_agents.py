"""An agent as people write them that does nothing wrong: it greets, stops when the caller speaks, and answers.

It is given each text of the carrier and returns what it answers; media messages are its clock, so it behaves the same
on virtual time and on a socket. It greets for four seconds, stops when the caller speaks into it, and answers every
turn of the caller with half a second.
"""

import base64
import json

import numpy as np

from voiceband.formats import PLIVO_L16_8K, PLIVO_MULAW_8K

RATE = 8000

LEAD = 10  # frames ahead


def voice(seconds, rate=RATE, level=3000):
    """Return a voiced sound, harmonics of a pitch that sways; it has no pauses."""
    t = np.arange(round(seconds * rate)) / rate
    phase = 2 * np.pi * 120 * t + 3 * np.sin(2 * np.pi * 0.7 * t)
    x = sum(np.sin(k * phase + k * k) / k for k in range(1, 12))
    return (level * x / np.abs(x).max()).astype(np.int16)


class GoodAgent:
    rule = None
    degree = "error"  # of the finding
    format = PLIVO_MULAW_8K
    bidirectional = True
    send_stop = False
    network = None
    max_backlog_s = 40.0
    greeting_s, reply_s = 4.0, 0.5
    send_frames = 1  # how many frames go into a message

    def __init__(self):
        self.stream_id = None
        self.queue = []
        self.sent = 0  # frames of this utterance
        self.ticks = 0
        self.open_until = 0  # the tick at which what was sent has been played
        self.loud = self.quiet = 0  # ticks in a row
        self.turn = False  # the caller has spoken and waits for an answer
        self.marks = 0
        self.pending = set()
        self.ends = None  # how the agent wants the connection to end

    # ---- what the bad ones replace

    def audio(self, pcm):
        return self.format.encode(pcm)

    def play(self, payload):
        return self.text("playAudio", media=self.media(payload))

    def media(self, payload):
        encoded = base64.b64encode(payload).decode()
        return {"contentType": self.format.mime, "sampleRate": self.format.sample_rate, "payload": encoded}

    def checkpoint(self, name):
        return self.text("checkpoint", streamId=self.stream_id, name=name)

    def clear(self):
        return [self.text("clearAudio", streamId=self.stream_id)]

    def due(self):
        """How many frames should have been sent of what is being said."""
        return self.sent + 1 if self.sent >= LEAD else LEAD

    # ---- what they share

    @staticmethod
    def text(event, **fields):
        return json.dumps({"event": event, **fields})

    def say(self, seconds):
        frame = self.format.frame_bytes(20 * self.send_frames)
        data = self.audio(voice(seconds))
        self.queue += [data[i : i + frame] for i in range(0, len(data), frame)]
        self.sent = 0
        return []

    def __call__(self, message, now):
        event = json.loads(message)
        handler = getattr(self, "on_" + event["event"], None)
        return handler(event) if handler else []

    def on_start(self, event):
        self.stream_id = event["start"]["streamId"]
        return self.say(self.greeting_s)

    def on_media(self, event):
        self.ticks += 1
        texts = self.listen(self.format.decode(base64.b64decode(event["media"]["payload"])))
        return texts + self.speak()

    def on_playedStream(self, event):
        self.pending.discard(event["name"])
        return []

    def on_clearedAudio(self, _event):
        self.pending.clear()
        return []

    @property
    def speaking(self):
        return bool(self.queue or self.pending)

    def listen(self, pcm):
        loud = np.abs(pcm.astype(int)).max(initial=0) > 500
        self.loud, self.quiet = (self.loud + 1, 0) if loud else (0, self.quiet + 1)
        if self.loud == 5:
            self.turn = True
            if self.speaking:
                self.queue.clear()
                return self.clear()
        if self.turn and self.quiet == 15:
            self.turn = False
            return self.reply()
        return []

    def reply(self):
        return self.say(self.reply_s)

    def speak(self):
        texts = []
        until = self.due()
        while self.queue and self.sent < until:
            texts.append(self.play(self.queue.pop(0)))
            self.sent += 1
            if not self.queue:
                texts += self.mark()
        return texts

    def mark(self):
        self.marks += 1
        self.pending.add(f"said-{self.marks}")
        return [self.checkpoint(f"said-{self.marks}")]


class GoodL16Agent(GoodAgent):
    format = PLIVO_L16_8K


class GoodEightBitAgent(GoodL16Agent):
    """Says 8-bit samples as L16, so that each is a multiple of 256 and nothing tells the order of its bytes."""

    def audio(self, pcm):
        return super().audio(pcm // 256 * 256)


class InBursts(GoodAgent):
    """Sends a whole answer at once, as an agent without a clock does; that is no fault."""

    def due(self):
        return self.sent + 1000


GOOD = (GoodAgent, GoodL16Agent, GoodEightBitAgent, InBursts)
