"""A memory of nonces, against requests that come a second time."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, NoReturn, Protocol

from voiceband._checks import check_integer, check_number

if TYPE_CHECKING:
    from collections.abc import Callable


class Nonces(Protocol):
    """What remembers nonces."""

    def add(self, nonce: str) -> bool:
        """Remember a nonce; return whether it is new."""


class NonceCache:
    """Remembers nonces for a while, so that a recorded request cannot be played again.

    Signatures carry no time, so a replay is refused only as long as its nonce is remembered: by this process, for
    `max_age_s`, and among the last `max_size`; `NonceFile` is for several processes. Objects may be shared
    between threads.

    Parameters
    ----------
    max_size : int, optional
        Nonces remembered at most; the oldest goes first.
    max_age_s : float, optional
        Seconds that a nonce is remembered.
    clock : callable, optional
        Gives the time in seconds; monotonic.

    Raises
    ------
    TypeError
        If one of the two is no number, or `max_size` no integer.
    ValueError
        If one of the two is not positive.

    Examples
    --------
    >>> nonces = NonceCache()
    >>> nonces.add("12345678901234567890"), nonces.add("12345678901234567890")
    (True, False)
    """

    def __init__(
        self, max_size: int = 100_000, max_age_s: float = 3600.0, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._max_size = check_integer("max_size", max_size, 1)
        self._max_age_s = check_number("max_age_s", max_age_s, 0, unit="s", above=True)
        self._clock = clock
        self._seen: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, nonce: str) -> bool:
        """Remember a nonce; return whether it is new."""
        with self._lock:
            now = self._clock()
            while self._seen and next(iter(self._seen.values())) <= now - self._max_age_s:
                self._seen.popitem(last=False)
            if nonce in self._seen:
                return False
            if len(self._seen) >= self._max_size:
                self._seen.popitem(last=False)
            self._seen[nonce] = now
            return True

    def __len__(self) -> int:
        return len(self._seen)

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a NonceCache cannot be copied or pickled: what it remembers is for one process; share a NonceFile"
        )

    def __repr__(self) -> str:
        return f"NonceCache({len(self)} of {self._max_size})"
