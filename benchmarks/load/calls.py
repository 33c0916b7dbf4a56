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
from benchmarks.load.usage import SystemCalls, per_pair, used

SATURATED_CALLS, SATURATED_WARM, SATURATED_FRAMES = 50, 200, 1400
"""A session sends 29 s ahead of real time at most, which are 1450 frames."""
PACED_WARM_S = 1.0
FRAME_S = 0.02
PLAYOUT_DELAY_S = 0.1
PAUSE_S = 1.0
"""A player that has been dry for longer waits for another speech, and not for the rest of one."""
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
        self._dry_at = -math.inf  # when the player has played all that came
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
        """Read what there is; return for how long the player has been dry when it came."""
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
        dry_s = 0.0
        if frames:
            if self._dry_at < now - PAUSE_S:  # another speech begins
                self._dry_at = now
            dry_s = max(0.0, now - self._dry_at)
            self._dry_at = max(self._dry_at, now) + frames * FRAME_S
            if not self.replies:
                self._began = now
        self.replies += frames
        if self.answers and self.answers[0][0] <= now:
            self.socket.sendall(self.answers.popleft()[1])
        return dry_s

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
        pairs, since, wall = 0, None, 0.0
        while pairs < end:
            ready = poll.poll(TIMEOUT_S)
            if not ready:
                raise TimeoutError(f"no reply for {TIMEOUT_S:g} s")
            now = time.monotonic()
            for fd, _ in ready:
                call = by_fd[fd]
                before = call.replies
                call.read(now)
                got = call.replies - before
                pairs += got
                if got and call.sent < SATURATED_FRAMES and call.sent <= call.replies:
                    call.send(0.0)
            if since is None and pairs >= begin:
                since, from_pairs, wall = used(pid), pairs, time.monotonic()
        cost, wall_s = per_pair(since, used(pid), pairs - from_pairs), time.monotonic() - wall
        return {**cost, "busy": cost["us"] * (pairs - from_pairs) / 1e6 / wall_s}
    finally:
        for call in calls:
            call.close()


def paced(port, pid, n_calls, seconds, agent):
    """Send a frame of every call each 20 ms, evenly spread; return a pair's cost, and how late replies were.

    An echo is late by the time since what it repeats was sent. Speech is late by how long the player, which begins with
    the first of it, has been dry when more comes.
    """
    n_frames = round((PACED_WARM_S + seconds) / FRAME_S)
    calls = [Call(port, k, n_frames) for k in range(n_calls)]
    late = []

    def done(sent):
        return sum(call.replies for call in calls) if agent == "echo" else sent

    counted = SystemCalls(pid)
    try:
        poll = select.epoll()
        by_fd = {call.socket.fileno(): call for call in calls}
        for call in calls:
            poll.register(call.socket, select.EPOLLIN)
        clock = time.monotonic
        step_s, n = FRAME_S / n_calls, 0
        begin = clock() + 0.5
        since = None
        own_late = 0.0
        until = begin + PACED_WARM_S + seconds
        while (now := clock()) < until:
            while n < n_calls * n_frames and begin + n * step_s <= now:
                calls[n % n_calls].send(now)
                own_late = max(own_late, now - begin - n * step_s)
                n += 1
            if since is None and now >= begin + PACED_WARM_S:
                since, n_since, own_late = used(pid), done(n), 0.0
            for fd, _ in poll.poll(0, n_calls):
                call = by_fd[fd]
                first = call.replies
                dry_s = call.read(now)
                now = clock()
                if since is None:
                    continue
                if agent == "echo":
                    late += [now - at for at in call.sent_at[first : call.replies]]
                elif call.replies > first:
                    late.append(dry_s)
        until, pairs = used(pid), done(n)
        system_calls = counted.stop()
        replies = sum(call.replies for call in calls)
        if not replies or pairs == n_since:
            raise TimeoutError("no reply at all")
        cost = per_pair(since, until, pairs - n_since)
        late = late or [math.nan]  # where more came back than was sent, it is not known what was whose reply
        p50, p99 = (float(q) for q in np.quantile(late, [0.5, 0.99]))
        return {
            **cost,
            "system_calls": math.nan if system_calls is None else system_calls / pairs,
            "busy": cost["us"] * (pairs - n_since) / 1e6 / seconds,
            "late_p50_ms": p50 * 1000,
            "late_p99_ms": p99 * 1000,
            "late_max_ms": max(late) * 1000,
            "load_late_max_ms": own_late * 1000,
            "answered": replies / n,
        }
    finally:
        counted.stop()
        for call in calls:
            call.close()


def pin(core):
    """Keep this process on one core."""
    os.sched_setaffinity(0, {core})
