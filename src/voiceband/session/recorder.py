"""Records a call as it happened: left the caller by the wire's timestamps, right the agent where it was heard.

What was sent is held until the playout clock is sure that it was played, or until an interruption settles how far it
came; what was cleared never gets into the file. The file is a valid WAV whenever the process dies: samples are written
first, the header's sizes after them, about once a second.
"""

from __future__ import annotations

import collections
import math
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from voiceband.dsp.resample import Resampler
from voiceband.dsp.timeline import Timeline
from voiceband.session.outbound.playout import reached_in

if TYPE_CHECKING:
    import os
    from types import TracebackType
    from typing import BinaryIO, Self

    from numpy.typing import NDArray

    from voiceband.formats import AudioFormat, ByteOrder
    from voiceband.protocol import Media
    from voiceband.session.outbound.ledger import Ledger
    from voiceband.session.outbound.playout import PlayoutClock, Stretch
    from voiceband.session.transport import Transport

FLUSH_S = 1.0
HEADER_BYTES = 44
MARGIN_S = 1.0
"""What is this old is not corrected any more."""
STEP_S = 0.06
"""Corrections of the playout clock within unbroken playing that are smaller than this do not move the audio."""
STILL_S = 3.0
"""How long the caller's media may stand still before the agent's side is written without it."""
MAX_HOLE_S = 3600.0


class Recorder:
    """Writes one call to a stereo WAV file; give it to one `Session` as ``recorder=``.

    Parameters
    ----------
    path : path-like
        Made with the first audio; an older file is replaced.

    Notes
    -----
    Use it as a context manager, or call `close` after the call: the last second or so is written then. Memory is
    bounded by what waits at the far end, 30 s, and two seconds more. A reconnected stream goes on in the same file and
    on the same timeline; the file keeps the rate of the first stream, and a later one of another rate is resampled.

    Examples
    --------
    >>> from voiceband.session import Session
    >>> with Recorder("call.wav") as recorder:
    ...     call = Session(rate=16000, recorder=recorder)
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._file: BinaryIO | None = None
        self._rate = 8000
        self._wire: AudioFormat | None = None
        self._byteorder: ByteOrder = "little"
        self._transport: Any = None
        self._clock: Any = None
        self._ledger: Any = None
        self._own: Timeline | None = None
        self._written = 0  # frames in the file
        self._caller = self._agent = _Rate(8000, 8000)
        self._left = np.zeros(0, np.int16)  # from `_written` on
        self._right = np.zeros(0, np.int16)
        self._left_end = 0
        self._right_end = 0
        self._right_position = -1  # position behind the last sample placed
        self._offset: int | None = 0  # from the timeline's samples to frames; None: to be found again
        self._origin = math.nan  # when frame 0 was spoken, as it arrives at the least delay
        self._pieces: collections.deque[tuple[int, bytes]] = collections.deque()
        self._now = -math.inf
        self.due = math.inf  # when to say what time it is, should nothing else come

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ---- what the session tells

    def open(
        self, wire: AudioFormat, byteorder: ByteOrder, transport: Transport, clock: PlayoutClock, ledger: Ledger
    ) -> None:
        """Learn the wire; called by the session."""
        self._wire, self._byteorder, self._transport = wire, byteorder, transport
        self._clock, self._ledger = clock, ledger
        if self._file is None:
            self._rate = wire.sample_rate
            self._file = self.path.open("w+b")
            self._file.write(_header(self._rate, 0))
            self._file.flush()
        if self._caller.rate != wire.sample_rate:
            self._flush_caller()
            self._caller, self._agent = _Rate(wire.sample_rate, self._rate), _Rate(wire.sample_rate, self._rate)
        self._right_position = -1

    def media(self, media: Media, pcm: Any) -> None:
        """Take a message that the session does not put on a timeline itself."""
        if self._own is None:
            self._own = Timeline(self._caller.rate, fill=None)
        for segment in self._own.push(media.chunk, media.timestamp_ms, pcm):
            self.caller(segment.start_sample, segment.pcm)

    def caller(self, start: int, pcm: NDArray[np.int16]) -> None:
        """Take the caller's samples at their place on the timeline."""
        if self._wire is None:
            return
        rate = self._caller.rate
        now = self._transport.seen_at
        if math.isinf(now):  # media without timestamps
            now = self._origin + (start + len(pcm)) / rate if not math.isnan(self._origin) else 0.0
        date = self._transport.date if not math.isinf(self._transport.date) else now
        end_date = date - len(pcm) / rate
        if math.isnan(self._origin):
            self._origin = end_date
        if self._offset is None:  # another stream of the same call: as much later as it came
            self._flush_caller()
            begins = max(self._left_end, round((end_date - self._origin) * self._rate))
            self._offset = begins - self._caller.frames(start)
        at = self._caller.frames(start) + self._offset
        # Follow the carrier's clock, so that the two sides stay together over hours.
        self._origin = end_date - at / self._rate
        if at - self._left_end <= MAX_HOLE_S * self._rate:
            if start != self._caller.expected:  # a hole
                self._flush_caller()
            at, pcm = self._caller.push(at, start, pcm)
            self._put_left(at, pcm)
        self._settle(now)
        if self._left_end - self._written > (FLUSH_S + MARGIN_S) * self._rate:
            self._write(self._final(), sync=True)

    def tick(self, now: float) -> None:
        """Learn what time it is: what was played is settled and written, even while the caller's media stands still."""
        self._now = max(self._now, now)
        if self._file is None or math.isnan(self._origin):
            return
        self._settle(now)
        if self._final() - self._written > FLUSH_S * self._rate:
            self._write(self._final(), sync=True)
        self.due = now + FLUSH_S if self._pieces or self._right_end > self._written else math.inf

    def _put_left(self, at: int, pcm: NDArray[np.int16]) -> None:
        if at < self._written:  # it was held up for so long that its place is in the file already
            self._patch(at, pcm[: self._written - at])
        self._left = _put(self._left, at - self._written, pcm)
        self._left_end = max(self._left_end, at + len(pcm))

    def _flush_caller(self) -> None:
        """Place what the resampler still holds of the caller."""
        self._put_left(*self._caller.flush())

    def sent(self, position: int, frames: bytes, now: float) -> None:
        """Take what leaves for the far end, from a position on; called by the session."""
        if self._wire is not None:
            if math.isnan(self._origin):
                self._origin = now
            self._pieces.append((position, frames))
            self.due = min(self.due, now + FLUSH_S)

    def interrupted(self, now: float) -> None:
        """Settle what was heard when the session told the far end to clear."""
        if self._ledger is not None and self._ledger.interruptions:
            way = self._clock.round_trip_s or 0.0
            self._stop(self._ledger.interruptions[-1].stretches, now + way / 2)

    def reconnecting(self, now: float) -> None:
        """Settle what was heard of a stream that is gone."""
        if self._clock is not None:
            self._stop(self._clock.stretches, now)
        self.renumbered()

    def renumbered(self) -> None:
        """Expect the caller's samples under other numbers, to be placed by the wire's timestamps."""
        self._offset = None
        self._own = None

    def pause(self) -> None:
        """Bring the file up to date at the end of a stream; called by the session."""
        if self._clock is not None and self._transport is not None and not math.isinf(self._seen_at):
            self._settle(self._seen_at)
        self._write(self._final(), sync=True)
        self.due = math.inf

    def close(self) -> None:
        """Write what is left, and close the file."""
        if self._file is None:
            return
        try:
            if self._clock is not None:
                at = self._seen_at
                self._stop(self._clock.stretches, at if not math.isinf(at) else self._clock.ends_by())
            self._flush_caller()
            self._write(max(self._left_end, self._right_end), sync=True)
        finally:
            file, self._file, self._wire = self._file, None, None
            file.close()

    @property
    def _seen_at(self) -> float:
        return max(float(self._transport.seen_at), self._now)

    # ---- the agent's side

    def _settle(self, now: float) -> None:
        """Place what was surely played."""
        if not self._pieces:
            return
        clock = self._clock
        low = clock.reached(now, late=True)
        while self._pieces:
            position, frames = self._pieces[0]
            if position + len(frames) // self._wire.sample_bytes > low:  # type: ignore[union-attr]
                return
            self._pieces.popleft()
            self._place(clock.stretches, position, frames)

    def _stop(self, stretches: list[Stretch], at: float) -> None:
        """Place what was played until `at`, and forget the rest."""
        reached = reached_in(stretches, self._agent.rate, at, at)
        while self._pieces:
            position, frames = self._pieces.popleft()
            if reached is None or self._wire is None:
                continue
            n = min(round(sum(reached) / 2) - position, len(frames) // self._wire.sample_bytes)
            if n > 0:
                self._place(stretches, position, frames[: n * self._wire.sample_bytes])
        self._put_right(*self._agent.flush())

    def _place(self, stretches: list[Stretch], position: int, frames: bytes) -> None:
        assert self._wire is not None
        pcm = self._wire.decode(frames, self._byteorder)
        at = self._right_end
        for stretch in reversed(stretches):
            if stretch.position <= position:
                begins = (stretch.early + stretch.late) / 2 + (position - stretch.position) / self._agent.rate
                # The left side is as late as the way here; half a round trip is the best guess.
                way = (self._clock.round_trip_s or 0.0) / 2
                at = round((begins - self._origin + way) * self._rate)
                unbroken = position == self._right_position and position > stretch.position
                if unbroken and abs(at - self._right_end) < STEP_S * self._rate:
                    at = self._right_end
                break
        self._right_position = position + len(pcm)
        at = max(at, self._right_end, self._written)
        if at != self._right_end or position != self._agent.expected:
            self._put_right(*self._agent.flush())
            at = max(at, self._right_end)
        self._put_right(*self._agent.push(at, position, pcm))

    def _put_right(self, at: int, pcm: NDArray[np.int16]) -> None:
        if len(pcm):
            self._right = _put(self._right, at - self._written, pcm)
            self._right_end = at + len(pcm)

    # ---- the file

    def _final(self) -> int:
        """Return the frame up to which nothing changes any more."""
        end = self._left_end - round(MARGIN_S * self._rate)
        if self._now > -math.inf and not math.isnan(self._origin):
            # The caller's side may stand still; what comes of it later is put where it belongs.
            still = round((self._now - STILL_S - self._origin) * self._rate)
            end = max(end, min(still, self._right_end))
        if self._pieces:
            for stretch in reversed(self._clock.stretches):
                if stretch.position <= self._pieces[0][0]:
                    into = (self._pieces[0][0] - stretch.position) / self._agent.rate
                    end = min(end, round((stretch.early + into - self._origin) * self._rate))
                    break
        return max(end, self._written)

    def _patch(self, at: int, pcm: NDArray[np.int16]) -> None:
        """Put the caller's samples into what has been written."""
        first = max(0, -at)
        at, pcm = at + first, pcm[first:]
        if self._file is None or not len(pcm):
            return
        self._file.seek(HEADER_BYTES + at * 4)
        stereo = np.frombuffer(self._file.read(len(pcm) * 4), "<i2").reshape(-1, 2).copy()
        stereo[:, 0] = pcm[: len(stereo)]
        self._file.seek(HEADER_BYTES + at * 4)
        self._file.write(stereo.tobytes())

    def _write(self, end: int, *, sync: bool) -> None:
        if self._file is None:
            return
        n = end - self._written
        if n > 0:
            stereo = np.zeros((n, 2), "<i2")
            stereo[: len(self._left[:n]), 0] = self._left[:n]
            stereo[: len(self._right[:n]), 1] = self._right[:n]
            self._left, self._right = self._left[n:].copy(), self._right[n:].copy()
            self._written = end
            self._file.seek(0, 2)
            self._file.write(stereo.tobytes())
        if sync:
            self._file.flush()
            self._file.seek(0)
            self._file.write(_header(self._rate, self._written * 4))
            self._file.flush()


class _Rate:
    """One side's way from a stream's rate to the file's; numbers of samples that do not go on restart it."""

    __slots__ = ("_end", "_file_rate", "_resampler", "_skip", "expected", "rate")

    def __init__(self, rate: int, file_rate: int) -> None:
        self.rate = rate
        self.expected = -1  # the number of the sample that goes on
        self._file_rate = file_rate
        self._resampler = Resampler(rate, file_rate) if rate != file_rate else None
        self._skip = 0  # frames of the resampler's delay still to leave out
        self._end = 0

    def frames(self, n: int) -> int:
        """Return how many frames of the file so many samples are."""
        return round(n * self._file_rate / self.rate)

    def push(self, at: int, start: int, pcm: NDArray[np.int16]) -> tuple[int, NDArray[np.int16]]:
        """Return where in the file to put what, for samples from number `start` on that begin at frame `at`."""
        fresh = start != self.expected
        self.expected = start + len(pcm)
        if self._resampler is None:
            return at, pcm
        if fresh:
            self._end, self._skip = at, round(self._resampler.latency * self._file_rate)
        return self._given(self._resampler.process(pcm))

    def flush(self) -> tuple[int, NDArray[np.int16]]:
        """Return where to put what is still inside, and expect nothing."""
        tail = np.zeros(0, np.int16)
        if self._resampler is not None and self.expected >= 0:
            tail = self._resampler.flush()
            self._resampler.reset()
        self.expected = -1
        return self._given(tail)

    def _given(self, pcm: NDArray[np.int16]) -> tuple[int, NDArray[np.int16]]:
        n = min(self._skip, len(pcm))
        self._skip -= n
        at = self._end
        self._end += len(pcm) - n
        return at, pcm[n:]


def _put(buffer: NDArray[np.int16], at: int, pcm: NDArray[np.int16]) -> NDArray[np.int16]:
    """Return a buffer with samples at a place, longer if need be; what lies before its beginning is lost."""
    if at < 0:
        pcm = pcm[-at:]
        at = 0
    if not len(pcm):
        return buffer
    if at + len(pcm) > len(buffer):
        buffer = np.concatenate([buffer, np.zeros(at + len(pcm) - len(buffer), np.int16)])
    buffer[at : at + len(pcm)] = pcm
    return buffer


def _header(rate: int, n_bytes: int) -> bytes:
    """Return the 44 bytes before 16-bit stereo samples."""
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + n_bytes, b"WAVE", b"fmt ", 16, 1, 2, rate, rate * 4, 4, 16, b"data", n_bytes
    )
