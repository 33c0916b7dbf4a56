# ruff: noqa: ARG002, D102 (one interface, described above)
"""The buffers that are compared: ours, real libraries where they are installed, and a model of NetEq's rule.

Each has `name`, `reset(base_ms)`, `push(seq, stamp_ms, pcm, speech, arrival_ms)`, `pull(now_ms)` -> runs of
(kind, ms, media from, media to), and `empty()`. `speech` says what the payload is to models that read no audio; ours
does not look at it.
"""

import ctypes
from collections import deque

import numpy as np
from benchmarks.jitter.traces import FRAME_MS

from voiceband import JitterBuffer

CONCEAL = ("conceal", FRAME_MS, None, None)
WAIT = ("wait", FRAME_MS, None, None)


def _whole(m: float):
    return [("normal", FRAME_MS, m, m + FRAME_MS)]


class Ours:
    """voiceband.JitterBuffer, reading the payload."""

    def __init__(self, name: str = "voiceband", **knobs) -> None:
        self.name, self.knobs = name, knobs

    def reset(self, base_ms: float) -> None:
        self.buffer = JitterBuffer(8000, **self.knobs)
        self.sound: list[np.ndarray] = []

    def push(self, seq, stamp_ms, pcm, speech, arrival_ms) -> None:
        self.buffer.push(seq, stamp_ms, pcm, arrival=arrival_ms / 1000)

    def pull(self, now_ms):
        pulled = self.buffer.pull(now_ms / 1000)
        self.sound.append(pulled.pcm)
        return [(r.kind.value, r.ms, r.media_start_ms, r.media_end_ms) for r in pulled.runs]

    def empty(self) -> bool:
        return self.buffer.buffered_ms <= 0


class Queue:
    """A plain first-in first-out queue, `ahead_ms` gathered before it starts, and again whenever it ran dry."""

    def __init__(self, ahead_ms: float) -> None:
        self.ahead, self.name = ahead_ms, f"queue {ahead_ms:g}"

    def reset(self, base_ms: float) -> None:
        self.waiting: deque[float] = deque()
        self.playing = self.started = False

    def push(self, seq, stamp_ms, pcm, speech, arrival_ms) -> None:
        self.waiting.append(stamp_ms)

    def pull(self, now_ms):
        self.playing = bool(self.waiting) and (self.playing or len(self.waiting) * FRAME_MS >= self.ahead)
        if self.playing:
            self.started = True
            return _whole(self.waiting.popleft())
        return [CONCEAL if self.started else WAIT]

    def empty(self) -> bool:
        return not self.waiting


class Fixed:
    """A constant delay over the trace's least (known beforehand); what is late is concealed and lost."""

    def __init__(self, delay_ms: float) -> None:
        self.delay, self.name = delay_ms, f"fixed {delay_ms:g}"

    def reset(self, base_ms: float) -> None:
        self.base, self.media, self.next = base_ms, set(), None

    def push(self, seq, stamp_ms, pcm, speech, arrival_ms) -> None:
        if self.next is None:
            self.next = stamp_ms
        if stamp_ms >= self.next:
            self.media.add(stamp_ms)

    def pull(self, now_ms):
        if self.next is None or now_ms < self.next + self.base + self.delay:
            return [WAIT]
        m, self.next = self.next, self.next + FRAME_MS
        if m in self.media:
            self.media.remove(m)
            return _whole(m)
        self.media = {k for k in self.media if k >= self.next}
        return [CONCEAL]

    def empty(self) -> bool:
        return not self.media


class Aiortc:
    """aiortc's JitterBuffer as its audio receiver uses it (16 slots, 4 ahead), then its track's unbounded queue."""

    name = "aiortc"

    def __init__(self) -> None:
        import aiortc.jitterbuffer
        import aiortc.rtp

        self.make, self.packet = aiortc.jitterbuffer.JitterBuffer, aiortc.rtp.RtpPacket

    def reset(self, base_ms: float) -> None:
        self.buffer, self.track = self.make(capacity=16, prefetch=4), Queue(0)
        self.track.reset(base_ms)

    def push(self, seq, stamp_ms, pcm, speech, arrival_ms) -> None:
        packet = self.packet(sequence_number=seq & 0xFFFF, timestamp=int(stamp_ms * 8) & 0xFFFFFFFF)
        packet._data = b"x"
        frame = self.buffer.add(packet)[1]
        if frame is not None:
            self.track.push(0, frame.timestamp / 8, None, True, arrival_ms)

    def pull(self, now_ms):
        return self.track.pull(now_ms)

    def empty(self) -> bool:
        return self.track.empty()


class SpeexDsp:
    """libspeexdsp's jitter buffer (the Debian package libspeexdsp1): one get and one tick per 20 ms."""

    name = "speexdsp"

    class Packet(ctypes.Structure):
        """JitterBufferPacket."""

        _fields_ = (
            ("data", ctypes.c_char_p),
            ("len", ctypes.c_uint32),
            ("timestamp", ctypes.c_uint32),
            ("span", ctypes.c_uint32),
            ("sequence", ctypes.c_uint16),
            ("user_data", ctypes.c_uint32),
        )

    def __init__(self) -> None:
        self.lib = ctypes.CDLL("libspeexdsp.so.1")
        self.lib.jitter_buffer_init.restype = ctypes.c_void_p
        self.room = ctypes.create_string_buffer(64)
        self.handle = None

    def reset(self, base_ms: float) -> None:
        if self.handle is not None:
            self.lib.jitter_buffer_destroy(self.handle)
        self.handle = ctypes.c_void_p(self.lib.jitter_buffer_init(20))
        self.pushed = self.started = False
        self.inserting = self.dry = 0

    def push(self, seq, stamp_ms, pcm, speech, arrival_ms) -> None:
        packet = self.Packet(b"payload", 7, round(stamp_ms) + 100000, 20, seq & 0xFFFF, 0)
        self.lib.jitter_buffer_put(self.handle, ctypes.byref(packet))
        self.pushed = True

    def pull(self, now_ms):
        if not self.pushed:
            return [WAIT]
        if self.inserting > 0:
            self.inserting -= 20
            return [CONCEAL]
        packet, offset = self.Packet(ctypes.cast(self.room, ctypes.c_char_p), 64, 0, 0, 0, 0), ctypes.c_int32(0)
        result = self.lib.jitter_buffer_get(self.handle, ctypes.byref(packet), 20, ctypes.byref(offset))
        self.lib.jitter_buffer_tick(self.handle)
        if result == 0:
            self.started, self.dry = True, 0
            return _whole(float(packet.timestamp - 100000))
        self.dry += 1
        if result == 2:  # an insertion, of `span` ms
            self.inserting = int(packet.span) - 20
        return [CONCEAL if self.started else WAIT]

    def empty(self) -> bool:
        return self.dry > 60


class NetEqRule:
    """A model of the rule of WebRTC's NetEq, from its published behaviour; no waveform work, which is taken to succeed.

    Target: the given quantile of a histogram (20 ms buckets, forgetting 0.983) of the greatest delay per 500 ms over
    the least of 2 s. Every 10 ms: underrun expands; a long expand restarts at half the target; above target plus spread
    plus 20 ms one pitch period (8 ms, in pauses 15 ms) is removed at most every 50 ms, below the target one is added,
    four times above it every 10 ms.
    """

    def __init__(self, quantile: float = 0.95) -> None:
        self.quantile = quantile
        self.name = f"NetEq rule {quantile:g}" if quantile != 0.95 else "NetEq rule"

    def reset(self, base_ms: float) -> None:
        self.media: deque[tuple[float, bool]] = deque()
        self.recent: deque[tuple[float, float]] = deque()
        self.histogram = 0.5 ** np.arange(1, 101)
        self.forget, self.added, self.target = 0.0, 0, 80.0
        self.window = None
        self.worst = self.expanded = 0.0
        self.pos, self.scaled, self.tries = None, -1e9, 0

    def push(self, seq, stamp_ms, pcm, speech, arrival_ms) -> None:
        arrival_ms = arrival_ms // 10 * 10
        self.recent.append((stamp_ms, arrival_ms - stamp_ms))
        while self.recent[0][0] < stamp_ms - 2000:
            self.recent.popleft()
        self.least = min(d for _, d in self.recent)
        self.spread = max(d for _, d in self.recent) - self.least
        if self.window is None:
            self.window = arrival_ms
        if arrival_ms - self.window > 500:
            self._learn(self.worst)
            self.window, self.worst = arrival_ms, 0.0
        self.worst = max(self.worst, arrival_ms - stamp_ms - self.least)
        if self.pos is None or stamp_ms >= self.pos - 1e-6:
            self.media.append((stamp_ms, speech))
            if len(self.media) > 1 and self.media[-1] < self.media[-2]:
                self.media = deque(sorted(self.media))

    def _learn(self, delay: float) -> None:
        if delay < 2000:
            self.added += 1
            self.histogram *= self.forget
            self.histogram[int(delay // 20)] += 1 - self.forget
            self.forget = max(0.0, min(0.983, 1 - 2 / (self.added + 1)))
        share = np.cumsum(self.histogram) / self.histogram.sum()
        self.target = (min(99, int(np.searchsorted(share, self.quantile))) + 1) * 20.0

    def _ahead(self) -> float:
        end = self.pos
        for stamp, _ in self.media:
            if stamp > end + 1e-6:
                break
            end = stamp + FRAME_MS
        return end - self.pos

    def _step(self, now_ms):
        while self.media and self.pos is not None and self.media[0][0] + FRAME_MS <= self.pos + 1e-6:
            self.media.popleft()
        made_up = ("wait" if self.pos is None else "conceal", 10.0, None, None)
        if not self.media:
            self.expanded += 10 if self.pos is not None else 0
            return made_up
        if self.pos is None:
            self.pos = self.media[0][0]
        waiting = len(self.media) * FRAME_MS
        leap = self.media[0][0] - self.pos
        if (self.expanded > 40 and waiting < 0.5 * self.target) or (
            leap > 1e-6 and ((self.expanded < leap and waiting + leap <= self.target + 50) or not self.expanded)
        ):
            self.expanded += 10
            return made_up
        if leap > 1e-6:
            self.pos = self.media[0][0]
        use = 10.0
        if not self.expanded:
            use = self._scaled(now_ms)
        self.expanded = 0.0
        use = min(use, self._ahead())
        if use < 2:
            self.expanded += 10
            return ("conceal", 10.0, None, None)
        m, self.pos = self.pos, self.pos + use
        return ("fast" if use > 10 else "slow" if use < 10 else "normal", 10.0, m, self.pos)

    def _scaled(self, now_ms) -> float:
        delay, high = now_ms - self.pos - self.least, self.target + self.spread + 20
        if delay >= 4 * high and self._ahead() >= 30:
            return 20.0
        if now_ms - self.scaled < 50:
            return 10.0
        speech = self.media[0][1]
        if delay >= high and self._ahead() >= 30:
            self.scaled, self.tries = now_ms, self.tries + 1
            return 25.0 if not speech else 18.0 if self.tries % 5 else 10.0
        if delay < self.target:
            self.scaled, self.tries = now_ms, self.tries + 1
            return 2.0 if not speech or self.tries % 5 else 10.0
        return 10.0

    def pull(self, now_ms):
        return [self._step(now_ms), self._step(now_ms + 10)]

    def empty(self) -> bool:
        return not self.media


def contenders() -> list:
    """Every buffer that can run here."""
    found = [
        Ours(),
        Ours("voiceband smooth", stalls_per_min=4),
        Queue(0),
        Queue(200),
        Fixed(60),
        Fixed(200),
        NetEqRule(),
    ]
    for make in (Aiortc, SpeexDsp):
        try:
            found.append(make())
        except (ImportError, OSError) as error:
            print(f"left out {make.name}: {error}")
    return found
