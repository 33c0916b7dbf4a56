"""Agents that each do one thing wrong, as people write them: what the linter must tell apart."""

import base64

import numpy as np

from _support.good_agents import GoodAgent, InBursts, voice
from voiceband.formats import PLIVO_L16_8K, PLIVO_L16_16K, PLIVO_MULAW_8K


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


BROKEN = tuple(
    agent for agent in list(globals().values()) if isinstance(agent, type) and getattr(agent, "rule", None) is not None
)
