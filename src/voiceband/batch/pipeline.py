"""Pipeline: stages in a row, as one value, for arrays, blocks and files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import numpy as np

from voiceband._checks import check_integer
from voiceband.batch.echo_watch import EchoWatch
from voiceband.batch.stages import Decode, Spec, Split, Stage
from voiceband.batch.tone_watch import ToneWatch
from voiceband.dsp._shared.convert import check_finite

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import ArrayLike, NDArray
    from typing_extensions import Buffer

    from voiceband.batch.streams import StageRunner
    from voiceband.batch.tone_watch import ChannelTone
    from voiceband.sound.codes import Channels
    from voiceband.sound.echoes import EchoSpan

DTYPES = ("int16", "float32")


@final
class Pipeline:
    """Stages in a row. A value: it compares, hashes and pickles, and holds no state of any audio.

    Parameters
    ----------
    *stages : Decode, Tones, Echoes, Denoise, Resample, Conceal, Normalise, Split or Mix
        In the order in which they are done. `Decode` can only be the first; none at all passes audio through.

    Raises
    ------
    TypeError
        If one of them is no stage.
    ValueError
        If `Decode` is not the first.

    Notes
    -----
    Output is in time with the input: delays of the kernels are taken away, ends are flushed. Arrays, blocks, files and
    live streams give the same bits, however they are cut. Safe from any thread.

    Examples
    --------
    >>> from voiceband.batch import Denoise, Resample
    >>> clean = Pipeline(Decode("audio/x-mulaw;rate=8000"), Denoise(85), Resample(16000))
    >>> clean(bytes(8000)).shape
    (16000,)
    >>> import pickle
    >>> pickle.loads(pickle.dumps(clean)) == clean
    True
    """

    __slots__ = ("_stages",)

    def __init__(self, *stages: Stage) -> None:
        for i, stage in enumerate(stages):
            if not isinstance(stage, Stage):
                raise TypeError(f"stages must be Decode, Denoise, Resample and so on, not {stage!r}")
            if i and isinstance(stage, Decode):
                raise ValueError(f"Decode must be the first stage, not number {i + 1}")
        self._stages = stages

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages, in order."""
        return self._stages

    @property
    def splits(self) -> bool:
        """Whether files get one output a channel."""
        return any(isinstance(stage, Split) and stage.channel is None for stage in self._stages)

    @property
    def decodes(self) -> bool:
        """Whether the input is bytes."""
        return bool(self._stages) and isinstance(self._stages[0], Decode)

    def spec(self, rate: int | None = None, channels: int = 1, dtype: str = "int16") -> Spec:
        """Return rate, channels and dtype of what comes out; what goes in matters only without `Decode`.

        Raises
        ------
        ValueError
            If a stage cannot take what comes to it.
        """
        spec = self._input(rate, channels, dtype)
        for stage in self._stages:
            spec = stage.after(spec)
        return spec

    def _input(self, rate: int | None, channels: int, dtype: Any) -> Spec:
        if self.decodes:
            if rate is not None:
                raise ValueError(f"rate must be left out, not {rate!r}: the pipeline's Decode says it")
            return Spec(0, 1, "uint8")
        rate = check_integer("rate", rate, 1, unit="Hz")
        if np.dtype(dtype).name not in DTYPES:
            raise ValueError(f"dtype must be int16 or float32, not {np.dtype(dtype).name}")
        return Spec(rate, check_integer("channels", channels, 1), np.dtype(dtype).name)

    def __call__(self, x: Buffer | ArrayLike, rate: int | None = None) -> NDArray[Any]:
        """Process a whole recording.

        Parameters
        ----------
        x : ndarray, shape (n,) or (channels, n), int16 or float32
            Full scale 32768 or 1.0. For a pipeline that begins with `Decode`: a buffer of bytes.
        rate : int, Hz
            Of `x`; left out with `Decode`.

        Returns
        -------
        y : ndarray
            As many dimensions as `x`; with `Decode` two if it gives several channels. The dtype of `x`; int16 with
            `Decode`.

        Raises
        ------
        TypeError
            If `x` has no buffer, or `rate` is missing or no integer.
        ValueError
            If shape, dtype or rate do not match, a float sample is not finite, or bytes end inside a frame.

        Examples
        --------
        >>> from voiceband.batch import Mix, Resample
        >>> Pipeline(Mix(), Resample(8000))(np.zeros((2, 480), np.int16), 24000).shape
        (1, 160)
        """
        x = self._array(x)
        stream = PipelineStream(self, rate, None if x.ndim == 1 else len(x), x.dtype)
        return np.concatenate([stream.process(x), stream.flush()], axis=-1)

    def _array(self, x: Any) -> NDArray[Any]:
        if self.decodes and not isinstance(x, np.ndarray):
            try:
                return np.frombuffer(x, np.uint8)
            except TypeError:
                raise TypeError(f"x must be a buffer of bytes, not {type(x).__name__}") from None
        array: NDArray[Any] = np.asarray(x)
        if array.ndim not in (1, 2):
            raise ValueError(f"x must have the shape (n,) or (channels, n), not {array.shape}")
        return array

    def stream(self, rate: int | None = None, *, channels: int | None = None, dtype: Any = "int16") -> PipelineStream:
        """Open a stream, to be fed block by block.

        Parameters
        ----------
        rate : int, Hz
            Of the input; left out with `Decode`.
        channels : int, optional
            Blocks have the shape (channels, n); by default they have the shape (n,).
        dtype : {"int16", "float32"} or the numpy type, optional
            Of the input.

        Raises
        ------
        ValueError
            If a stage cannot take what comes to it.

        Examples
        --------
        >>> from voiceband.batch import Denoise
        >>> stream = Pipeline(Denoise()).stream(8000)
        >>> len(stream.process(np.zeros(1000, np.int16))) + len(stream.flush())
        1000
        """
        return PipelineStream(self, rate, channels, dtype)

    def blocks(self, blocks: Iterable[Any], rate: int | None = None) -> Iterator[NDArray[Any]]:
        """Process a recording that comes in blocks, in constant memory.

        Parameters
        ----------
        blocks : iterable of ndarray
            As `x` of a call, one after the other, all of one kind; any lengths.
        rate : int, Hz
            Of the blocks; left out with `Decode`.

        Yields
        ------
        y : ndarray
            What is done; all of it together is what a call with the whole gives.

        Raises
        ------
        TypeError, ValueError
            As a call does.

        Examples
        --------
        >>> from voiceband.batch import Resample
        >>> pieces = (np.zeros(100, np.int16) for _ in range(10))
        >>> sum(len(y) for y in Pipeline(Resample(16000)).blocks(pieces, 8000))
        2000
        """
        stream = None
        for block in blocks:
            x = self._array(block)
            if stream is None:
                stream = PipelineStream(self, rate, None if x.ndim == 1 else len(x), x.dtype)
            yield stream.process(x)
        if stream is not None:
            yield stream.flush()

    def __eq__(self, other: object) -> bool:
        return self._stages == other._stages if isinstance(other, Pipeline) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._stages)

    def __reduce__(self) -> tuple[Any, ...]:
        return Pipeline, self._stages

    def __repr__(self) -> str:
        return f"Pipeline({', '.join(map(repr, self._stages))})"


@final
class PipelineStream:
    """A pipeline that runs on one recording; made by `Pipeline.stream`. For one thread at a time.

    Attributes
    ----------
    spec : Spec
        Rate, channels and dtype of what comes out.
    """

    def __init__(self, pipeline: Pipeline, rate: int | None, channels: int | None, dtype: Any) -> None:
        if pipeline.decodes and (channels is not None or np.dtype(dtype).name not in ("uint8", "int16")):
            raise ValueError(f"Decode takes bytes, or uint8 of shape (n,), not {np.dtype(dtype).name}")
        spec = pipeline._input(rate, 1 if channels is None else channels, dtype)
        self._channels, self._dtype = channels, np.dtype(spec.dtype)
        self._flat = channels is None
        self._runners: list[StageRunner] = []
        for stage in pipeline.stages:
            self._runners.append(stage.open(spec))
            spec = stage.after(spec)
            if isinstance(stage, Decode):
                self._flat = spec.channels == 1
        self.spec = spec

    @property
    def clipped(self) -> int:
        """How many samples were too loud for int16 so far."""
        return sum(runner.clipped for runner in self._runners)

    @property
    def tones(self) -> list[ChannelTone]:
        """What `Tones` stages have heard so far, in the order in which it ended."""
        return [tone for runner in self._runners if isinstance(runner, ToneWatch) for tone in runner.tones]

    @property
    def echoes(self) -> list[EchoSpan]:
        """What `Echoes` stages have heard so far."""
        return [span for runner in self._runners if isinstance(runner, EchoWatch) for span in runner.echoes]

    def process(self, x: Any) -> NDArray[Any]:
        """Take the next samples, and return what is done: a few samples less or more than their share.

        Parameters
        ----------
        x : ndarray
            Of the shape and dtype that the stream was opened for; any length.

        Returns
        -------
        y : ndarray, shape (m,) or (channels, m)
            The next samples of the output.

        Raises
        ------
        ValueError
            If shape or dtype do not match, or a float sample is not finite. The stream is as before then.
        """
        return self._joined(self.run(self._parts(x)))

    def flush(self) -> NDArray[Any]:
        """End the stream, and return the rest of it.

        Raises
        ------
        ValueError
            If bytes end inside a frame.
        """
        return self._joined(self.finish())

    def run(self, parts: Channels, first: int = 0) -> Channels:
        """Take a contiguous array a channel, and return as much; what `process` is made of."""
        for runner in self._runners[first:]:
            parts = runner.process(parts)
        return parts

    def finish(self) -> Channels:
        """Return the rest as a list of channels; what `flush` is made of."""
        tails = [self.run(runner.flush(), i + 1) for i, runner in enumerate(self._runners)]
        if not tails:
            return [np.empty(0, self._dtype)] * self.spec.channels
        return [np.concatenate(pieces) for pieces in zip(*tails, strict=True)]

    def _parts(self, x: Any) -> Channels:
        if self._dtype == np.uint8 and not isinstance(x, np.ndarray):
            x = np.frombuffer(x, np.uint8)
        x = np.asarray(x)
        if x.dtype != self._dtype:
            raise ValueError(f"x must hold {self._dtype} samples, not {x.dtype}")
        wanted = 1 if self._channels is None else 2
        if x.ndim != wanted or (wanted == 2 and len(x) != self._channels):
            shape = "(n,)" if wanted == 1 else f"({self._channels}, n)"
            raise ValueError(f"x must have the shape {shape}, not {x.shape}")
        rows = {"x": x} if wanted == 1 else {f"x[{k}]": row for k, row in enumerate(x)}
        if x.dtype == np.float32:
            for name, row in rows.items():
                check_finite(row, name)
        # Copies: the caller may use its array again, and what is given back is nobody else's.
        return [np.array(row, order="C") for row in rows.values()]

    def _joined(self, parts: Channels) -> NDArray[Any]:
        return parts[0] if self._flat else np.stack(parts)
