"""Numbers as callers give them: times and settings, with errors that name the argument and its value."""

from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.number cimport PyNumber_Index


cdef inline str shown(object value):
    """A bad value as an error shows it: not endless, and whatever its repr does."""
    try:
        text = repr(value)
    except Exception:
        text = f"a {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."


cdef inline double read_milliseconds(str name, object value) except? -1.0:
    """Read a time in seconds of any origin, and return it in ms."""
    cdef double ms
    if PyFloat_CheckExact(value):
        ms = PyFloat_AS_DOUBLE(value) * 1000.0
    elif isinstance(value, bool):
        raise TypeError(f"{name} must be a time in seconds, not {value!r}")
    else:
        try:
            ms = <double>value * 1000.0
        except OverflowError:
            ms = 1e300
        except Exception:
            raise TypeError(f"{name} must be a time in seconds, not {shown(value)}") from None
    if not -1e15 < ms < 1e15:
        raise ValueError(f"{name} must be a finite time in seconds, of magnitude below 1e12, not {shown(value)}")
    return ms


cdef inline double read_setting(str name, object value, double low, double high) except? -1.0:
    """Read a number from low to high."""
    cdef double number = low - 1
    if not isinstance(value, (bool, str)):
        try:
            number = <double>value
        except Exception:
            pass  # refused below, like every other value out of range
    if not low <= number <= high:
        raise ValueError(f"{name} must be a number from {low:g} to {high:g}, not {shown(value)}")
    return number


cdef inline int read_rate(object rate) except -1:
    """Read a sampling rate in Hz."""
    try:
        number = None if isinstance(rate, bool) else PyNumber_Index(rate)
    except Exception:
        number = None
    if number is None:
        raise TypeError(f"rate must be an integer number of Hz, not {shown(rate)}")
    if number != 8000 and number != 16000:
        raise ValueError(f"rate must be 8000 or 16000 Hz, not {shown(rate)}")
    return number
