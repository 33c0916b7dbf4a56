from typing import Any, TypeVar, overload

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Buffer

_Out = TypeVar("_Out", bound=Buffer | NDArray[Any])

@overload
def ulaw_decode(data: Buffer | NDArray[Any], *, out: None = None) -> NDArray[np.int16]: ...
@overload
def ulaw_decode(data: Buffer | NDArray[Any], *, out: _Out) -> _Out: ...
@overload
def ulaw_encode(pcm: Buffer | NDArray[Any], *, out: None = None) -> bytes: ...
@overload
def ulaw_encode(pcm: Buffer | NDArray[Any], *, out: _Out) -> _Out: ...
