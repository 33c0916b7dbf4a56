"""The carrier's side of the load: plain sockets and prepared frames, so that it costs less than what it measures."""

import base64
import collections
import json
import math
import os
import select
import socket
import struct
import time

import numpy as np

SATURATED_CALLS, SATURATED_WARM, SATURATED_FRAMES = 50, 200, 1400
"""A session sends 29 s ahead of real time at most, which are 1450 frames."""
PACED_CALLS, PACED_WARM_S = 100, 1.0
FRAME_S = 0.02
PLAYOUT_DELAY_S = 0.1
FRAME_BASE64 = 216
TIMEOUT_S = 20.0


class Call:
    """One call on a plain socket."""

    def __init__(self, port, k, n_frames):
        self.replies = 0
        self.sent = 0
        self.sent_at = []
        self.answers = collections.deque()  # to checkpoints: when each is played, and the message
        self._rest = b""
        self._began = math.inf
        rng = np.random.default_rng(k)
        stream = f"{k:08x}-0000-4000-8000-000000000000"
        payload = base64.b64encode(rng.integers(0, 256, 160, np.uint8).tobytes()).decode()
        self.frames = [_frame(_media(stream, i, payload)) for i in range(n_frames)]
        self.socket = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(
            b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self.socket.recv(1024)
        if b" 101 " not in answer.partition(b"\r\n")[0]:
            raise ConnectionError(f"the upgrade was answered with {answer[:60]!r}")
        start = {
            "event": "start",
            "sequenceNumber": 1,
            "start": {
                "callId": stream,
                "streamId": stream,
                "accountId": "1",
                "tracks": ["inbound"],
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000},
            },
            "extra_headers": "{}",
        }
        self.socket.sendall(_frame(json.dumps(start)))

    def send(self, now):
        """Send the next frame."""
        self.socket.sendall(self.frames[self.sent])
        self.sent += 1
        self.sent_at.append(now)

    def read(self, now):
        """Read what there is; return how many frames of audio that was."""
        data = self._rest + self.socket.recv(2**18)
        if not data:
            raise ConnectionError("the server has closed a call")
        at, end, frames = 0, len(data), 0
        while end - at >= 4:
            n, head = data[at + 1], 2
            if n == 126:
                n, head = data[at + 2] << 8 | data[at + 3], 4
            if end - at < head + n:
                break
            if n > FRAME_BASE64:
                frames += max(1, (n - 60) // (FRAME_BASE64 - 2))  # several frames may come in one message
            elif data[at] == 0x81:
                self._take(json.loads(data[at + head : at + head + n]), self.replies + frames)
            elif data[at] == 0x88:
                raise ConnectionError(f"the server has closed a call: {data[at + 4 : at + head + n]!r}")
            at += head + n
        self._rest = data[at:]
        if not self.replies and frames:
            self._began = now
        self.replies += frames
        if self.answers and self.answers[0][0] <= now:
            self.socket.sendall(self.answers.popleft()[1])
        return frames

    def _take(self, message, played):
        if message["event"] == "checkpoint":
            answer = {"event": "playedStream", "streamId": message["streamId"], "name": message["name"]}
            at = self._began + PLAYOUT_DELAY_S + played * FRAME_S
            self.answers.append((at, _frame(json.dumps(answer))))

    def close(self):
        """Hang up without a word."""
        self.socket.close()


def _media(stream, i, payload):
    media = {"track": "inbound", "timestamp": str(1_700_000_000_000 + 20 * i), "chunk": i + 1, "payload": payload}
    message = {"event": "media", "sequenceNumber": i + 2, "streamId": stream, "media": media, "extra_headers": "{}"}
    return json.dumps(message, separators=(",", ":"))


def _frame(text):
    """Return a client's frame; the mask is zero, so that nothing is to be done for it here."""
    content = text.encode()
    n = len(content)
    head = bytes([0x81, 0x80 | n]) if n < 126 else b"\x81\xfe" + struct.pack(">H", n)
    return head + b"\0\0\0\0" + content


def cpu_s(pid):
    """CPU time of all threads of another process, from the kernel's own clock of it."""
    return time.clock_gettime((~pid << 3) | 2)


def saturated(port, pid):
    """Every call sends its next frame when the reply has come; return the server's CPU time per pair in us."""
    calls = [Call(port, k, SATURATED_FRAMES) for k in range(SATURATED_CALLS)]
    try:
        poll = select.epoll()
        by_fd = {call.socket.fileno(): call for call in calls}
        for call in calls:
            poll.register(call.socket, select.EPOLLIN)
            call.send(0.0)
        begin, end = SATURATED_CALLS * SATURATED_WARM, SATURATED_CALLS * (SATURATED_FRAMES - 100)
        pairs, cpu, wall = 0, None, 0.0
        while pairs < end:
            ready = poll.poll(TIMEOUT_S)
            if not ready:
                raise TimeoutError(f"no reply for {TIMEOUT_S:g} s")
            now = time.monotonic()
            for fd, _ in ready:
                call = by_fd[fd]
                got = call.read(now)
                pairs += got
                if got and call.sent < SATURATED_FRAMES and call.sent <= call.replies:
                    call.send(0.0)
            if cpu is None and pairs >= begin:
                cpu, from_pairs, wall = cpu_s(pid), pairs, time.monotonic()
        used, wall = cpu_s(pid) - cpu, time.monotonic() - wall
        return {"us": used / (pairs - from_pairs) * 1e6, "busy": used / wall}
    finally:
        for call in calls:
            call.close()


def paced(port, pid, seconds):
    """Send a frame of every call each 20 ms, evenly spread; return the CPU time per pair and how late replies were."""
    n_frames = round((PACED_WARM_S + seconds) / FRAME_S)
    calls = [Call(port, k, n_frames) for k in range(PACED_CALLS)]
    late = []
    try:
        poll = select.epoll()
        by_fd = {call.socket.fileno(): call for call in calls}
        for call in calls:
            poll.register(call.socket, select.EPOLLIN)
        clock = time.monotonic
        step_s, n = FRAME_S / PACED_CALLS, 0
        begin = clock() + 0.05
        warm = False
        pairs = own_late = 0
        until = begin + PACED_WARM_S + seconds
        while (now := clock()) < until:
            while n < PACED_CALLS * n_frames and begin + n * step_s <= now:
                calls[n % PACED_CALLS].send(now)
                own_late = max(own_late, now - begin - n * step_s)
                n += 1
            if not warm and now >= begin + PACED_WARM_S:
                warm, cpu, own_late = True, cpu_s(pid), 0.0
            for fd, _ in poll.poll(0):
                call = by_fd[fd]
                first = call.replies
                call.read(now)
                now = clock()
                if warm:
                    pairs += call.replies - first
                    late += [now - at for at in call.sent_at[first : call.replies]]
        used = cpu_s(pid) - cpu
        if not pairs:
            raise TimeoutError("no reply at all")
        late = late or [math.nan]  # where more came back than was sent, it is not known what was whose reply
        p99, most = float(np.quantile(late, 0.99)), max(late)
        return {
            "us": used / pairs * 1e6,
            "busy": used / seconds,
            "late_p99_ms": p99 * 1000,
            "late_max_ms": most * 1000,
            "load_late_max_ms": own_late * 1000,
            "answered": sum(call.replies for call in calls) / sum(call.sent for call in calls),
        }
    finally:
        for call in calls:
            call.close()


def pin(core):
    """Keep this process on one core."""
    os.sched_setaffinity(0, {core})
