"""An agent that plays steady noise without end, and speaks into it; and other sounds that go on without end."""

import base64
import functools
import json

import numpy as np

from voiceband.emulator.caller.sentences import split_at_pauses
from voiceband.emulator.caller.sounds import read_at, shipped
from voiceband.formats import PLIVO_MULAW_8K

RATE = 8000
LEAD_S = 0.06


def at_level(x, dbfs):
    """Return a sound at a level, as int16."""
    x = x * 32768 * 10 ** (dbfs / 20) / np.sqrt(np.mean(np.square(x)))
    return np.clip(np.rint(x), -32768, 32767).astype(np.int16)


def coloured(seconds, slope, seed=1):
    """Return noise whose amplitude falls as a power of frequency above 50 Hz."""
    n = round(seconds * RATE)
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=n))
    return np.fft.irfft(spectrum / np.maximum(np.fft.rfftfreq(n, 1 / RATE), 50) ** slope, n)


def tones(seconds, *parts):
    """Return a sum of sines, each a frequency in Hz and an amplitude."""
    t = np.arange(round(seconds * RATE)) / RATE
    return sum(level * np.sin(2 * np.pi * hz * t) for hz, level in parts)


def passing(seconds):
    """Return noise that swells and fades, as a street does."""
    t = np.arange(round(seconds * RATE)) / RATE
    return coloured(seconds, 0.7) * (1 + 0.3 * np.sin(2 * np.pi * 0.3 * t))


NOISES = {
    "white": lambda s: coloured(s, 0.0),
    "office": lambda s: coloured(s, 0.5),
    "rumble": lambda s: coloured(s, 1.0),
    "street": passing,
    "hum": lambda s: tones(s, (50, 1.0), (100, 0.4), (150, 0.2)),
}


@functools.cache
def noise(kind, dbfs, seconds=30.0):
    return at_level(NOISES[kind](seconds), dbfs)


def jumping(seconds):
    """Return noise whose level changes every 100 ms, by more than noise does."""
    levels = np.resize([-33.0, -41.0], round(seconds * 10))
    return np.concatenate([noise("white", dbfs)[: RATE // 10] for dbfs in levels])


@functools.cache
def sentences(dbfs=-20.0):
    """Return what is said, sentence by sentence, at a level of speech."""
    speech = read_at(shipped("@caller"), RATE)
    active = speech[np.abs(speech.astype(int)) > 300]
    gain = 32768 * 10 ** (dbfs / 20) / np.sqrt(np.mean(np.square(active.astype(float))))
    loud = np.clip(speech * gain, -32768, 32767).astype(np.int16)
    return tuple(split_at_pauses(loud, RATE))


class NoisyAgent:
    """Greets, answers half a second after the caller, ceases to speak when spoken to; the noise never ceases.

    Parameters
    ----------
    background : ndarray, int16, optional
        What plays without end; silence without it.
    clears : bool
        Whether it clears, too, when spoken to.
    """

    wire = PLIVO_MULAW_8K
    greets_at_s = 0.4
    frame_s = 0.02

    def __init__(self, background=None, *, clears=True):
        self.background = np.zeros(RATE, np.int16) if background is None else background
        self.clears = clears
        self.voice = np.zeros(0, np.int16)
        self.sent = 0  # samples
        self.base_s = 0.0  # when sample 0 would have been sent
        self.loud = self.quiet = 0
        self.waits = False
        self.answers = 0
        self.greeted = False

    def __call__(self, text, now):
        event = json.loads(text)
        if event["event"] == "start":
            self.stream_id = event["start"]["streamId"]
            self.base_s = self.start_s = now
            return []
        if event["event"] != "media":
            return []
        texts = self.listen(np.abs(self.wire.decode(base64.b64decode(event["media"]["payload"])).astype(int)).max())
        if not self.greeted and now - self.start_s >= self.greets_at_s:
            self.greeted = True
            self.say(0)
        return texts + self.due(now)

    def say(self, which):
        parts = sentences()
        self.voice = np.concatenate([self.voice, parts[which % len(parts)]])

    def listen(self, peak):
        self.loud, self.quiet = (self.loud + 1, 0) if peak > 600 else (0, self.quiet + 1)
        if self.loud == 8:
            self.waits = True
            return self.interrupted()
        if self.waits and self.quiet == 25:
            self.waits = False
            self.answers += 1
            self.say(self.answers)
        return []

    def interrupted(self):
        if not len(self.voice):
            return []
        self.voice = self.voice[:0]
        return [json.dumps({"event": "clearAudio", "streamId": self.stream_id})] if self.clears else []

    def due(self, now):
        texts = []
        n = round(self.frame_s * RATE)
        while self.sent / RATE <= now - self.base_s + LEAD_S:
            texts += self.frame(n)
        return texts

    def frame(self, n):
        piece = np.resize(np.roll(self.background, -(self.sent % len(self.background))), n).astype(np.int32)
        said, self.voice = self.voice[:n], self.voice[n:]
        piece[: len(said)] += said
        self.sent += n
        return [self.audio(np.clip(piece, -32768, 32767).astype(np.int16))]

    def audio(self, pcm):
        payload = base64.b64encode(self.wire.encode(pcm)).decode()
        media = {"contentType": self.wire.mime, "sampleRate": RATE, "payload": payload}
        return json.dumps({"event": "playAudio", "media": media})


class Deaf(NoisyAgent):
    """Talks on when the caller speaks."""

    def say(self, which):
        for i in range(4):
            super().say(which + i)

    def interrupted(self):
        return []


class Stalls(NoisyAgent):
    """Is stuck for a while in the middle of its first answer."""

    stuck_s = 0.7

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.until = None

    def due(self, now):
        if self.until is None and self.answers and 0 < len(self.voice) < len(sentences()[1]) - RATE // 2:
            self.until = now + self.stuck_s
        if self.until is not None and now < self.until:
            self.base_s = now - self.sent / RATE + LEAD_S
            return []
        return super().due(now)


class StallsLong(Stalls):
    stuck_s = 2.0


class StallsInNoise(Stalls):
    """Is stuck while only the noise plays: nothing of its speech is lost."""

    def due(self, now):
        if self.until is None and self.answers == 1 and not len(self.voice):
            self.silent = getattr(self, "silent", 0) + 1
            if self.silent == 50:
                self.until = now + self.stuck_s
        if self.until is not None and now < self.until:
            self.base_s = now - self.sent / RATE + LEAD_S
            return []
        return NoisyAgent.due(self, now)


class NeverSpeaks(NoisyAgent):
    """Plays its noise, and says nothing."""

    def say(self, which):
        pass


class SpeaksOnce(NoisyAgent):
    """Greets, and answers nobody."""

    def say(self, which):
        if which == 0:
            super().say(0)
