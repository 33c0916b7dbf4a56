"""What numpy users hold as samples, made into one row of int16 or float32: the rules for every argument of samples.

Integers of any width are 16-bit sample values, and saturate; floats have full scale 1.0. What says neither (uint8,
which may be wire bytes, bool, objects) is refused, and so are NaN and more than one channel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray


def as_samples(x: Any, dtype: DTypeLike | None = None, *, name: str = "x") -> NDArray[Any]:
    """Return samples as a C-contiguous array, which is `x` itself where that is one.

    Parameters
    ----------
    x : ndarray or buffer, shape (n,) or (n, 1)
        Integers or floats, of any width, byte order and stride; or an object that numpy makes such an array of.
        `bytes` and other buffers of bytes are samples of `dtype` in the machine's byte order.
    dtype : {"int16", "float32"}, optional
        What to return; by default float32 for floats and int16 for integers.
    name : str, optional
        The argument's name in errors.

    Returns
    -------
    samples : ndarray, shape (n,), int16 or float32
        With full scale 32768 or 1.0.

    Raises
    ------
    TypeError
        If `x` is no array and no buffer, or is masked.
    ValueError
        If its items are no samples, a float is not finite, or the shape is another one.

    Examples
    --------
    >>> as_samples(np.array([40000, -5], np.int64)).tolist()
    [32767, -5]
    >>> as_samples(np.array([0.5, -2.0]), "int16").tolist()
    [16384, -32768]
    """
    wanted = None if dtype is None else np.dtype(dtype)
    given = as_array(x, name)
    if given.dtype == np.uint8 and given.flags.c_contiguous and given.ndim == 1 and not hasattr(x, "__array__"):
        return _of_bytes(given, wanted or np.dtype(np.int16), name)
    samples = _row(given, name)
    if samples.dtype.kind == "f":
        check_finite(samples, name)
        if samples.dtype.itemsize > 4:
            most = float(np.finfo(np.float32).max)
            samples = np.clip(samples, -most, most)
        floats = np.ascontiguousarray(samples, np.float32)
        if wanted != np.int16:
            return floats
        return np.minimum(np.rint(np.clip(floats, -1, 1) * 32768), 32767).astype(np.int16)
    if samples.dtype == np.uint8:
        raise ValueError(
            f"{name} must hold samples (integers or floats), not uint8: ulaw_decode, alaw_decode and l16_decode make "
            f"samples of wire bytes"
        )
    if samples.dtype.kind not in "iu":
        raise ValueError(f"{name} must hold samples (integers or floats), not {samples.dtype}")
    if samples.dtype != np.int16:
        limits = np.iinfo(samples.dtype)
        samples = np.clip(samples, max(limits.min, -32768), min(limits.max, 32767))
    integers = np.ascontiguousarray(samples, np.int16)
    return integers * np.float32(1 / 32768) if wanted == np.float32 else integers


def as_bytes(x: Any, name: str) -> NDArray[np.uint8]:
    """Return wire bytes as a C-contiguous array: of a row of uint8 items, strided perhaps."""
    row = _row(as_array(x, name), name)
    if row.dtype.kind == "S" and row.dtype.itemsize == 1:
        row = row.view(np.uint8)
    if row.dtype != np.uint8:
        raise ValueError(f"{name} must hold uint8 items, not {row.dtype}")
    return np.ascontiguousarray(row)


def as_array(x: Any, name: str) -> NDArray[Any]:
    """Return what is an array, or has a buffer or numpy's interface, as an array; lists and text have none."""
    if isinstance(x, np.ma.MaskedArray):
        raise TypeError(f"{name} must not be masked: fill it, as in {name}.filled(0)")
    if isinstance(x, np.ndarray):
        return x
    if not hasattr(x, "__array__"):
        try:
            x = memoryview(x)
        except TypeError:
            raise TypeError(f"{name} must be an array or a buffer, not {type(x).__name__}") from None
        except (BufferError, ValueError) as error:
            raise ValueError(f"{name} must be a readable buffer: {error}") from None
    try:
        return np.asarray(x)
    except Exception as error:
        raise TypeError(
            f"{name} must be an array that numpy can read, not a {type(x).__name__}: {error}. "
            f"Convert it first; a tensor, with .detach().float().cpu()"
        ) from None


def _of_bytes(given: NDArray[np.uint8], dtype: np.dtype[Any], name: str) -> NDArray[Any]:
    """Return samples out of bytes that have no other item type."""
    if len(given) % dtype.itemsize:
        raise ValueError(f"{name} must hold whole {dtype} samples of {dtype.itemsize} bytes, not {len(given)} bytes")
    samples = np.frombuffer(given, dtype)
    if dtype == np.float32:
        check_finite(samples, name)
    return samples


def _row(given: NDArray[Any], name: str) -> NDArray[Any]:
    """Return the one channel of an array."""
    if given.ndim == 1:
        return given
    if given.ndim != 2:
        raise ValueError(f"{name} must be one-dimensional, not of shape {given.shape}")
    if given.shape[1] == 1:
        return given[:, 0]
    if given.shape[0] == 1:
        raise ValueError(f"{name} must be one-dimensional, not of shape {given.shape}: give {name}[0]")
    raise ValueError(
        f"{name} must be one channel, not of shape {given.shape}: choose one, as in {name}[:, 0], or mix them, as in "
        f"{name}.mean(axis=1).astype({name}.dtype)"
    )


def check_finite(samples: NDArray[Any], name: str) -> None:
    """Refuse a row of floats that holds one which is not finite."""
    finite = np.isfinite(samples)
    if not finite.all():
        at = int(np.argmin(finite))
        raise ValueError(f"{name} must be finite, but {name}[{at}] is {samples[at]}")
