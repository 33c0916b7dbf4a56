from typing import TypeVar, overload

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Buffer

_Out = TypeVar("_Out", bound=Buffer)

@overload
def alaw_decode(data: Buffer, *, out: None = None) -> NDArray[np.int16]: ...
@overload
def alaw_decode(data: Buffer, *, out: _Out) -> _Out: ...
@overload
def alaw_encode(pcm: Buffer, *, out: None = None) -> bytes: ...
@overload
def alaw_encode(pcm: Buffer, *, out: _Out) -> _Out: ...
