from typing import Any, Literal, TypeVar, overload

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Buffer

_Out = TypeVar("_Out", bound=Buffer | NDArray[Any])

@overload
def l16_decode(
    data: Buffer | NDArray[Any], *, byteorder: Literal["little", "big"] = "little", out: None = None
) -> NDArray[np.int16]: ...
@overload
def l16_decode(data: Buffer | NDArray[Any], *, byteorder: Literal["little", "big"] = "little", out: _Out) -> _Out: ...
@overload
def l16_encode(
    pcm: Buffer | NDArray[Any], *, byteorder: Literal["little", "big"] = "little", out: None = None
) -> bytes: ...
@overload
def l16_encode(pcm: Buffer | NDArray[Any], *, byteorder: Literal["little", "big"] = "little", out: _Out) -> _Out: ...
@overload
def to_float(pcm: Buffer | NDArray[Any], *, out: None = None) -> NDArray[np.float32]: ...
@overload
def to_float(pcm: Buffer | NDArray[Any], *, out: _Out) -> _Out: ...
@overload
def to_int16(x: Buffer | NDArray[Any], *, out: None = None) -> NDArray[np.int16]: ...
@overload
def to_int16(x: Buffer | NDArray[Any], *, out: _Out) -> _Out: ...
