from typing import Any, Literal, Self, SupportsFloat, SupportsIndex, TypeVar, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray
from typing_extensions import Buffer, disjoint_base

_Out = TypeVar("_Out", bound=Buffer | NDArray[Any])

QUALITIES: tuple[str, ...]

@disjoint_base
class Resampler:
    def __new__(
        cls,
        rate_in: SupportsIndex,
        rate_out: SupportsIndex,
        *,
        dtype: DTypeLike = "int16",
        quality: Literal["voice", "wide", "fast"] = "voice",
    ) -> Self: ...
    @overload
    def process(self, x: Buffer | NDArray[Any], out: None = None) -> NDArray[Any]: ...
    @overload
    def process(self, x: Buffer | NDArray[Any], out: _Out) -> _Out: ...
    def flush(self) -> NDArray[Any]: ...
    def reset(self, *, fade_ms: SupportsFloat = 0.0) -> None: ...
    def output_len(self, n: SupportsIndex) -> int: ...
    @property
    def rate_in(self) -> int: ...
    @property
    def rate_out(self) -> int: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def quality(self) -> str: ...
    @property
    def delay(self) -> int: ...
    @property
    def latency(self) -> float: ...
    @property
    def clipped(self) -> int: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def __repr__(self) -> str: ...

@overload
def resample(
    x: NDArray[np.integer[Any]],
    rate_in: SupportsIndex,
    rate_out: SupportsIndex,
    *,
    quality: Literal["voice", "wide", "fast"] = "voice",
) -> NDArray[np.int16]: ...
@overload
def resample(
    x: NDArray[np.floating[Any]],
    rate_in: SupportsIndex,
    rate_out: SupportsIndex,
    *,
    quality: Literal["voice", "wide", "fast"] = "voice",
) -> NDArray[np.float32]: ...
@overload
def resample(
    x: Buffer | NDArray[Any],
    rate_in: SupportsIndex,
    rate_out: SupportsIndex,
    *,
    quality: Literal["voice", "wide", "fast"] = "voice",
) -> NDArray[Any]: ...
