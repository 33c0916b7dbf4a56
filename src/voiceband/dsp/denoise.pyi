from typing import Any, Literal, Self, SupportsFloat, SupportsIndex, TypeVar, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray
from typing_extensions import Buffer, disjoint_base

_Out = TypeVar("_Out", bound=Buffer | NDArray[Any])

@disjoint_base
class Denoiser:
    def __new__(
        cls,
        rate: SupportsIndex,
        *,
        level: SupportsFloat = 85,
        dtype: DTypeLike = "int16",
        latency: Literal["normal", "low"] = "normal",
    ) -> Self: ...
    def __repr__(self) -> str: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    @property
    def rate(self) -> int: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def latency(self) -> float: ...
    @property
    def level(self) -> float: ...
    @level.setter
    def level(self, value: SupportsFloat) -> None: ...
    @property
    def noise_dbfs(self) -> float: ...
    @property
    def snr_db(self) -> float: ...
    @property
    def speech_probability(self) -> float: ...
    def output_len(self, n: SupportsIndex) -> int: ...
    @overload
    def process(self, x: Buffer | NDArray[Any], out: None = None) -> NDArray[Any]: ...
    @overload
    def process(self, x: Buffer | NDArray[Any], out: _Out) -> _Out: ...
    def flush(self) -> NDArray[Any]: ...
    def reset(self) -> None: ...

@overload
def denoise(
    x: NDArray[np.integer[Any]],
    rate: SupportsIndex,
    *,
    level: SupportsFloat = 85,
    latency: Literal["normal", "low"] = "normal",
) -> NDArray[np.int16]: ...
@overload
def denoise(
    x: NDArray[np.floating[Any]],
    rate: SupportsIndex,
    *,
    level: SupportsFloat = 85,
    latency: Literal["normal", "low"] = "normal",
) -> NDArray[np.float32]: ...
@overload
def denoise(
    x: Buffer | NDArray[Any],
    rate: SupportsIndex,
    *,
    level: SupportsFloat = 85,
    latency: Literal["normal", "low"] = "normal",
) -> NDArray[Any]: ...
