"""A limiter that cannot wrap: straight up to 0.8 of full scale, and bent above, so that full scale is never reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

KNEE = 0.8


def limit(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return samples within full scale, 1.0.

    With t = (|x| - 0.8) / 0.2, what is above the knee becomes 0.8 + 0.2 t / (1 + t): its slope goes on there, and each
    processor gives the same bits.

    Examples
    --------
    >>> limit(np.array([0.5, 1.0, -9.0])).round(3).tolist()
    [0.5, 0.9, -0.995]
    """
    over = np.abs(x) - KNEE
    if not len(x) or over.max() <= 0:
        return x
    t = np.maximum(over, 0.0) / (1 - KNEE)
    return np.where(over > 0, np.copysign(KNEE + (1 - KNEE) * (t / (1 + t)), x), x)
