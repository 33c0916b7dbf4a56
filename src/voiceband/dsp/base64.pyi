from typing import Any

from numpy.typing import NDArray
from typing_extensions import Buffer

def base64_encode(data: Buffer | NDArray[Any], head: str = "", tail: str = "") -> str: ...
def base64_decode(text: str | Buffer) -> bytes: ...
