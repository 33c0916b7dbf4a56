"""Agents as people write them, one good and many that each do one thing wrong: what the linter must tell apart.

An agent is given each text of the carrier and returns what it answers; media messages are its clock, so it behaves the
same on virtual time and on a socket. The good one greets for four seconds, stops when the caller speaks into it, and
answers every turn of the caller with half a second.
"""

import base64
import json

import numpy as np

from voiceband.formats import PLIVO_L16_8K, PLIVO_L16_16K, PLIVO_MULAW_8K

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


class BinaryFrames(GoodAgent):
    rule = "binary-frame"

    def play(self, payload):
        return payload


class NotJson(GoodAgent):
    rule = "invalid-message"

    def play(self, payload):
        return super().play(payload)[:-1]


class NoRate(GoodAgent):
    rule = "bad-field"
    degree = "doubtful"

    def media(self, payload):
        return {k: v for k, v in super().media(payload).items() if k != "sampleRate"}


class OtherCarriersMark(GoodAgent):
    rule = "unknown-event"

    def checkpoint(self, name):
        return self.text("mark", streamId=self.stream_id, mark={"name": name})


class MediaInsteadOfPlayAudio(GoodAgent):
    rule = "media-event"

    def play(self, payload):
        return self.text("media", streamId=self.stream_id, media={"payload": self.media(payload)["payload"]})


class CheckpointsElsewhere(GoodAgent):
    rule = "wrong-stream-id"

    def checkpoint(self, name):
        return self.text("checkpoint", streamId="another", name=name)


class ClearsElsewhere(GoodAgent):
    rule = "wrong-stream-id"
    degree = "doubtful"

    def clear(self):
        return [self.text("clearAudio")]


class PlaysElsewhere(GoodAgent):
    rule = "wrong-stream-id"
    degree = "note"

    def play(self, payload):
        return self.text("playAudio", streamId="another", media=self.media(payload))


class TalksOneWay(GoodAgent):
    rule = "one-way"
    bidirectional = False


class HugeMessages(GoodAgent):
    rule = "too-large"
    degree = "doubtful"
    greeting_s, reply_s = 7.0, 7.0
    send_frames = 350


class OtherRate(GoodAgent):
    rule = "wrong-format"
    degree = "doubtful"
    format = PLIVO_L16_8K

    def media(self, payload):
        wide = PLIVO_L16_16K.encode(np.repeat(self.format.decode(payload), 2))
        return {**super().media(wide), "sampleRate": 16000}


class NullFormat(GoodAgent):
    rule = "bad-field"
    degree = "doubtful"

    def media(self, payload):
        return {**super().media(payload), "contentType": None}


class UnheardOfFormat(GoodAgent):
    rule = "wrong-format"

    def media(self, payload):
        return {**super().media(payload), "contentType": "audio/opus"}


class Switches(GoodAgent):
    rule = "format-switch"
    degree = "doubtful"

    def media(self, payload):
        if self.sent < 30:
            return super().media(payload)
        wide = base64.b64encode(PLIVO_L16_8K.encode(self.format.decode(payload))).decode()
        return {"contentType": "audio/x-l16", "sampleRate": 8000, "payload": wide}


class OddBytes(GoodAgent):
    rule = "odd-bytes"
    format = PLIVO_L16_8K

    def media(self, payload):
        return super().media(payload[:-1])


class Swapped(GoodAgent):
    rule = "swapped-bytes"
    reply_s = 2.0  # the guard wants two seconds of sound
    format = PLIVO_L16_8K

    def audio(self, pcm):
        return pcm.astype(">i2").tobytes()


class MulawOnL16(GoodAgent):
    rule = "wrong-codec"
    reply_s = 2.0
    format = PLIVO_L16_8K

    def audio(self, pcm):
        return PLIVO_MULAW_8K.encode(np.repeat(pcm, 2))


class L16OnMulaw(GoodAgent):
    rule = "wrong-codec"
    reply_s = 2.0

    def audio(self, pcm):
        return PLIVO_L16_8K.encode(pcm[: len(pcm) // 2])


class WavFile(GoodAgent):
    rule = "file-bytes"
    format = PLIVO_L16_8K

    def audio(self, pcm):
        sizes = (36 + 2 * len(pcm)).to_bytes(4, "little"), (2 * len(pcm)).to_bytes(4, "little")
        form = bytes.fromhex("10000000 0100 0100 401f0000 803e0000 0200 1000")
        return b"RIFF" + sizes[0] + b"WAVEfmt " + form + b"data" + sizes[1] + pcm.tobytes()


class TooFast(InBursts):
    rule = "too-far-ahead"
    greeting_s = 70.0


class Stalls(GoodAgent):
    rule = "gap"

    def due(self):
        return self.sent if 15 <= self.ticks < 45 else super().due()


class StallsLong(GoodAgent):
    rule = "stalled"
    reply_s = 2.0
    replies = held = 0

    def reply(self):
        self.replies += 1
        return super().reply()

    def due(self):
        if self.replies and self.sent == 40 and self.held < 70:
            self.held += 1
            return self.sent
        return super().due()


class MarksFirst(GoodAgent):
    rule = "early-checkpoint"
    degree = "note"

    def say(self, seconds):
        super().say(seconds)
        return super().mark()

    def mark(self):
        return []


class RepeatsNames(InBursts):
    rule = "repeated-name"
    degree = "note"

    def mark(self):
        self.pending.add("said")
        return [self.checkpoint("said")] * 2


class ClosesTooSoon(InBursts):
    rule = "unanswered-checkpoint"

    def speak(self):
        if self.marks == 2 and self.quiet == 20:  # the checkpoint of the answer has been sent, and not been reached
            self.ends = "closed by the agent"
        return super().speak()


class WaitsForEver(InBursts):
    rule = "unanswered-checkpoint"

    def on_clearedAudio(self, _event):
        return []

    def reply(self):
        return [] if self.pending else super().reply()


class FloodsCheckpoints(GoodAgent):
    rule = "too-many-checkpoints"

    def on_start(self, event):
        texts = super().on_start(event) + self.speak()
        for _ in range(10_001):
            texts += self.mark()
        return texts


class TalksOn(GoodAgent):
    rule = "no-clear"

    def listen(self, _pcm):
        return []


class TalksAfterStop(GoodAgent):
    rule = "after-stop"
    degree = "note"
    send_stop = True

    def after_the_end(self):
        return [self.play(self.audio(voice(0.02)))] * 100


class NeverSpeaks(GoodAgent):
    rule = "silent-agent"

    def on_media(self, _event):
        return []


class PlaysSilence(GoodAgent):
    rule = "silent-agent"

    def audio(self, pcm):
        return super().audio(0 * pcm)


class ClosesAtOnce(GoodAgent):
    rule = "silent-agent"

    def on_start(self, event):
        self.ends = "closed by the agent"
        return []

    def on_media(self, _event):
        return []


class ClosesBeforeItSounds(GoodAgent):
    rule = "silent-agent"

    def on_start(self, event):
        super().on_start(event)
        self.ends = "closed by the agent"
        return [self.play(self.audio(voice(1.0)))] * 4


class HangsUpOnItself(InBursts):
    rule = "cut-off"

    def on_media(self, event):
        if self.ticks == 40:
            self.ends = "closed by the agent"
        return [text for text in super().on_media(event) if '"checkpoint"' not in text]


class GoesDeaf(GoodAgent):
    rule = "unanswered-turn"
    greeting_s = 0.5

    def listen(self, _pcm):
        return []


class ReadsSlowly(GoodAgent):
    rule = "slow-reader"
    network = "slow-reader"
    max_backlog_s = 1.0


class Crashes(GoodAgent):
    rule = "broken-off"

    def reply(self):
        self.ends = "broken off"
        return []


GOOD = (GoodAgent, GoodL16Agent, GoodEightBitAgent, InBursts)
BROKEN = tuple(
    agent for agent in list(globals().values()) if isinstance(agent, type) and getattr(agent, "rule", None) is not None
)
