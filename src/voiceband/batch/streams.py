"""What runs when a pipeline runs: one object a stage, lists of channels in, lists of channels out, in time.

A runner takes blocks of any length and keeps what it needs of the past. Delays are taken away: the first samples that
come out belong to the first that went in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from voiceband.dsp.denoise import Denoiser
from voiceband.dsp.l16 import to_float, to_int16
from voiceband.dsp.resample import Resampler
from voiceband.sound.codes import Channels
from voiceband.sound.errors import left_over

if TYPE_CHECKING:
    from collections.abc import Callable

    from voiceband.formats import AudioFormat


class StageRunner(Protocol):
    """One stage of a stream that is running."""

    @property
    def clipped(self) -> int:
        """Samples that were too loud for int16."""
        ...

    def process(self, parts: Channels) -> Channels:
        """Take the next samples of each channel, and return what is done."""
        ...

    def flush(self) -> Channels:
        """Return the rest; the stream has ended."""
        ...


class ChannelStream(Protocol):
    """A stage of one channel."""

    @property
    def clipped(self) -> int:
        """Samples that were too loud for int16."""
        ...

    def process(self, x: NDArray[Any]) -> NDArray[Any]:
        """Take the next samples, and return what is done."""
        ...

    def flush(self) -> NDArray[Any]:
        """Return the rest."""
        ...


class EachChannel:
    """The same stage for every channel, each with a state of its own."""

    def __init__(self, make: Callable[[], ChannelStream], channels: int) -> None:
        self._streams = [make() for _ in range(channels)]
        self._ahead: Channels = []  # what some channels have given and others have not

    @property
    def clipped(self) -> int:
        """Samples that were too loud for int16."""
        return sum(stream.clipped for stream in self._streams)

    def process(self, parts: Channels) -> Channels:
        """Take the next samples, and return what is done."""
        return self._aligned([stream.process(x) for stream, x in zip(self._streams, parts, strict=True)])

    def flush(self) -> Channels:
        """Return the rest; the stream has ended."""
        return self._aligned([stream.flush() for stream in self._streams])

    def _aligned(self, done: Channels) -> Channels:
        """Give as much of each channel as there is of all: how much is held back may depend on the samples."""
        if self._ahead:
            done = [np.concatenate(both) for both in zip(self._ahead, done, strict=True)]
        n = min(map(len, done))
        self._ahead = [x[n:] for x in done] if any(len(x) > n for x in done) else []
        return [x[:n] for x in done]


class Stateless:
    """A stage that makes samples of those of the same moment only."""

    def __init__(self, function: Callable[[Channels], Channels], channels: int, dtype: str) -> None:
        self.clipped = 0
        self._function = function
        self._nothing = [np.empty(0, dtype)] * channels

    def process(self, parts: Channels) -> Channels:
        """Take the next samples, and return what is done."""
        return self._function(parts)

    def flush(self) -> Channels:
        """Return the rest; the stream has ended."""
        return self._nothing


class Decoding:
    """Bytes to channels. Bytes of a frame that is not complete wait for the rest of it."""

    def __init__(self, form: AudioFormat, channels: int, byteorder: Any) -> None:
        self.clipped = 0
        self._form, self._channels, self._byteorder = form, channels, byteorder
        self._pending = b""

    def process(self, parts: Channels) -> Channels:
        """Take the next samples, and return what is done."""
        data: Any = parts[0]
        frame = self._form.sample_bytes * self._channels
        if self._pending or len(data) % frame:
            whole = self._pending + bytes(data)
            kept = len(whole) - len(whole) % frame
            data, self._pending = whole[:kept], whole[kept:]
        pcm = self._form.decode(data, self._byteorder)
        if self._channels == 1:
            return [pcm]
        return list(np.ascontiguousarray(pcm.reshape(-1, self._channels).T))

    def flush(self) -> Channels:
        """Return the rest; the stream has ended."""
        if self._pending:
            frame = self._form.sample_bytes * self._channels
            raise ValueError(f"the data ends inside a frame: {left_over(len(self._pending))}, and a frame has {frame}")
        return [np.empty(0, np.int16)] * self._channels


class InTime:
    """A kernel that is late: its first samples, the silence before the input, are dropped."""

    def __init__(self, stream: Denoiser | Resampler, late: int) -> None:
        self._stream, self._late = stream, late

    @property
    def clipped(self) -> int:
        """Samples that were too loud for int16."""
        return self._stream.clipped if isinstance(self._stream, Resampler) else 0

    def process(self, x: NDArray[Any]) -> NDArray[Any]:
        """Take the next samples, and return what is done."""
        return self._drop(self._stream.process(x))

    def flush(self) -> NDArray[Any]:
        """Return the rest; the stream has ended."""
        return self._drop(self._stream.flush())

    def _drop(self, y: NDArray[Any]) -> NDArray[Any]:
        late = min(self._late, len(y))
        self._late -= late
        return y[late:]


def resampling(rate_in: int, rate_out: int, dtype: str, quality: Any = "voice") -> InTime:
    """Make a resampler whose output is in time with its input."""
    resampler = Resampler(rate_in, rate_out, dtype=dtype, quality=quality)
    return InTime(resampler, resampler.delay)


def denoising(rate: int, level: float, dtype: str) -> ChannelStream:
    """Make a suppressor for any rate; what is not 8 or 16 kHz goes there and back."""
    work = 8000 if rate <= 8000 else 16000
    kept = dtype if rate == work else "float32"
    suppressor = Denoiser(work, level=level, dtype=kept)
    in_time = InTime(suppressor, round(suppressor.latency * work))
    if rate == work:
        return in_time
    stages = [resampling(rate, work, kept), in_time, resampling(work, rate, kept)]
    return ThereAndBack(stages, rounded=dtype == "int16")


class ThereAndBack:
    """Stages in a row for one channel, as long as the input; int16 is float32 on the way, and rounded once."""

    def __init__(self, stages: list[InTime], *, rounded: bool) -> None:
        self._stages, self._rounded = stages, rounded
        self._owed = 0  # samples that went in and did not come out
        self.clipped = 0

    def process(self, x: NDArray[Any]) -> NDArray[Any]:
        """Take the next samples, and return what is done."""
        self._owed += len(x)
        return self._finish(self._run(0, to_float(x) if self._rounded else x))

    def flush(self) -> NDArray[Any]:
        """Return the rest; the stream has ended."""
        tails = [self._run(i + 1, stage.flush()) for i, stage in enumerate(self._stages)]
        return self._finish(np.concatenate(tails)[: self._owed])

    def _run(self, first: int, x: NDArray[Any]) -> NDArray[Any]:
        for stage in self._stages[first:]:
            x = stage.process(x)
        return x

    def _finish(self, y: NDArray[Any]) -> NDArray[Any]:
        self._owed -= len(y)
        if not self._rounded:
            return y
        self.clipped += int(np.count_nonzero((y >= 1.0) | (y < -1.0)))
        return to_int16(y)
